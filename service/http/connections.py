"""What the connections of one worker share: who answers, the limits, and the watch over those that keep still."""

import asyncio
import urllib.parse
from collections import Counter
from typing import TYPE_CHECKING, Any

import httptools

from service.access.guard import Guard
from service.answers.messages import DEADLINE_KEY, Headers, is_deadline, too_many_connections
from service.answers.responder import Responder
from service.answers.routes import Route
from service.http.accepting import Acceptor
from service.http.bodies import Room
from service.http.heads import Heads
from service.http.known_heads import KnownHeads
from service.http.metrics import CONNECTIONS, ENDED, WAITING
from service.http.turn import SHORT_BYTES, Turn
from service.settings import BODY_BYTES_PER_SECOND, PREFIX, ServiceSettings

if TYPE_CHECKING:
    from service.http.protocol import ServiceProtocol

SECONDS_BETWEEN_LOOKS = 0.5
LINGER_SECONDS = 1.0
"""So long what a refused client still sends is read and thrown away: a closed socket would reset the refusal."""
SETTLE_SECONDS = 0.25
"""Workers that are asked to end at once close their listening sockets within so long."""
ORIGIN = b"origin"


IDLE, HEAD, BODY = range(3)
"""What a connection waits for from its client. Integers: an enumeration's members take longer to look up."""


