"""How the bodies of requests arrive: short ones through the parser, the rest of long ones straight to where it is kept.

What a transport reads for an ordinary protocol it copies into an object, of which the parser makes another, and those
are gathered in a third. A connection that has sent one long body is read by a ``BodyReader`` from then on: what a body
begins with goes through the parser as ever, the rest of it does not, since its length is known by then.
"""

import asyncio
import io
from functools import cached_property
from typing import TYPE_CHECKING

from service.answers.messages import too_large
from service.answers.routes import Route
from service.codec.problems import Problem

if TYPE_CHECKING:
    from service.http.connections import Connections
    from service.http.protocol import ServiceProtocol

PIECE_BYTES = 64 * 1024
"""Read at once of what is not, or not yet, the rest of a long body: is copied, by the parser too."""
DROPPED_BYTES = 256 * 1024
"""Read at once of what is thrown away: less costs a refused body more calls, a megabyte 40 us."""
MOST_RESERVED_BYTES = 8 * 1024 * 1024
"""Of a worker's memory for bodies of which more is to come: their lengths are claims. Beyond, they are gathered."""


class Room:
    """What the bodies of one worker share."""

    def __init__(self) -> None:
        self.reserved = 0
        """Bytes of ``MOST_RESERVED_BYTES`` that are taken."""

    @cached_property
    def dropped(self) -> memoryview:
        """Where reads go whose bytes are copied or thrown away: each is over before another connection's begins."""
        return memoryview(bytearray(DROPPED_BYTES))


class ArrivingBody:
    """The body that a connection's client is sending, as far as it is kept: one after the other."""

    def __init__(self, shared: "Connections") -> None:
        self._shared = shared
        self.size = 0
        """What its head claims; 0 of one in chunks."""
        self.came = 0
        """Bytes that have come."""
        self.is_kept = False
        self._computes = False
        self._parts: bytes | io.BytesIO = b""
        self._reserved = 0

    def begin(self, size: int, route: Route, *, is_hopeless: bool) -> None:
        """Begin another. is_hopeless: its request is refused whatever it holds."""
        self.size = size
        self.is_kept = route.takes_body and not is_hopeless
        self._computes = route.computes

    def take(self, part: bytes) -> Problem | None:
        """Take a part from the parser, if it is asked for; return what to say where it passes a limit."""
        self.came += len(part)
        problem = self._count() if self.came > self._shared.uncounted_bytes else None
        if self.is_kept and problem is None:
            self.append(part)
        return problem

    def grow(self, count: int) -> Problem | None:
        """Count bytes that were read past the parser; return what to say where there is no room for more."""
        self.came += count
        return self._count()

    def _count(self) -> Problem | None:
        if self.came > self._shared.max_body_bytes:
            return too_large(self._shared.max_body_bytes)
        self.drop_unread()
        if not self.is_kept or self.came == self.size:  # whole: its place needs room, and is refused if there is none
            return None
        return self._shared.turn.take_part(self, self.came)

    def drop_unread(self) -> None:
        """Keep nothing of a long body for a route that reads none."""
        if self.is_kept and not self._computes:
            self.is_kept = False
            self.let_go()

    def append(self, part: bytes) -> None:
        """Keep a part: the first as it is, more are gathered without an object for each."""
        if self._parts:
            self._gather().write(part)
        else:
            self._parts = part

    def _gather(self) -> io.BytesIO:
        if isinstance(self._parts, bytes):
            start, self._parts = self._parts, io.BytesIO()
            self._parts.write(start)
        return self._parts

    def reserve(self) -> memoryview | None:
        """Return where all that is to come goes, but the last byte, which is appended; None: there is no room."""
        room = self._shared.room
        if room.reserved + self.size > MOST_RESERVED_BYTES:
            return None
        room.reserved += self.size
        self._reserved = self.size
        parts = self._gather()
        # One byte less than there will be: written behind, it makes a buffer of just the whole length, which becomes
        # the bytes without a copy; and nothing holds that buffer any more when the last byte comes.
        parts.seek(self.size - 2)
        parts.write(b"\0")
        return parts.getbuffer()[self.came :]

    def end(self) -> bytes:
        """Return what was kept, and let go of it."""
        parts = self._parts
        if isinstance(parts, bytes):  # nothing of it was counted or reserved
            self._parts = b""
            return parts
        content = parts.getvalue()
        self.let_go()
        return content

    def let_go(self) -> None:
        """Keep nothing, and count it no more."""
        self._parts = b""
        self._shared.room.reserved -= self._reserved
        self._reserved = 0
        self._shared.turn.end_parts(self)


class BodyReader(asyncio.BufferedProtocol):
    """Reads one connection from its first long body on."""

    def __init__(self, connection: "ServiceProtocol", room: Room) -> None:
        self._connection = connection
        self._body = connection.body
        self._room = room
        self._is_past = False
        """Whether what comes is the rest of a body, past the parser."""
        self._free: memoryview | None = None
        """Where the next bytes of a body go that is kept: all but the last."""

    def begin(self) -> None:
        """Read the rest of a body of which two bytes at least are to come, unless it is kept and there is no room."""
        self._body.drop_unread()
        self._free = self._body.reserve() if self._body.is_kept else None
        self._is_past = self._free is not None or not self._body.is_kept

    def stop(self) -> None:
        """Leave what comes to the parser."""
        self._is_past = False
        self._free = None

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where to read to."""
        if self._free:
            return self._free
        drops = self._is_past and not self._body.is_kept
        return self._room.dropped if drops else self._room.dropped[:PIECE_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        if self._free:
            self._free = self._free[nbytes:] or None
            self._connection.take_past_parser(nbytes)
            return
        piece = self._room.dropped[:nbytes]
        if self._is_past:
            left = self._body.size - self._body.came
            part, piece = piece[:left], piece[left:]
            if self._body.is_kept:
                self._body.append(bytes(part))
            self._connection.take_past_parser(len(part))
        if piece:
            self._connection.data_received(bytes(piece))

    def eof_received(self) -> bool | None:
        """Let the protocol know."""
        return self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the protocol know."""
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """Let the protocol know."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """Let the protocol know."""
        self._connection.resume_writing()
