"""What arrived in one turn of the event loop, answered when the turn is over: short requests first, together.

Nothing waits for it: uvloop has read all that was there before it calls what was scheduled, and writes all that was
answered when that returns.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from service.answers.messages import Answer, Request
from service.answers.responder import Responder
from service.answers.routes import Route

SHORT_BYTES = 32 * 1024
"""A body of one row of features has 5 KB; one that is longer than this takes longer than a turn should."""
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

    def __init__(self, call_soon: Callable[[Callable[[], None]], object], responder: Responder) -> None:
        self._call_soon = call_soon
        self._responder = responder
        self._short: deque[Place] = deque()
        self._long: deque[Place] = deque()
        self._scheduled = False
        self._short_were_last = False

    def add(self, place: Place) -> None:
        """Answer a request when this turn ends, or soon after."""
        (self._short if len(place.request.body) <= SHORT_BYTES else self._long).append(place)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._call_soon(self._drain)

    def _drain(self) -> None:
        """Answer short requests, or a long one, in turns where both wait; then let the loop read and write."""
        self._scheduled = False
        if self._short and not (self._long and self._short_were_last):
            self._short_were_last = True
            self._answer([self._short.popleft() for _ in range(min(len(self._short), MOST_AT_ONCE))])
        elif self._long:
            self._short_were_last = False
            self._answer([self._long.popleft()])
        if self._short or self._long:
            self._schedule()

    def _answer(self, places: list[Place]) -> None:
        wanted = [place for place in places if place.is_wanted()]
        answers = self._responder.answer_all([(place.route, place.request) for place in wanted])
        for place, answer in zip(wanted, answers, strict=True):
            place.settle(answer)
