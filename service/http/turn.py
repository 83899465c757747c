"""What arrived in one turn of the event loop, answered when the turn is over: short requests first, together.

Nothing waits for it: uvloop has read all that was there before it calls what was scheduled, and writes all that was
answered when that returns. What would wait longer than it may is refused at once, by what the queue's work takes.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Protocol

from service.answers.messages import Answer, Request, crowded, overloaded
from service.answers.responder import Responder
from service.answers.routes import Route
from service.codec.problems import Problem
from service.http.queue import Queue

SHORT_BYTES = 32 * 1024
"""A body of one row of features has 5 KB; one that is longer than this takes longer than a turn should."""
FEW = 4
"""So many bodies may wait however large they are."""
MOST_AT_ONCE = 64
"""Short requests that are answered before the loop looks for more."""


class Place(Protocol):
    """Where an answer goes: a request's place in its connection."""

    route: Route
    request: Request

    def is_wanted(self) -> bool:
        """Whether anybody still waits for the answer."""

    def settle(self, answer: Answer) -> None:
        """Take the answer."""


class Turn:
    """The requests of one event loop that are whole and not answered."""

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], responder: Responder, *, most_bytes: int
    ) -> None:
        """most_bytes: of the bodies that wait."""
        self._call_soon = call_soon
        self._responder = responder
        self._short: Queue[Place] = Queue()
        self._long: Queue[Place] = Queue()
        self._refused: deque[Place] = deque()
        self._most_bytes = most_bytes
        self._bytes = 0
        """Of the bodies of all that wait."""
        self._arriving: dict[Hashable, int] = {}
        """Connection -> bytes of a long body of which more is to come."""
        self._arriving_bytes = 0
        self._scheduled = False
        self._short_were_last = False
        self.seconds = 0.0
        """That it took last to find answers."""

    def __len__(self) -> int:
        return len(self._short) + len(self._long)

    def is_hopeless(self, size: int, patience: float) -> bool:
        """Whether a request with so many bytes of body would wait too long, or find no room, if it came now.

        patience: seconds that it may wait. Where few wait there is room, however large the body.
        """
        return self._queue_for(size).seconds_until_last() > patience or self._is_crowded(size)

    def refusal(self, size: int) -> Problem:
        """Return what to say to a request with so many bytes of body that is hopeless."""
        if self._is_crowded(size):
            return crowded(self._most_bytes)
        return overloaded(self._queue_for(size).seconds_until_last())

    def _queue_for(self, size: int) -> Queue[Place]:
        return self._short if size <= SHORT_BYTES else self._long

    def _is_crowded(self, size: int) -> bool:
        return len(self) >= FEW and self._bytes + size > self._most_bytes

    def take_part(self, connection: Hashable, size: int) -> Problem | None:
        """Count what has come of a long body of which more is to come; return what to say where it finds no room.

        size: bytes that have come. Where few arrive and wait there is room, however large the bodies.
        """
        known = self._arriving.get(connection, 0)
        others = len(self._arriving) - (known > 0) + len(self._long)
        if others >= FEW and self._bytes + self._arriving_bytes + size - known > self._most_bytes:
            return crowded(self._most_bytes)
        self._arriving[connection] = size
        self._arriving_bytes += size - known
        return None

    def end_parts(self, connection: Hashable) -> None:
        """Count no more of a body that is whole, or was thrown away."""
        self._arriving_bytes -= self._arriving.pop(connection, 0)

    def add(self, place: Place) -> None:
        """Answer a request when this turn ends, or soon after; refuse it if that is not soon enough."""
        size = len(place.request.body)
        if place.route.computes and self.is_hopeless(size, place.request.patience):
            self.refuse(place)
            return
        self._bytes += size
        if size <= SHORT_BYTES:
            self._short.add(place)
        else:
            self._long.add(place, _kind_of(place))
        if not self._scheduled:
            self._schedule()

    def refuse(self, place: Place) -> None:
        """Refuse a request when this turn ends."""
        self._refused.append(place)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._call_soon(self._drain)

    def _drain(self) -> None:
        """Answer short requests, or a long one, in turns where both wait; then let the loop read and write."""
        self._scheduled = False
        self._settle_refused()
        if self._short and not (self._long and self._short_were_last):
            self._short_were_last = True
            self._answer(self._short, MOST_AT_ONCE)
        elif self._long:
            self._short_were_last = False
            self._answer(self._long, 1)
        if self._short or self._long or self._refused:
            self._schedule()

    def _settle_refused(self) -> None:
        for _ in range(len(self._refused)):
            place = self._refused.popleft()
            request = place.request
            size = int(request.headers.get(b"content-length", len(request.body)))  # not every body was kept
            place.settle(self._responder.refuse(place.route, request, self.refusal(size)))

    def _answer(self, queue: Queue[Place], most: int) -> None:
        begin = time.perf_counter()
        taken = queue.take(most)
        self._bytes -= sum(len(place.request.body) for place in taken)
        wanted = [place for place in taken if place.is_wanted()]
        answers = self._responder.answer_all([(place.route, place.request) for place in wanted])
        kind = _kind_of(wanted[0]) if wanted and queue is self._long else None
        end = time.perf_counter()
        self.seconds = end - begin
        queue.learn(len(wanted), begin, end, kind)
        for place, answer in zip(wanted, answers, strict=True):
            place.settle(answer)


def _kind_of(place: Place) -> Hashable:
    """Return what answers a long request, and the size of its body to the next power of two."""
    return place.route, len(place.request.body).bit_length()
