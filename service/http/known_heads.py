"""Heads that were parsed before, by their bytes: a client that keeps asking sends the same one again and again.

What the parser made of a head it would make of the same bytes again, so that it need not be asked: that saves 2 of the
17 us that a request takes without its socket. Kept is only what came whole, alone and in one piece.
"""

from typing import NamedTuple

from service.answers.messages import DEADLINE_KEY, Headers, Request
from service.http.turn import SHORT_BYTES

END = b"\r\n\r\n"
LONGEST = 2048
"""Bytes of a head."""
MOST_KNOWN = 1024
"""Heads that are kept: those of one client differ by the length of the body."""
NOT_KEPT = (b"x-request-id", b"traceparent", b"idempotency-key", b"date", DEADLINE_KEY, b"expect")
"""A head with one of these is hardly sent twice, or is answered in two steps."""
LENGTH = b"content-length"


class KnownHead(NamedTuple):
    """What a parser made of a head. target: path and query as sent; size: of the body, in bytes."""

    method: str
    target: bytes
    headers: Headers
    size: int


class KnownHeads:
    """Those of a worker's clients."""

    def __init__(self) -> None:
        self._heads: dict[bytes, KnownHead] = {}

    def find(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """Return the head and the body of a request whose head is known; None unless ``data`` is just that request."""
        end = data.find(END, 0, LONGEST)
        head = self._heads.get(data[:end]) if end > 0 else None
        if head is None or len(data) != end + len(END) + head.size:
            return None
        return head, data[end + len(END) :]

    def learn(self, data: bytes, target: bytes, request: Request) -> None:
        """Keep the head of a request that was parsed and keeps its connection, if ``data`` is just that request."""
        headers = request.headers
        size = len(request.body)
        end = len(data) - size - len(END)
        if (
            0 < end <= LONGEST - len(END)
            and size <= SHORT_BYTES
            # A blank line before the head would be another end of it; and so much must the parser have taken for body.
            and data.find(END) == end
            and headers.get(LENGTH) == b"%d" % size
            and data.startswith(request.method.encode() + b" ")
            and not any(name in headers for name in NOT_KEPT)
        ):
            if len(self._heads) >= MOST_KNOWN:
                self._heads.clear()
            self._heads[data[:end]] = KnownHead(request.method, target, headers, size)
