"""HTTP/1.1 from bytes to answers: the routes of the contract never become messages of ASGI.

uvicorn's protocol for httptools, whose parser's callbacks only collect a request; when it is whole it takes its place
in the connection's queue, and ``service.http.turn`` answers it. What the contract has no route for goes to the ASGI
application as uvicorn does it, when its place is the first. Answers leave in the order of the requests.
"""

import functools
import time
from typing import Any

import httptools
import uvicorn.config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.answers import routes
from service.answers.access_log import request_id_of
from service.answers.messages import Answer, Headers, Request, join_lists, too_large
from service.answers.metrics import count_refusal
from service.answers.routes import Route
from service.codec.problems import Problem
from service.http import refusals
from service.http.bodies import ArrivingBody, BodyReader
from service.http.connections import BODY, HEAD, IDLE, Connections
from service.http.pipeline import Flow, Pipeline
from service.http.refusals import MOST_HEAD_BYTES
from service.http.request_head import length_of, without_upgrade
from service.http.turn import SHORT_BYTES

NAMES_OF_AGE = frozenset({b"connection", b"expect"})
"""Headers that HTTP/1.0 and HTTP/1.1 take in different ways."""
LAST_SECONDS = 1.0
"""So long an idle connection of a server that stops is answered what still comes."""


class ServiceProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, connections: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shared = connections
        self._deaf = False
        """Whether what still comes is thrown away: the last answer is on its way."""
        self.stopping = False
        self._owes_continue = False
        self.stage = IDLE
        self.since = 0.0
        """Time of the loop at which the stage began."""
        self.body = ArrivingBody(connections)
        self._first_bytes = 0
        """Of the piece in which a head or a part of a body came last."""
        self._unread_bytes = 0
        """Since then: of a head that is not whole, or behind the last byte of a body."""
        self._is_long = False
        """Whether what was read may hold a head that is too long."""
        self._began = False
        self._piece = b""
        """What came last, if nothing of a request had come before it."""
        self._route: Route | None = None
        self._body_reader: BodyReader | None = None
        """What reads the connection since a long body came."""

    # --- the transport's calls

    def connection_made(self, transport: Any) -> None:
        """Take a connection."""
        super().connection_made(transport)
        self.since = self.loop.time()
        self._pipeline = Pipeline(self)
        self.flow = Flow(transport, self._pipeline.is_full)
        self.shared.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a connection, whoever ended it."""
        self._pipeline.drop()
        self._let_go_of_body()
        self.shared.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._deaf:
            return
        begins = self.stage == IDLE
        if begins and self._take_known(data):
            return
        self._piece = data if begins else b""
        self._is_long = self._first_bytes + self._unread_bytes + len(data) > MOST_HEAD_BYTES
        self._began = False
        self._feed(data)
        self._piece = b""  # an idle connection holds on to nothing
        if self.stage == BODY:
            self._read_rest()
        if self._began:
            self._first_bytes = len(data)
        elif self.stage != IDLE:
            self._unread_bytes += len(data)
            if self._unread_bytes > MOST_HEAD_BYTES and not self._deaf:
                self._refuse(refusals.head_too_large())
        if self._pipeline.is_full():
            self.flow.pause_reading()

    def _take_known(self, data: bytes) -> bool:
        """Give a request its place whose head was parsed before, as ``on_message_complete`` does; False: parse it."""
        known = self.shared.known_heads.find(data)
        if known is None:
            return False
        head, body = known
        headers = head.headers
        route, path, query = self.shared.find(head.target, headers)
        if route is None:
            return False
        arrived, patience = time.perf_counter(), self.shared.patience_of(headers)
        request = Request(head.method, path, query, headers, body, request_id_of(headers), arrived, patience)
        self._pipeline.add(route, request, closes=False)
        if self._pipeline.is_full():
            self.flow.pause_reading()
        return True

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Answer what is whole, then close: the client sends no more. A TLS connection can't stay half open."""
        if not self._deaf and self.stage == BODY and self._route is None and not self._pipeline.take_back():
            return None
        self._deaf = True
        self.stopping = True
        self.stage = IDLE
        return bool(self._pipeline) and self.scheme == "http"

    def pause_writing(self) -> None:
        """Compute no more for a client that reads slower than it asks, until it has read."""
        super().pause_writing()
        self.shared.stalled(self)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._pipeline.offer()

    def shutdown(self) -> None:
        """End with the last answer that is owed: the server stops.

        A moment later, since those who connected to another worker just now would be sent away to nobody; and what is
        idle has its time to send what is on its way.
        """
        if self.shared.settle_seconds:
            self.loop.call_later(self.shared.settle_seconds, self._stop)
        else:
            self._stop()
            self.close_if_idle()

    def _stop(self) -> None:
        self.stopping = True
        if self.stage == IDLE or (self.stage == BODY and self._route is None):  # nothing comes behind the last
            self._pipeline.stop()
        if self.shared.settle_seconds:
            self.loop.call_later(LAST_SECONDS, self.close_if_idle)

    def close_if_idle(self) -> None:
        """Close the connection if nothing is under way."""
        if self.is_idle():
            self.transport.close()

    # --- the parser's calls: they collect, and never raise

    def _feed(self, data: bytes) -> None:
        while data and not self._deaf:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade(data[upgrade.args[0] :])
            except httptools.HttpParserError:
                if not self._deaf:
                    self._refuse(refusals.not_http())
                return

    def on_message_begin(self) -> None:
        """Begin a head."""
        self.url = b""
        self.headers = []
        self._route = None
        self._unread_bytes = 0
        self._began = True
        self.stage = HEAD
        self.since = self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; those behind a chunked body change nothing."""
        if self.stage == HEAD:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Choose who answers."""
        parser = self.parser
        if self._deaf or parser.should_upgrade():
            return
        headers = dict(self.headers)
        # llhttp lets no HTTP/1.0 stay alive that does not ask for it, so that mostly there is no need to ask it.
        is_old = not NAMES_OF_AGE.isdisjoint(headers) and parser.get_http_version() == "1.0"
        try:
            if self._is_long or b"host" not in headers or len(headers) < len(self.headers):
                self._check_head(headers)
                join_lists(headers, self.headers)
            route, path, query = self.shared.find(self.url, headers)
            patience = self.shared.patience_of(headers)
        except Problem as problem:
            self._refuse(problem)
            return
        except httptools.HttpParserInvalidURLError:
            self._refuse(refusals.not_http())
            return
        self._unread_bytes = self.body.came = 0
        self._began = True
        self.stage = BODY
        if route is None:
            self._pass_on()
            return
        self._route = route
        self._is_old = is_old
        method = parser.get_method().decode("ascii")
        self._request = Request(method, path, query, headers, b"", request_id_of(headers), 0.0, patience)
        size = int(headers.get(b"content-length", 0))
        self._is_hopeless = size > SHORT_BYTES and self.shared.turn.is_hopeless(size, patience)
        self.body.begin(size, route, is_hopeless=self._is_hopeless)
        if size > self.shared.max_body_bytes:
            self._refuse_body(too_large(self.shared.max_body_bytes))
        elif not self.body.is_kept and b"expect" in headers:
            self._refuse_body(self.shared.turn.refusal(size))
        elif b"expect" in headers and not is_old and headers[b"expect"].lower() == b"100-continue":
            self._owes_continue = True
            self._send_continue()

    def _check_head(self, headers: Headers) -> None:
        """Raise Problem for a head that is too long, or names no host or several."""
        if self._is_long and length_of(self.url, self.headers) > MOST_HEAD_BYTES:
            raise refusals.head_too_large()
        if b"host" not in headers:
            if self.parser.get_http_version() != "1.0":
                raise refusals.wrong_host(0)
        elif len(headers) < len(self.headers):
            hosts = sum(name == b"host" for name, _ in self.headers)
            if hosts > 1:
                raise refusals.wrong_host(hosts)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if self._deaf:
            return
        self._began = True
        self._unread_bytes = 0
        if self._route is None:
            self.body.came += len(body)
            super().on_body(body)
        elif problem := self.body.take(body):
            self._refuse_body(problem)

    def _read_rest(self) -> None:
        """Let the rest of a long body be read past the parser, if the connection goes on behind it."""
        left = self.body.size - self.body.came
        if left <= SHORT_BYTES or self._deaf or self._route is None or self.scheme != "http":
            return
        if self.parser.get_http_version() != "1.1" or not self.parser.should_keep_alive():
            return
        if self._body_reader is None:
            self._body_reader = BodyReader(self, self.shared.room)
            self.transport.set_protocol(self._body_reader)
        self._body_reader.begin()

    def take_past_parser(self, count: int) -> None:
        """Count bytes of a body; where it is whole give its request its place, and another parser what comes next."""
        if problem := self.body.grow(count):
            self._refuse_body(problem)
        elif self.body.came == self.body.size:
            assert self._body_reader is not None
            self._body_reader.stop()
            self._renew_parser()
            self._complete(closes=False)
            if self._pipeline.is_full():
                self.flow.pause_reading()

    def _let_go_of_body(self) -> None:
        self.body.let_go()
        if self._body_reader is not None:
            self._body_reader.stop()

    def on_message_complete(self) -> None:
        """Give a whole request its place."""
        if self._deaf or self.stage != BODY:
            return
        if self._route is not None:
            self._complete(closes=self._is_old or not self.parser.should_keep_alive())
            return
        self.stage = IDLE
        super().on_message_complete()
        if not self._pipeline:  # it was answered before it was whole
            self.rest()

    def _complete(self, *, closes: bool) -> None:
        assert self._route is not None
        self.stage = IDLE
        self._owes_continue = False
        request = self._request
        request.body = self.body.end()
        del self._request
        request.arrived = time.perf_counter()
        self._deaf = closes
        if self._piece and self.body.is_kept and not closes:
            self.shared.known_heads.learn(self._piece, self.url, request)
        self._pipeline.add(self._route, request, closes=closes, is_hopeless=self._is_hopeless)

    # --- what the pipeline asks for

    def _pass_on(self) -> None:
        """Make of the head what uvicorn makes of it."""
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        self.cycle = None  # type: ignore[assignment]  # uvicorn's own queue knows nothing of the pipeline
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Queue a request for the application, which uvicorn would start at once."""
        self._pipeline.pass_on(cycle, app)

    def start(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Let the application answer."""
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on: the ASGI application has answered."""
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._pipeline.passed_is_answered()

    def lets_wait(self) -> bool:
        """Whether it is not the client that keeps a request from going on."""
        return self._owes_continue or self._deaf or self.flow.read_paused

    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return self.stage == IDLE and not self._pipeline

    def rest(self) -> None:
        """Go on reading: all that was whole is answered."""
        if self._owes_continue:
            self._send_continue()
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.stage == IDLE:
            self.since = self.loop.time()
            if self.stopping:
                self.transport.close()

    def _send_continue(self) -> None:
        """Tell a client that waits for it to send the body, once everything before is answered."""
        if not self._pipeline:
            self._owes_continue = False
            self.since = self.loop.time()
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, problem: Problem) -> None:
        """End the connection with a problem, after the answers that are owed."""
        count_refusal(problem)
        if self.stage == BODY and self._route is None and not self._pipeline.take_back():
            self._deaf = True
            self.transport.close()  # the application has begun to answer
            return
        request_id = request_id_of(dict(self.headers or ()))
        self._end_with(routes.problem_answer(problem, self.shared.release, request_id))

    def _refuse_body(self, problem: Problem) -> None:
        """Answer before the body was read."""
        assert self._route is not None
        self._request.arrived = time.perf_counter()
        self._end_with(self.shared.responder.refuse(self._route, self._request, problem))

    def _end_with(self, answer: Answer) -> None:
        self._deaf = True
        self._let_go_of_body()
        # What came before a target is of no method that is known: the parser still has the last one.
        only_head = self.stage != IDLE and bool(self.url) and self.parser.get_method() == b"HEAD"
        self._pipeline.end_with(answer, only_head=only_head)

    def turn_away(self, problem: Problem) -> None:
        """End the connection, of which nothing was read, at once."""
        self._refuse(problem)
        self.transport.close()

    def time_out(self) -> None:
        """End the connection of a client that took too long over a request, and say so."""
        self._refuse(refusals.too_slow())

    def _without_upgrade(self, rest: bytes) -> bytes:
        """Return what to read instead of a request for another protocol, which is not offered, and what follows it."""
        method = self.parser.get_method()
        if self._deaf:
            return b""
        if method == b"CONNECT":
            self._refuse(refusals.not_http())
            return b""
        version = self.parser.get_http_version().encode()
        self._renew_parser()
        return without_upgrade(method, self.url, version, self.headers) + rest

    def _renew_parser(self) -> None:
        """Take a parser that is not in the middle of anything."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)


def install(connections: Connections) -> None:
    """Make it the protocol of the uvicorn server that BentoML starts next: BentoML leaves uvicorn's choice 'auto'."""
    protocol: Any = functools.partial(ServiceProtocol, connections=connections)
    uvicorn.config.HTTP_PROTOCOLS["auto"] = protocol
