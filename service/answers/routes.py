"""What answers at a path: documents, and endpoints that compute. Each reads its requests and forms its answers."""

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from service.answers.exchange import Asked, read_request, write_answer
from service.answers.messages import OK, READING, Answer, Fields, Request
from service.answers.metrics import Meter
from service.codec.problems import PROBLEM_MEDIA_TYPE, Problem
from service.codec.rows import Rows
from service.contract.routes import JSON_MEDIA_TYPE
from service.models.endpoints import Endpoint
from service.models.inference import Array


class Computable(Protocol):
    """What a route read: the rows to compute, and what is counted of them."""

    @property
    def rows(self) -> Rows:
        """Checked rows."""

    @property
    def out_of_range(self) -> int:
        """Raw values outside the range of their column in training."""

    @property
    def unknown_categories(self) -> int:
        """Levels of categories that training never saw."""


Read = TypeVar("Read", bound=Computable)


class AnyMethod(tuple[str, ...]):
    """All methods."""

    __slots__ = ()

    def __contains__(self, _: object) -> bool:
        """Take any."""
        return True


class Route(ABC):
    """A path with an answer.

    methods: those that it takes; architecture: its name, or ''; computes: whether it is a ComputingRoute, else it is a
    PlainRoute.
    """

    methods: tuple[str, ...] = READING
    architecture = ""
    computes = False
    takes_body = True
    """Whether bodies are kept for it."""

    def told(self, problem: Problem) -> Problem:
        """Return what a client is told of a problem."""
        return problem

    @abstractmethod
    def refusal(self, problem: Problem, request_id: bytes) -> Answer:
        """Return a problem in the form of the route."""


def problem_answer(problem: Problem, release: str, request_id: bytes) -> Answer:
    """Return a problem document."""
    body = problem.body(release=release, request_id=request_id)
    return Answer(problem.status.value, body, PROBLEM_MEDIA_TYPE, request_id, problem.fields)


class PlainRoute(Route):
    """Answers at once."""

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """Answer. Raises Problem."""


class DocumentRoute(PlainRoute):
    """Answers with a document that never changes while the worker lives."""

    def __init__(self, document: bytes, release: str, media_type: str = JSON_MEDIA_TYPE, headers: Fields = ()) -> None:
        self._document = document
        self._release = release
        self._media_type = media_type
        self._headers = headers

    def answer(self, request: Request) -> Answer:
        """Return the document."""
        return Answer(OK, self._document, self._media_type, request.request_id, self._headers)

    def refusal(self, problem: Problem, request_id: bytes) -> Answer:
        """Return a problem document."""
        return problem_answer(problem, self._release, request_id)


class ComputingRoute(Route, Generic[Read]):
    """Answers with what an endpoint computes."""

    methods = ("POST",)
    computes = True

    def __init__(self, endpoint: Endpoint, meter: Meter) -> None:
        self.endpoint = endpoint
        self.meter = meter
        self.architecture = endpoint.architecture

    @abstractmethod
    def read(self, request: Request) -> Read:
        """Read a request whose method is right. Raises Problem."""

    @abstractmethod
    def write(self, asked: Read, values: Array, request_id: bytes) -> Answer:
        """values: what the endpoint computed for the rows -> the answer."""


class EndpointRoute(ComputingRoute[Asked]):
    """An endpoint at the path that the contract gives it."""

    def __init__(self, endpoint: Endpoint, meter: Meter, release: str) -> None:
        super().__init__(endpoint, meter)
        self._release = release

    def read(self, request: Request) -> Asked:
        """Read JSON, ``.npy`` or CSV. Raises Problem."""
        return read_request(self.endpoint, request.headers, request.body, request.query)

    def write(self, asked: Asked, values: Array, request_id: bytes) -> Answer:
        """Answer in the media type that was asked for."""
        body, media_type = write_answer(self.endpoint, asked, values)
        return Answer(OK, body, media_type, request_id)

    def refusal(self, problem: Problem, request_id: bytes) -> Answer:
        """Return a problem document."""
        return problem_answer(problem, self._release, request_id)