class Connections:
    """One instance for each worker."""

    def __init__(
        self,
        responder: Responder,
        settings: ServiceSettings,
        *,
        cors: bool,
        guard: Guard | None = None,
        passes_all: bool = False,
    ) -> None:
        """passes_all: whether the application answers the contract's routes too, so that only limits are kept here."""
        self.responder = responder
        self.release = responder.release
        self.heads = Heads(responder.release)
        self.known_heads = KnownHeads()
        self.room = Room()
        self.max_body_bytes = int(settings.max_body_bytes)
        self.uncounted_bytes = min(SHORT_BYTES, self.max_body_bytes)
        """Of each body that arrives: so nothing is asked of a short one that comes in one piece."""
        self._settings = settings
        self._cors = cors
        self._guard = guard
        self.settle_seconds = SETTLE_SECONDS if settings.drain_seconds else 0.0
        self._patience = settings.deadline_ms / 1000
        self._found: dict[bytes, tuple[Route | None, str, bytes]] = {
            path.encode(): (route, path, b"") for path, route in responder.routes.items()
        }
        self._passes_all = passes_all
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: set[Any] = set()
        self._lingering: dict[Any, float] = {}
        self._stalled: dict[Any, tuple[float, int]] = {}
        self._of_address: Counter[str] = Counter()
        self._acceptor: Acceptor | None = None
        self._accepts = False
        """Whether it is about to accept more."""
        self.turn: Turn

    def accept_with(self, acceptor: Acceptor) -> None:
        """Accept more connections with each that came."""
        self._acceptor = acceptor

    def find(self, target: bytes, headers: Headers) -> tuple[Route | None, str, bytes]:
        """Return what answers, the path and the query. No route: that is for the ASGI application, which knows origins.

        A request that is not admitted gets a route of its own. Raises HttpParserInvalidURLError.
        """
        found = self._found.get(target)
        if found is None:
            path, query = _split_target(target)
            found = self.responder.find(path), path, query
        route, path, query = found
        if route is None or self._passes_all or (self._cors and ORIGIN in headers):
            return None, path, query
        return (self._guard and self._guard.refusal(path, headers)) or route, path, query

    def patience_of(self, headers: Headers) -> float:
        """Return the seconds that a request may wait: the setting's, or fewer if the client says so.

        What it says may be no number: the responder refuses that.
        """
        given = headers.get(DEADLINE_KEY)
        if given is None or not is_deadline(given):
            return self._patience
        return min(int(given) / 1000, self._patience)

    def opened(self, connection: "ServiceProtocol") -> None:
        """Watch a connection."""
        if self._loop is not connection.loop:
            self._loop = connection.loop
            self.turn = Turn(self._loop.call_soon, self.responder, most_bytes=int(self._settings.max_waiting_bytes))
            self._open = connection.connections
            self._loop.call_later(SECONDS_BETWEEN_LOOKS, self._look)
        if self._acceptor is not None and not self._accepts:
            self._accepts = True
            self._loop.call_soon(self._accept_more, self._acceptor)
        address = _address_of(connection)
        self._of_address[address] += 1
        if len(self._open) > self._settings.max_connections:
            self._refuse(connection, "max_connections", self._settings.max_connections)
        elif 0 < self._settings.max_connections_per_address < self._of_address[address]:
            self._refuse(connection, "max_connections_per_address", self._settings.max_connections_per_address)

    def _accept_more(self, acceptor: Acceptor) -> None:
        self._accepts = False
        acceptor.accept(self.turn.seconds)

    def closed(self, connection: "ServiceProtocol") -> None:
        """Forget a connection."""
        address = _address_of(connection)
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]

    def _refuse(self, connection: "ServiceProtocol", limit: str, most: int) -> None:
        ENDED.labels(limit).inc()
        connection.turn_away(too_many_connections(f"{PREFIX}{limit.upper()}", most))

    def linger(self, connection: "ServiceProtocol") -> None:
        """Close a connection when its client has read the refusal, or soon."""
        assert self._loop is not None
        connection.flow.resume_reading()
        if connection.transport.can_write_eof():
            connection.transport.write_eof()
            self._lingering[connection] = self._loop.time() + LINGER_SECONDS
        else:
            connection.transport.close()

    def stalled(self, connection: "ServiceProtocol") -> None:
        """Watch a connection whose client does not read its answers."""
        assert self._loop is not None
        self._stalled[connection] = (self._loop.time(), connection.transport.get_write_buffer_size())

    def _look(self) -> None:
        """End the connections whose time is over."""
        assert self._loop is not None
        self._loop.call_later(SECONDS_BETWEEN_LOOKS, self._look)
        now = self._loop.time()
        CONNECTIONS.set(len(self._open))
        WAITING.set(len(self.turn))
        for connection in list(self._open):
            self._check(connection, now)
        self._end_lingering(now)
        self._end_stalled(now)

    def _check(self, connection: "ServiceProtocol", now: float) -> None:
        waited = now - connection.since
        settings = self._settings
        if connection in self._lingering:
            return
        if connection.transport.is_closing():  # once its client has read what is left
            if connection not in self._stalled:
                self.stalled(connection)
            return
        if connection.lets_wait():
            connection.since = now
        elif connection.stage == IDLE:
            if connection.is_idle() and waited > settings.keep_alive_seconds:
                ENDED.labels("keep_alive_seconds").inc()
                connection.transport.close()
        elif connection.stage == HEAD:
            if waited > settings.head_seconds:
                ENDED.labels("head_seconds").inc()
                connection.time_out()
        elif waited > settings.body_seconds + connection.body.came / BODY_BYTES_PER_SECOND:
            ENDED.labels("body_seconds").inc()
            connection.time_out()

    def _end_lingering(self, now: float) -> None:
        for connection in [connection for connection, end in self._lingering.items() if now > end]:
            del self._lingering[connection]
            connection.transport.close()

    def _end_stalled(self, now: float) -> None:
        for connection, (since, unread) in list(self._stalled.items()):
            left = connection.transport.get_write_buffer_size()
            if connection not in self._open or left == 0:
                del self._stalled[connection]
            elif left < unread:
                self._stalled[connection] = (now, left)
            elif now - since > self._settings.answer_seconds:
                del self._stalled[connection]
                ENDED.labels("answer_seconds").inc()
                connection.transport.abort()


def _address_of(connection: "ServiceProtocol") -> str:
    return connection.client[0] if connection.client else ""


def _split_target(target: bytes) -> tuple[str, bytes]:
    """Return a request target's path, decoded, and its query. Raises HttpParserInvalidURLError."""
    parsed = httptools.parse_url(target)
    if parsed.path is None:
        raise httptools.HttpParserInvalidURLError(target)
    return urllib.parse.unquote(parsed.path.decode("ascii")), parsed.query or b""
