"""HTTP/1.1 from bytes to answers: the routes of the contract never become messages of ASGI.

uvicorn's protocol for httptools, whose parser's callbacks only collect a request; when it is whole it takes its place
in the connection's queue, and ``service.web.turn`` answers it. What the contract has no route for goes to the ASGI
application as uvicorn does it, when its place is the first. Answers leave in the order of the requests.
"""

import functools
import time
import urllib.parse
from collections import deque
from http import HTTPStatus
from typing import Any

import httptools
import uvicorn
import uvicorn.config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.codec.problems import Problem, malformed
from service.web import routes
from service.web.access_log import request_id_of
from service.web.connections import Connections, Stage
from service.web.messages import Answer, Request, too_large
from service.web.routes import Route

TESTED_UVICORN = "0.54.0"
"""The class below overrides what is private to uvicorn."""
MOST_HEAD_BYTES = 64 * 1024
MOST_WAITING = 64
"""Requests of one connection that wait for their answers: reading pauses beyond."""
SMALL_BODY = 64 * 1024
"""Bodies up to this size are copied behind their heads; larger ones are written as they are."""


class Slot:
    """A request's place in its connection: what answers it, and the answer once that is known."""

    __slots__ = ("_connection", "answer", "close", "request", "route")

    def __init__(self, connection: "ServiceProtocol", route: Route, request: Request, *, close: bool) -> None:
        self._connection = connection
        self.route = route
        self.request = request
        self.answer: Answer | None = None
        self.close = close
        """Whether the connection ends with this answer."""

    def is_wanted(self) -> bool:
        """Whether the client is still there."""
        return not self._connection.transport.is_closing()

    def settle(self, answer: Answer) -> None:
        """Take the answer, and send it if it is its turn."""
        self.answer = answer
        self._connection.settle()


class Refusal:
    """The place of a request that is no HTTP, or passes a limit: the connection ends with the answer."""

    __slots__ = ("answer", "close")

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.close = True


