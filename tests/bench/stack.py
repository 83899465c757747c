"""What remains of a request, in microseconds: from system calls to the answer. For bench_shape.

The requests of 16 connections arrive in one turn of an event loop that is turned by hand, over transports that keep
what is written: so the whole of a request in this process is timed, and its parts by themselves. System calls and the
event loop are what a protocol takes that parses and answers at once, over sockets, beyond its parser. bench_seldom
turns the loop for one connection.
"""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import httptools
import numpy as np
from uvicorn.config import Config
from uvicorn.server import ServerState

os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp())  # read when the metrics are made

from service.answers.messages import Request
from service.answers.responder import Responder
from service.answers.routes import EndpointRoute
from service.answers.routing import make_routing
from service.contract.routes import predict_route
from service.http.connections import Connections
from service.http.protocol import ServiceProtocol
from service.models.inference import load_models
from service.models.release import open_release
from service.settings import load_settings
from tests.bench.peers.bodies import Body, as_json
from tests.bench.peers.wrk import CONNECTIONS

RUNS = 15
TURNS = 20
DATE = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT"), (b"server", b"uvicorn")]


@dataclass(frozen=True)
class Parts:
    """Microseconds of a request of one row, each the least of several runs."""

    parser: float
    reading: float
    model: float
    writing: float
    whole: float
    """In the process, without system calls and event loop."""

    @property
    def protocol(self) -> float:
        """What the parts leave: the protocol, its queues, the heads, the metrics."""
        return self.whole - self.parser - self.reading - self.model - self.writing


class Transport:
    """Keeps the last answer."""

    def __init__(self) -> None:
        self.last = b""

    def write(self, data: bytes) -> None:
        """Take an answer."""
        self.last = data

    def is_closing(self) -> bool:
        """Whether the connection ends."""
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Know nothing."""
        return default


class Loop:
    """Calls what was scheduled when its turn is over."""

    def __init__(self) -> None:
        self._scheduled: list[Callable[[], object]] = []
        self.time = time.monotonic

    def call_soon(self, call: Callable[[], object]) -> None:
        """Schedule."""
        self._scheduled.append(call)

    def call_later(self, *_: object) -> None:
        """Watch nobody."""

    def turn(self) -> None:
        """End turns until nothing is scheduled."""
        while self._scheduled:
            calls, self._scheduled = self._scheduled, []
            for call in calls:
                call()


async def _no_application(scope: Any, receive: Any, send: Any) -> None:
    """Stand behind the protocol."""


def measure_parts(architecture: str) -> Parts:
    """Take a request of one row of features apart. Raises ReleaseError, SettingsError."""
    settings = load_settings()
    models = load_models(open_release(wanted=None, only=()), threads=1)
    routing = make_routing(models, settings)
    route = routing.routes[predict_route(architecture)]
    assert isinstance(route, EndpointRoute)
    features = models.release.cards[architecture].examples.features[:1]
    sent = as_json(features)
    head = {b"content-type": sent.media_type.encode()}
    path = predict_route(architecture)
    request = Request("POST", path, b"", head, sent.content, b"0" * 32, time.perf_counter())
    asked = route.read(request)
    together = np.repeat(asked.rows, CONNECTIONS, axis=0)
    values = route.endpoint.run(together)
    data = _write_post(path, sent)
    parser = httptools.HttpRequestParser(object())
    turn = _make_turn(Connections(Responder(routing), settings, cors=False), data, CONNECTIONS)
    return Parts(
        parser=_least(lambda: parser.feed_data(data)),
        reading=_least(lambda: route.read(request)),
        model=_least(lambda: route.endpoint.run(together)) / CONNECTIONS,
        writing=_least(lambda: route.write(asked, values[:1], request.request_id)),
        whole=_least(turn) / CONNECTIONS,
    )


def make_lone_turn(architecture: str, rows: int) -> Callable[[], None]:
    """Return a turn in which one connection asks for so many rows. Raises ReleaseError, SettingsError."""
    settings = load_settings()
    models = load_models(open_release(wanted=None, only=()), threads=1)
    features = list(islice(cycle(models.release.cards[architecture].examples.features), rows))
    connections = Connections(Responder(make_routing(models, settings)), settings, cors=False)
    return _make_turn(connections, _write_post(predict_route(architecture), as_json(features)), 1)


def _write_post(path: str, body: Body) -> bytes:
    """Return a request as it arrives."""
    return b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        path.encode(),
        body.media_type.encode(),
        len(body.content),
        body.content,
    )


def _make_turn(connections: Connections, data: bytes, count: int) -> Callable[[], None]:
    """Return a turn of the loop in which each of ``count`` connections gets ``data``, and answers it."""
    config = Config(_no_application, log_config=None, http="httptools")
    config.load()
    state = ServerState()
    state.default_headers = DATE
    loop = Loop()
    protocols = []
    for _ in range(count):
        protocol = ServiceProtocol(config, state, {}, loop, connections=connections)
        protocol.connection_made(Transport())
        protocols.append(protocol)

    def turn() -> None:
        for protocol in protocols:
            protocol.data_received(data)
        loop.turn()

    turn()
    assert all(protocol.transport.last.startswith(b"HTTP/1.1 200") for protocol in protocols)  # type: ignore[attr-defined]
    return turn


def _least(call: Callable[[], object]) -> float:
    """Return microseconds of a call."""
    call()
    least = float("inf")
    for _ in range(RUNS):
        began = time.perf_counter()
        for _ in range(TURNS):
            call()
        least = min(least, (time.perf_counter() - began) / TURNS * 1e6)
    return least


def tell_stack(architecture: str, at_once: float, served: float) -> str:
    """Say where a request's time goes. at_once, served: requests/s of the limit of the stack, and of the service."""
    parts = measure_parts(architecture)
    sockets = 1e6 / at_once - parts.parser
    return (
        f"Of {1e6 / served:.1f} us for one row, {architecture}, over {CONNECTIONS} connections: system calls and event "
        f"loop {sockets:.1f}, parser {parts.parser:.1f}, reading the numbers {parts.reading:.1f}, model "
        f"{parts.model:.1f}, writing the answer {parts.writing:.1f}, protocol, queue and metrics {parts.protocol:.1f}; "
        f"not accounted for {1e6 / served - sockets - parts.whole:.1f}."
    )
