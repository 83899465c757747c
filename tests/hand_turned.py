"""The service's HTTP without sockets: a loop that turns when it is told to, a clock set by hand, clients in memory."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.server import ServerState

from service.access.guard import Guard
from service.answers.responder import Responder
from service.http.connections import Connections
from service.http.protocol import ServiceProtocol
from service.settings import ServiceSettings

HIGH_WATER = 64 * 1024
"""Bytes that a client has not read, beyond which its transport asks for no more (asyncio's default)."""
LOW_WATER = 16 * 1024
NO_DEADLINE = 3_600_000
"""Milliseconds: on a busy machine no test loses a request to it."""
PIECE = 64 * 1024
"""Most bytes that come out of a socket at once."""
DATE = (b"date", b"Thu, 26 Nov 2026 00:00:00 GMT")


class HandLoop(asyncio.SelectorEventLoop):
    """A loop whose turns are asked for. The time is what the test says."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__()
        self.failures: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    def time(self) -> float:
        """Seconds, as set by hand."""
        return self.now

    def turn(self, turns: int = 1) -> None:
        """Run what is scheduled now, and not what that schedules, so many times."""
        for _ in range(turns):
            self.call_soon(self.stop)
            self.run_forever()

    def wait(self, seconds: float) -> None:
        """Let time pass, in steps that are shorter than any limit."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.25)
            self.turn(2)


class Client:
    """One connection, seen from outside; to the protocol it is the transport."""

    def __init__(self, service: "HandService", *, reads: bool = True) -> None:
        """Connect. reads: whether what the server sends is read at once."""
        self._loop = service.loop
        self.received = b""
        self.unread: list[bytes] = []
        self.reads = reads
        self.is_closed = False
        """Whether the server has ended the connection."""
        self.is_ended = False
        """Whether the server has said that it sends no more."""
        self.is_paused = False
        self._closing = False
        self._writing_is_paused = False
        self._waiting = bytearray()
        self.protocol = service.make_protocol(self)
        self._reader: asyncio.Protocol | asyncio.BufferedProtocol = self.protocol
        self.protocol.connection_made(self)

    # --- what a client does

    def send(self, data: bytes) -> None:
        """Send bytes, which the server gets as soon as it reads."""
        self._waiting += data
        self._deliver()

    def end(self) -> None:
        """Say that no more comes."""
        if not self.is_closed and not self._reader.eof_received():
            self.close()

    def leave(self) -> None:
        """Reset the connection."""
        self.abort()

    def read(self) -> None:
        """Read what was sent so far, and all that is sent from now on."""
        self.reads = True
        self._flush()

    @property
    def left_to_send(self) -> int:
        """Bytes that the server has not read."""
        return len(self._waiting)

    def _deliver(self) -> None:
        while self._waiting and not self.is_paused and not self._closing:
            if isinstance(self._reader, asyncio.BufferedProtocol):
                self._fill(self._reader)
            else:
                piece = bytes(self._waiting[:PIECE])
                del self._waiting[:PIECE]
                self.protocol.data_received(piece)

    def _fill(self, reader: asyncio.BufferedProtocol) -> None:
        # Held until the call is over, as uvloop does.
        with memoryview(reader.get_buffer(-1)) as buffer:
            count = min(len(buffer), len(self._waiting))
            buffer[:count] = self._waiting[:count]
            del self._waiting[:count]
            reader.buffer_updated(count)

    def _flush(self) -> None:
        if not self.reads:
            return
        self.received += b"".join(self.unread)
        self.unread.clear()
        if self._writing_is_paused:
            self._writing_is_paused = False
            self._reader.resume_writing()
        if self._closing:
            self._lose()

    def _lose(self, error: Exception | None = None) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._loop.call_soon(self._reader.connection_lost, error)

    # --- what the protocol asks of its transport

    def write(self, data: bytes) -> None:
        """Take bytes for the client."""
        assert not self.is_ended, f"written after the end: {data[:80]!r}"
        if self._closing:
            return
        self.unread.append(bytes(data))
        self._flush()
        if self.get_write_buffer_size() > HIGH_WATER and not self._writing_is_paused:
            self._writing_is_paused = True
            self._reader.pause_writing()

    def writelines(self, parts: Any) -> None:
        """Take bytes for the client."""
        self.write(b"".join(parts))

    def get_write_buffer_size(self) -> int:
        """Bytes that the client has not read."""
        return sum(map(len, self.unread))

    def can_write_eof(self) -> bool:
        """Say yes, as TCP does."""
        return True

    def write_eof(self) -> None:
        """End this direction."""
        self.is_ended = True

    def is_closing(self) -> bool:
        """Whether no more can be sent."""
        return self._closing

    def close(self) -> None:
        """End the connection when the client has read what is left."""
        self._closing = True
        if not self.unread:
            self._lose()

    def abort(self) -> None:
        """End the connection."""
        self._closing = True
        self._lose(ConnectionResetError())

    def set_protocol(self, protocol: asyncio.BufferedProtocol) -> None:
        """Let another one take what comes."""
        self._reader = protocol

    def pause_reading(self) -> None:
        """Take nothing from the client."""
        self.is_paused = True

    def resume_reading(self) -> None:
        """Take what comes again, in a turn of its own, as a socket does."""
        self.is_paused = False
        self._loop.call_soon(self._deliver)

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Know nothing of sockets."""
        return default


class HandService:
    """What a worker runs, with a loop turned by hand."""

    def __init__(
        self,
        responder: Responder,
        app: ASGI3Application,
        loop: HandLoop,
        *,
        cors: bool = False,
        guard: Guard | None = None,
        passes_all: bool = False,
        **settings: Any,
    ) -> None:
        """Answer by these. app: for what the responder has no route, or for all; settings: other than the defaults."""
        self.loop = loop
        settings = {"workers": 1, "deadline_ms": NO_DEADLINE, **settings}
        chosen = ServiceSettings(**settings)
        self.connections = Connections(responder, chosen, cors=cors, guard=guard, passes_all=passes_all)
        self._config = Config(app, log_config=None, http="httptools", lifespan="off")
        self._config.load()
        self.state = ServerState()
        self.state.default_headers = [DATE]

    def make_protocol(self, transport: Client) -> ServiceProtocol:
        """Return the protocol of a new connection."""
        return ServiceProtocol(self._config, self.state, {}, self.loop, connections=self.connections)

    def connect(self, *, reads: bool = True) -> Client:
        """Return a client with a connection of its own."""
        return Client(self, reads=reads)

    def shutdown(self) -> None:
        """Ask every connection to end, as uvicorn does at SIGTERM."""
        for protocol in list(self.state.connections):
            protocol.shutdown()

    def settle(self, turns: int = 400) -> None:
        """Turn until nothing more happens."""
        for _ in range(turns):
            self.loop.turn()
            if not self.loop._ready:  # type: ignore[attr-defined]  # what the next turn would run
                return
        raise AssertionError(f"there must be rest after {turns} turns, however: the loop goes on.")


@contextmanager
def hand_loop() -> Iterator[HandLoop]:
    """Make a loop, and look at its end whether anything failed in it."""
    loop = HandLoop()
    try:
        yield loop
        assert loop.failures == []
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.turn(3)
        loop.close()