class Passed:
    """The place of a request that the ASGI application answers."""

    __slots__ = ("app", "cycle", "started")

    def __init__(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.cycle = cycle
        self.app = app
        self.started = False


class ServiceProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, connections: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shared = connections
        self._slots: deque[Slot | Refusal | Passed] = deque()
        """All that is not answered, in the order in which it came."""
        self._held: deque[Slot] = deque()
        """Of these, the last, which the turn was not given yet."""
        self._given = 0
        """Of these, how many it was given."""
        self._deaf = False
        """Whether what still comes is thrown away: the last answer is on its way."""
        self._stopping = False
        self._owes_continue = False
        self.stage = Stage.IDLE
        self.since = 0.0
        """Time of the loop at which the stage began."""
        self.body_bytes = 0
        self._unread_bytes = 0
        """Of a head that is not whole, or behind the last byte of a body."""
        self._is_long = False
        self._began = False
        self._hosts = 0
        self._route: Route | None = None

    # --- the transport's calls

    def connection_made(self, transport: Any) -> None:
        """Take a connection."""
        super().connection_made(transport)
        self._enter(Stage.IDLE)
        self._shared.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a connection, whoever ended it."""
        for slot in self._slots:
            if isinstance(slot, Passed):
                slot.cycle.disconnected = True
                slot.cycle.message_event.set()
        self._slots.clear()
        self._held.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._deaf:
            return
        self._is_long = self._unread_bytes + len(data) > MOST_HEAD_BYTES
        self._began = False
        self._feed(data)
        if self.stage is not Stage.IDLE and not self._began:
            self._unread_bytes += len(data)
            if self._unread_bytes > MOST_HEAD_BYTES and not self._deaf:
                self._refuse(_head_too_large())
        if len(self._slots) > MOST_WAITING:
            self.flow.pause_reading()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Answer what is whole, then close: the client sends no more. A TLS connection can't stay half open."""
        if self.stage is Stage.BODY and self._route is None:
            return None
        self._deaf = True
        self._stopping = True
        self.stage = Stage.IDLE
        return bool(self._slots) and self.scheme == "http"

    def pause_writing(self) -> None:
        """Compute no more for a client that reads slower than it asks, until it has read."""
        super().pause_writing()
        self._shared.stalled(self)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._offer()

    def shutdown(self) -> None:
        """End with the last answer that is owed: the server stops."""
        self._stopping = True
        for slot in self._slots:
            if isinstance(slot, Passed):
                slot.cycle.keep_alive = False
        if self.is_idle():
            self.transport.close()

    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return self.stage is Stage.IDLE and not self._slots

    # --- the parser's calls: they collect, and never raise

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if not self._deaf:
                self._refuse(_not_http())

    def on_message_begin(self) -> None:
        """Begin a head."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._hosts = 0
        self._route = None
        self._began = True
        self._unread_bytes = 0
        self._enter(Stage.HEAD)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; those behind a chunked body change nothing."""
        if self.stage is not Stage.HEAD:
            return
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Choose who answers."""
        if self._deaf or self.parser.should_upgrade():
            return
        self._enter(Stage.BODY)
        self.body_bytes = 0
        self._began = True
        self._unread_bytes = 0
        version = self.parser.get_http_version()
        if self._is_long and _size(self.url, self.headers) > MOST_HEAD_BYTES:
            self._refuse(_head_too_large())
            return
        if self._hosts != 1 and (self._hosts or version != "1.0"):
            self._refuse(_wrong_host(self._hosts))
            return
        try:
            path, query = _split_target(self.url)
        except httptools.HttpParserInvalidURLError:
            self._refuse(_not_http())
            return
        headers = dict(self.headers)
        self._route = self._shared.find(path, headers)
        if self._route is None:
            self._pass_on()
            return
        method = self.parser.get_method().decode("ascii")
        self._request = Request(method, path, query, headers, b"", request_id_of(headers), 0.0)
        self._version = version
        self._parts: list[bytes] = []
        if int(headers.get(b"content-length", b"0")) > self._shared.max_body_bytes:
            self._refuse_body()
        elif self.expect_100_continue:
            self._owes_continue = True
            self._send_continue()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if self._deaf:
            return
        self.body_bytes += len(body)
        self._began = True
        self._unread_bytes = 0
        if self._route is None:
            super().on_body(body)
        elif self.body_bytes > self._shared.max_body_bytes:
            self._refuse_body()
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """Give a whole request its place."""
        if self._deaf or self.stage is not Stage.BODY:
            return
        self._enter(Stage.IDLE)
        if self._route is None:
            super().on_message_complete()
            return
        self._owes_continue = False
        request = self._request
        request.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        request.arrived = time.perf_counter()
        close = self._version == "1.0" or not self.parser.should_keep_alive()
        slot = Slot(self, self._route, request, close=close)
        if close:
            self._deaf = True
        self._slots.append(slot)
        self._held.append(slot)
        self._offer()

    # --- requests that ASGI answers

    def _pass_on(self) -> None:
        """Make of the head what uvicorn makes of it."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        self.cycle = None  # type: ignore[assignment]  # its own queue knows nothing of the slots
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Give a request its place. uvicorn would start it at once."""
        self._slots.append(Passed(cycle, app))
        self.settle()

    def on_response_complete(self) -> None:
        """Go on: the ASGI application has answered."""
        if self._slots:  # unless the connection was lost
            self._slots.popleft()
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.settle()

    # --- answers

    def _offer(self) -> None:
        """Give the turn what is whole, as long as the client reads what it is sent."""
        while self._held and self._given < MOST_WAITING and not self.flow.write_paused:
            self._given += 1
            self._shared.turn.add(self._held.popleft())

    def settle(self) -> None:
        """Send the answers that are known, up to the first that is not; start the application if it is its turn."""
        slots = self._slots
        while slots and not self.transport.is_closing():
            first = slots[0]
            if isinstance(first, Passed):
                if not first.started:
                    first.started = True
                    super()._start_asgi_task(first.cycle, first.app)
                return
            if first.answer is None:
                return
            slots.popleft()
            self._send(first)
        if self._held:
            self._offer()
        elif not slots and not self.transport.is_closing():
            self._rest()

    def _rest(self) -> None:
        """All is answered."""
        self._send_continue()
        self.flow.resume_reading()
        if self.stage is Stage.IDLE:
            self._enter(Stage.IDLE)
            if self._stopping:
                self.transport.close()

    def _send(self, slot: Slot | Refusal) -> None:
        answer = slot.answer
        assert answer is not None
        self.server_state.total_requests += 1
        refused = isinstance(slot, Refusal)
        self._given -= not refused
        close = slot.close or (self._stopping and self.is_idle())
        head = self._shared.heads.write(answer, self.server_state.default_headers, close=close)
        if isinstance(slot, Slot) and slot.request.method == "HEAD":
            self.transport.write(head)
        elif len(answer.body) <= SMALL_BODY:
            self.transport.write(head + answer.body)
        else:
            self.transport.writelines((head, answer.body))
        if refused:
            self._shared.linger(self)
        elif close:
            self.transport.close()

    def _send_continue(self) -> None:
        """Tell a client that waits for it to send the body, once everything before is answered."""
        if self._owes_continue and not self._slots:
            self._owes_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, problem: Problem) -> None:
        """End the connection with a problem, after the answers that are owed."""
        request_id = request_id_of(dict(self.headers or ()))
        self._end_with(routes.refuse(problem, self._shared.release, request_id))

    def _refuse_body(self) -> None:
        assert self._route is not None
        problem = too_large(self._shared.max_body_bytes)
        self._request.arrived = time.perf_counter()
        self._end_with(self._shared.responder.refuse(self._route, self._request, problem))

    def _end_with(self, answer: Answer) -> None:
        self._deaf = True
        self._slots.append(Refusal(answer))
        self.settle()

    def time_out(self) -> None:
        """End the connection of a client that took too long over a request, and say so."""
        if self._route is None and self.stage is Stage.BODY:
            self.transport.close()  # the application waits for the body, and has the word
        else:
            self._refuse(_too_slow())

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self.since = self.loop.time()

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Read a request again as if it asked for no other protocol, which is not offered, and what follows it."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(_not_http())
            return
        fields = [(name, value) for name, value in self.headers if name not in (b"upgrade", b"http2-settings")]
        fields = [(name, _without_upgrade(value) if name == b"connection" else value) for name, value in fields]
        head = b"".join([b"%b: %b\r\n" % field for field in fields])
        version = self.parser.get_http_version().encode()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, head) + rest)


def _split_target(target: bytes) -> tuple[str, bytes]:
    """Return a request target's path, decoded, and its query. Raises HttpParserInvalidURLError."""
    if target.startswith(b"/") and b"?" not in target and b"%" not in target and b"#" not in target:
        return target.decode("ascii", "surrogateescape"), b""
    parsed = httptools.parse_url(target)
    return urllib.parse.unquote((parsed.path or b"").decode("ascii", "surrogateescape")), parsed.query or b""


def _size(target: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers)


def _without_upgrade(connection: bytes) -> bytes:
    tokens = [token.strip() for token in connection.split(b",")]
    return b", ".join([token for token in tokens if token.lower() not in (b"upgrade", b"http2-settings")])


def _not_http() -> Problem:
    return malformed(
        "a request must be HTTP/1.1 (RFC 9112), however: what came can't be read as such. Look at what lies between.",
        rule="http",
    )


def _wrong_host(hosts: int) -> Problem:
    return malformed(f"a request must have one Host header, however: it has {hosts}. Send one.", rule="host")


def _head_too_large() -> Problem:
    return Problem(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"a request's head must hold at most {MOST_HEAD_BYTES} bytes, however: this one holds more. "
        "Send fewer or shorter headers.",
        rule="head-size",
    )


def _too_slow() -> Problem:
    return Problem(
        HTTPStatus.REQUEST_TIMEOUT,
        "a request must arrive in time, however: this one was not whole when its time was over. Send it again, faster.",
        rule="timeout",
    )


def install(connections: Connections) -> None:
    """Make it the protocol of the uvicorn server that BentoML starts next: BentoML leaves uvicorn's choice 'auto'."""
    protocol: Any = functools.partial(ServiceProtocol, connections=connections)
    uvicorn.config.HTTP_PROTOCOLS["auto"] = protocol


def check_uvicorn(version: str = uvicorn.__version__) -> None:
    """Raise RuntimeError for a version of uvicorn that this was not tested with."""
    if version != TESTED_UVICORN:
        raise RuntimeError(
            f"uvicorn must be {TESTED_UVICORN}, whose protocol the service extends, however: {version}. "
            "Install what requirements/service.txt pins."
        )
