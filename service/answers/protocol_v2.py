"""The Open Inference Protocol v2 under ``/v2``: its routes, documents and answers.

Every architecture is a model that takes ``features``, and with ``-raw`` after its name one that takes ``raw``, or a
tensor for each column where some hold words; the release is their version. Errors are ``{"error": ...}``, as
the protocol has it.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NamedTuple

import numpy as np
import orjson

from service.answers.exchange import add_counts, check_encoding
from service.answers.messages import OK, Answer, Request
from service.answers.metrics import Meter
from service.answers.readiness import READINESS
from service.answers.routes import AnyMethod, ComputingRoute, DocumentRoute, PlainRoute, Route
from service.codec.column_tensors import ColumnsReader, describe_inputs, make_reader
from service.codec.infer_request import Reader
from service.codec.problems import Problem
from service.codec.rows import Rows
from service.codec.tensors import BINARY_MEDIA_TYPE, DATATYPES, HEADER_LENGTH_HEADER, Members, write
from service.contract.names import PREDICTION, RAW, RAW_SUFFIX
from service.contract.routes import JSON_MEDIA_TYPE
from service.models.endpoints import PREDICTING, Endpoint
from service.models.inference import Array

V2_ROUTE = "/v2"
READY_ROUTE = f"{V2_ROUTE}/health/ready"
READY_DOCUMENT = orjson.dumps({"live": True, "ready": True})
"""The specification names the member 'live' here too; KServe's client reads 'ready'."""
HEADER_LENGTH_KEY = HEADER_LENGTH_HEADER.lower().encode()


class InferAsked(NamedTuple):
    """What an inference request asks for, the members that its answer repeats, and whether its output is binary."""

    rows: Rows
    out_of_range: int
    unknown_categories: int
    echo: Members
    binary: bool


def is_v2(path: str) -> bool:
    """Whether the protocol's routes are meant."""
    return path == V2_ROUTE or path.startswith(f"{V2_ROUTE}/")


def model_name(endpoint: Endpoint) -> str:
    """Name in the protocol of an endpoint that predicts."""
    return endpoint.architecture + (RAW_SUFFIX if endpoint.takes.key == RAW else "")


def problem_answer_v2(problem: Problem, request_id: bytes) -> Answer:
    """Return a problem in the protocol's form."""
    body = orjson.dumps({"error": problem.detail})
    return Answer(problem.status.value, body, JSON_MEDIA_TYPE, request_id, problem.fields)


class V2Document(DocumentRoute):
    """A document of the protocol."""

    def refusal(self, problem: Problem, request_id: bytes) -> Answer:
        """Return a problem in the protocol's form."""
        return problem_answer_v2(problem, request_id)


class ReadyDocument(V2Document):
    """Whether the service wants requests."""

    def answer(self, request: Request) -> Answer:
        """Return the document. Raises Problem 503 while the worker ends."""
        if not READINESS.is_ready:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the service must be ready, however: it ends. Ask another.",
                rule="ready",
            )
        return super().answer(request)


class UnknownRoute(PlainRoute):
    """Any other path below ``/v2``: 404 comes before 405."""

    methods = AnyMethod()

    def __init__(self, models: Iterable[str], release: str) -> None:
        self._models = tuple(models)
        self._release = release

    def answer(self, request: Request) -> Answer:
        """Raise Problem 404, by the first part of the path that is not there."""
        path = request.path
        name, _, rest = path.removeprefix(f"{V2_ROUTE}/models/").partition("/")
        if not path.startswith(f"{V2_ROUTE}/models/"):
            rule = f"the path must be a route of the Open Inference Protocol, however: {path[:200]!r}."
        elif name not in self._models:
            rule = f"the model must be one of {', '.join(self._models)}, however: {name[:100]!r}."
        elif rest.startswith("versions/") and (version := rest.split("/")[1]) != self._release:
            rule = f"the version of '{name}' must be {self._release} or left out, however: {version[:100]!r}."
        else:
            rule = f"a model's routes are its own path, /ready and /infer, however: {path[:200]!r}."
        raise Problem(HTTPStatus.NOT_FOUND, rule, rule="route")

    def refusal(self, problem: Problem, request_id: bytes) -> Answer:
        """Return a problem in the protocol's form."""
        return problem_answer_v2(problem, request_id)


