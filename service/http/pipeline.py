"""The requests of one connection that are not answered, in the order in which they came: so the answers leave."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.answers.messages import Answer, Request
from service.answers.routes import Route
from service.http.turn import SHORT_BYTES

if TYPE_CHECKING:
    from service.http.protocol import ServiceProtocol

MOST_WAITING = 64
"""Requests of one connection that wait for their answers: reading pauses beyond."""
MOST_WAITING_BYTES = 1024 * 1024
"""Of their bodies."""
SMALL_BODY = 64 * 1024
"""Bodies up to this size are copied behind their heads; larger ones are written as they are."""


class Computed:
    """The place of a request that the turn answers."""

    __slots__ = ("_pipeline", "answer", "closes", "is_hopeless", "request", "route")

    def __init__(
        self, pipeline: "Pipeline", route: Route, request: Request, *, closes: bool, is_hopeless: bool
    ) -> None:
        self._pipeline = pipeline
        self.route = route
        self.request = request
        self.answer: Answer | None = None
        self.closes = closes
        """Whether the connection ends with this answer."""
        self.is_hopeless = is_hopeless

    def is_wanted(self) -> bool:
        """Whether the client is still there."""
        return not self._pipeline.is_over()

    def settle(self, answer: Answer) -> None:
        """Take the answer, and send it if it is the next."""
        self.answer = answer
        self._pipeline.settle()


class Refused:
    """The place of what is no request, or passes a limit: the connection ends with the answer."""

    __slots__ = ("answer", "only_head")

    def __init__(self, answer: Answer, *, only_head: bool) -> None:
        self.answer = answer
        self.only_head = only_head


class Passed:
    """The place of a request that the ASGI application answers, when it is the first."""

    __slots__ = ("app", "cycle", "started")

    def __init__(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.cycle = cycle
        self.app = app
        self.started = False

    def disconnect(self) -> None:
        """Let the application know that nobody waits for its answer, and write none."""
        self.cycle.disconnected = True
        self.cycle.waiting_for_100_continue = False
        self.cycle.message_event.set()


class Flow(FlowControl):
    """Whether a connection is read and written. uvicorn reads on with every answer of an ASGI application."""

    def __init__(self, transport: asyncio.Transport, is_full: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._is_full = is_full

    def resume_reading(self) -> None:
        """Read on, unless too much waits already: then, when all of that is answered."""
        if not self._is_full():
            super().resume_reading()


class Pipeline:
    """The queue of one connection."""

    def __init__(self, connection: "ServiceProtocol") -> None:
        self._connection = connection
        self._shared = connection.shared
        self._places: deque[Computed | Refused | Passed] = deque()
        self._held: deque[Computed] = deque()
        """Of these, the last, which the turn was not given yet."""
        self._given = 0
        """Of these, how many it was given."""
        self._bytes = 0
        """Of the bodies of all that it answers."""
        self.is_over = connection.transport.is_closing
        """Whether nobody waits for answers any more."""

    def __len__(self) -> int:
        return len(self._places)

    def is_full(self) -> bool:
        """Whether no more should be read."""
        return len(self._places) > MOST_WAITING or self._bytes > MOST_WAITING_BYTES

    def add(self, route: Route, request: Request, *, closes: bool, is_hopeless: bool = False) -> None:
        """Queue a request that is whole. is_hopeless: it was refused before its body was read."""
        place = Computed(self, route, request, closes=closes, is_hopeless=is_hopeless)
        self._places.append(place)
        self._bytes += len(request.body)
        if self._given or self._held or is_hopeless or self._connection.flow.write_paused:
            self._held.append(place)
            self.offer()
        else:  # the only one of its connection, as mostly
            self._given = 1
            self._shared.turn.add(place)

    def pass_on(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Queue a request for the ASGI application, whose body may be still to come."""
        cycle.keep_alive = cycle.keep_alive and not self._connection.stopping
        self._places.append(Passed(cycle, app))
        self.settle()

    def take_back(self) -> bool:
        """Forget the last request, and return True, if it is for the ASGI application, whose answer has not begun."""
        last = self._places[-1] if self._places else None
        if not isinstance(last, Passed) or last.cycle.response_started:
            return False
        self._places.pop()
        last.disconnect()
        return True

    def end_with(self, answer: Answer, *, only_head: bool) -> None:
        """Queue the last answer."""
        self._places.append(Refused(answer, only_head=only_head))
        self.settle()

    def stop(self) -> None:
        """Let the last answer end the connection if it is the ASGI application's, as it does if it is another's."""
        last = self._places[-1] if self._places else None
        if isinstance(last, Passed):
            last.cycle.keep_alive = False

    def drop(self) -> None:
        """Forget all: the connection is lost."""
        for place in self._places:
            if isinstance(place, Passed):
                place.disconnect()
        self._places.clear()
        self._held.clear()

    def passed_is_answered(self) -> None:
        """Go on behind the first, which the ASGI application has answered."""
        if self._places:  # unless the connection was lost
            self._places.popleft()
            self.settle()

    def offer(self) -> None:
        """Give the turn what is whole, as long as the client reads what it is sent; one long body at a time."""
        while self._held and self._given < MOST_WAITING and not self._connection.flow.write_paused:
            if self._given and len(self._held[0].request.body) > SHORT_BYTES:
                return
            self._given += 1
            place = self._held.popleft()
            if place.is_hopeless:
                self._shared.turn.refuse(place)
            else:
                self._shared.turn.add(place)

    def settle(self) -> None:
        """Send the answers that are known, up to the first that is not; start the application where it is the next."""
        places = self._places
        while places and not self.is_over():
            first = places[0]
            if isinstance(first, Computed):
                if first.answer is None:
                    break
                places.popleft()
                self._given -= 1
                self._bytes -= len(first.request.body)
                closes = first.closes or (self._connection.stopping and self._connection.is_idle())
                self._send(first.answer, closes=closes, only_head=first.request.method == "HEAD")
                if closes:
                    self._connection.transport.close()
            elif isinstance(first, Refused):
                places.clear()
                self._send(first.answer, closes=True, only_head=first.only_head)
                self._shared.linger(self._connection)
                return
            else:
                if not first.started:
                    first.started = True
                    self._connection.start(first.cycle, first.app)
                return
        if self._held:
            self.offer()
        elif not places and not self.is_over():
            self._connection.rest()

    def _send(self, answer: Answer, *, closes: bool, only_head: bool = False) -> None:
        transport, state = self._connection.transport, self._connection.server_state
        state.total_requests += 1
        head = self._shared.heads.write(answer, state.default_headers, closes=closes)
        if only_head:
            transport.write(head)
        elif len(answer.body) <= SMALL_BODY:
            transport.write(head + answer.body)
        else:
            transport.writelines((head, answer.body))
