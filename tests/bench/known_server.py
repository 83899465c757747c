"""A server that answers when a law says so. Run: python -m tests.bench.known_server PORT.

It speaks as much of the service's contract as the load test needs. Each of ``LINES`` is an architecture with a
queue of its own; ``at-once`` answers without any wait. What is waited for is an instant, not work: the server sleeps,
and an answer leaves within some 0.1 ms of its time. Needs Linux.
"""

import asyncio
import gc
import heapq
import itertools
import random
import sys
import time
from collections.abc import Callable
from typing import cast

import httptools
import numpy as np
import orjson
import uvloop

from loadtest.generator.timer import TimerFile
from service.contract.routes import MODELS_ROUTE, RELEASE_HEADER, examples_route, predict_route
from tests.bench.known_models import ANSWER, catalogue, examples
from tests.bench.lines import LINES, Line
from tests.cards import RELEASE

AT_ONCE = "at-once"
TIMING = "Server-Timing: parse;dur=0.010, infer;dur=0.020, write;dur=0.003\r\n"
BACKLOG = 2048
"""Connections that may wait to be accepted, as for uvicorn: Linux drops others, and they come again a second later."""
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Queue:
    """The requests of one line: when each of them is to leave."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._services = line.services()
        self._last = 0.0

    def departure(self, arrival: float) -> float:
        """Return when a request that is whole at ``arrival`` leaves; both are seconds since the epoch."""
        (working,) = self._line.working(np.array([arrival]))
        self._last = max(float(working), self._last) + next(self._services)
        return float(self._line.instants(np.array([self._last]))[0])


class Workers:
    """The queues of one line: a request goes to one of them at random."""

    def __init__(self, line: Line) -> None:
        self._queues = [Queue(line) for _ in range(line.workers)]
        self._random = random.Random(line.name)

    def departure(self, arrival: float) -> float:
        """Return when a request that is whole at ``arrival`` leaves; both are seconds since the epoch."""
        queue = self._queues[0] if len(self._queues) == 1 else self._random.choice(self._queues)
        return queue.departure(arrival)


class Departures:
    """Answers that leave when it is their time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = TimerFile()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        loop.add_reader(self._timer.number, self._ring)

    def add(self, instant: float, leave: Callable[[], None]) -> None:
        """Call ``leave`` at ``instant``, seconds since the epoch."""
        heapq.heappush(self._waiting, (instant, next(self._numbers), leave))
        if self._waiting[0][0] == instant:
            self._set()

    def _ring(self) -> None:
        self._timer.clear()
        while self._waiting and self._waiting[0][0] <= now():
            heapq.heappop(self._waiting)[2]()
        self._set()

    def _set(self) -> None:
        if self._waiting:
            self._timer.set(max(self._waiting[0][0] - now(), 1e-9))


EPOCH = time.time() - time.perf_counter()


def now() -> float:
    """Return seconds since the epoch, by a clock that is never set."""
    return EPOCH + time.perf_counter()


class Site:
    """What the server knows: its queues, its pages, and how many answers it has given."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.departures = Departures(loop)
        self.queues = {name: Workers(line) for name, line in LINES.items()}
        names = [*self.queues, AT_ONCE]
        self.answered = dict.fromkeys(names, 0)
        self.routes = {predict_route(name): name for name in names}
        self.pages = {MODELS_ROUTE: catalogue(names)} | {examples_route(name): examples() for name in names}
        self._rows: dict[int, int] = {}

    def metrics(self) -> bytes:
        """Count the answers, as the service does."""
        labels = 'archscale_requests_total{{architecture="{}",route="predict",status="200"}} {}\n'
        lines = (labels.format(name, count) for name, count in self.answered.items())
        return ("# TYPE archscale_requests_total counter\n" + "".join(lines)).encode()

    def predict(self, architecture: str, body: bytes) -> bytes:
        """Return the whole answer to a prediction."""
        rows = self._rows.get(len(body)) or self._count(body)
        answer = {"predictions": [ANSWER] * rows, "architecture": architecture, "release": RELEASE}
        return respond(orjson.dumps(answer), TIMING)

    def _count(self, body: bytes) -> int:
        """Count rows; all are the same one, so that the length of a body tells them from now on."""
        self._rows[len(body)] = rows = len(orjson.loads(body)["features"])
        return rows


def respond(body: bytes, headers: str = "") -> bytes:
    """Return a whole answer."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{RELEASE_HEADER}: {RELEASE}\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connection(asyncio.Protocol):
    """Reads one request after the other."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._parser = httptools.HttpRequestParser(self)
        self._parts: list[bytes] = []
        self._path = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin (called by asyncio, as the next one)."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Begin a request (called by the parser, as the two below)."""
        self._path, self._parts = url.decode(), []

    def on_body(self, part: bytes) -> None:
        """Keep a piece of its body."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """Answer it, now or at its time."""
        site = self._site
        name = site.routes.get(self._path)
        if name is None:
            page = site.metrics() if self._path == "/metrics" else site.pages.get(self._path)
            self._transport.write(NOT_FOUND if page is None else respond(page))
            return
        arrival = now()
        answer = site.predict(name, b"".join(self._parts))

        def leave() -> None:
            site.answered[name] += 1
            if not self._transport.is_closing():
                self._transport.write(answer)

        if name == AT_ONCE:
            leave()
        else:
            site.departures.add(site.queues[name].departure(arrival), leave)


async def serve(port: int) -> None:
    """Serve on 127.0.0.1 until the process is ended."""
    loop = asyncio.get_running_loop()
    site = Site(loop)
    server = await loop.create_server(lambda: Connection(site), "127.0.0.1", port, backlog=BACKLOG)
    gc.collect()
    gc.freeze()
    gc.disable()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