class InferRoute(ComputingRoute[InferAsked]):
    """Inference with one model."""

    def __init__(self, endpoint: Endpoint, meter: Meter, release: str, reader: Reader | ColumnsReader) -> None:
        super().__init__(endpoint, meter)
        self._named = {"model_name": model_name(endpoint), "model_version": release}
        self._reader = reader

    def read(self, request: Request) -> InferAsked:
        """Read JSON, or JSON with binary tensors behind it. Raises Problem."""
        check_encoding(request.headers.get(b"content-encoding"))
        sent = self._reader.read(request.body, request.headers.get(HEADER_LENGTH_KEY))
        rows, outside, unknown = self.endpoint.screen(sent.rows)
        return InferAsked(rows, outside, unknown, sent.echo, sent.binary)

    def write(self, asked: InferAsked, values: Array, request_id: bytes) -> Answer:
        """Answer with one tensor."""
        members: dict[str, Any] = {**self._named, **asked.echo}
        if self.endpoint.ranges is not None:
            members["parameters"] = parameters = {**members.get("parameters", {})}
            add_counts(parameters, self.endpoint.ranges, asked.out_of_range, asked.unknown_categories)
        body, json_bytes = write(members, PREDICTION, values, binary=asked.binary)
        if json_bytes is None:
            return Answer(OK, body, JSON_MEDIA_TYPE, request_id)
        headers = ((HEADER_LENGTH_KEY, b"%d" % json_bytes),)
        return Answer(OK, body, BINARY_MEDIA_TYPE, request_id, headers)

    def refusal(self, problem: Problem, request_id: bytes) -> Answer:
        """Return a problem in the protocol's form."""
        return problem_answer_v2(problem, request_id)


def make_v2_routes(
    endpoints: Iterable[Endpoint], release: str, make_meter: type[Meter] = Meter
) -> tuple[dict[str, Route], UnknownRoute]:
    """Return the protocol's routes by path, and what answers at all others below ``/v2``."""
    predicting = {model_name(endpoint): endpoint for endpoint in endpoints if endpoint.label in PREDICTING}
    documents = _server_documents(release)
    routes: dict[str, Route] = {}
    for name, endpoint in predicting.items():
        meter = make_meter(endpoint.architecture, f"v2_{endpoint.label}", release)
        infer = InferRoute(endpoint, meter, release, make_reader(endpoint.takes))
        for path in (f"{V2_ROUTE}/models/{name}", f"{V2_ROUTE}/models/{name}/versions/{release}"):
            documents[path] = orjson.dumps(_describe(name, endpoint, release))
            documents[f"{path}/ready"] = orjson.dumps({"name": name, "ready": True})
            routes[f"{path}/infer"] = infer
    routes |= {path: V2Document(document, release) for path, document in documents.items()}
    routes[READY_ROUTE] = ReadyDocument(READY_DOCUMENT, release)
    return routes, UnknownRoute(predicting, release)


def _server_documents(release: str) -> dict[str, bytes]:
    """Answers of the routes that name no model."""
    server = orjson.dumps({"name": "archscale", "version": release, "extensions": ["binary_tensor_data"]})
    return {
        V2_ROUTE: server,
        f"{V2_ROUTE}/": server,
        f"{V2_ROUTE}/health/live": orjson.dumps({"live": True}),
    }


def _describe(name: str, endpoint: Endpoint, release: str) -> Members:
    outputs = len(endpoint.headings)
    shape = [-1, outputs] if outputs > 1 else [-1]
    return {
        "name": name,
        "versions": [release],
        "platform": "onnxruntime_onnx",
        "inputs": describe_inputs(endpoint.takes),
        "outputs": [{"name": PREDICTION, "datatype": DATATYPES[np.float32], "shape": shape}],
    }
