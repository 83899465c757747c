"""Long bodies are read to where they are kept, and those that are refused to nowhere.

What a transport reads for an ordinary protocol it copies into an object, of which the parser makes another, and those
are gathered in a third. A connection that has sent one long body is read by an instance of this from then on: what a
body begins with goes through the parser as ever, the rest of it does not, since its length is known by then.
"""

import asyncio
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.http.protocol import ServiceProtocol

PIECE_BYTES = 64 * 1024
"""Read at once of what is not, or not yet, the rest of a long body: is copied, by the parser too."""
DROPPED_BYTES = 256 * 1024
"""Read at once of what is thrown away: less costs a refused body more calls, a megabyte 40 us."""
MOST_RESERVED_BYTES = 8 * 1024 * 1024
"""Of a worker's memory for bodies of which more is to come: their lengths are claims. Beyond, they are gathered."""


class Room:
    """What the long bodies of one worker share."""

    def __init__(self) -> None:
        self.dropped = memoryview(bytearray(DROPPED_BYTES))
        self.piece = self.dropped[:PIECE_BYTES]
        """Each read is over before the next begins, whichever connection's it is."""
        self.reserved = 0
        """Bytes of ``MOST_RESERVED_BYTES`` that are taken."""


class LongBodies(asyncio.BufferedProtocol):
    """Reads one connection from its first long body on."""

    def __init__(self, connection: "ServiceProtocol", room: Room) -> None:
        self._connection = connection
        self._room = room
        self._left = self._size = 0
        """Bytes of the body that are still to come, and of all of it."""
        self._body: io.BytesIO | None = None
        """Where it is kept, all of its length; None: it is not."""
        self._free: memoryview | None = None
        """The part of it that is read into next: all that is to come but the last byte."""

    def begin(self, start: bytes | io.BytesIO | None, size: int, *, left: int) -> bool:
        """Read the rest of a body of ``size`` bytes; False if there is no room for it.

        start: what has come; None: the body is thrown away. left: bytes that are still to come, two at least.
        """
        if start is not None:
            if self._room.reserved + size > MOST_RESERVED_BYTES:
                return False
            self._room.reserved += size
            self._size = size
            self._body = body = io.BytesIO()
            body.write(start if isinstance(start, bytes) else start.getbuffer())
            # One byte less than there will be: written behind, it makes a buffer of just the whole length, which
            # becomes the bytes without a copy; and nothing holds that buffer any more when the last byte comes.
            body.seek(size - 2)
            body.write(b"\0")
            self._free = body.getbuffer()[size - left :]
        self._left = left
        return True

    def stop(self) -> None:
        """Forget the body: it is whole, or not wanted any more."""
        self._left = 0
        self._free = None
        if self._body is not None:
            self._body = None
            self._room.reserved -= self._size

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where to read to."""
        if self._free:
            return self._free
        drops = self._left and self._body is None
        return self._room.dropped if drops else self._room.piece

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        if self._free:
            self._free = self._free[nbytes:] or None
            self._take(nbytes)
            return
        piece = self._room.dropped[:nbytes]
        if self._left:
            part, piece = piece[: self._left], piece[self._left :]
            if self._body is not None:
                self._body.write(part)
            self._take(len(part))
        if piece:
            self._connection.data_received(bytes(piece))

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left:
            self._connection.long_body_grew(count)
            return
        body = b"" if self._body is None else self._body.getvalue()
        self.stop()
        self._connection.long_body_ended(count, body)

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
