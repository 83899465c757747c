"""Requests that wait to be answered one after the other, and how long the last of them will have waited.

By time and not by count: what a request takes is learnt from those like it, and how much longer it takes until the
next is begun, since others are read and answered between, from how the queue moved.
"""

import math
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

FIRST_GUESS_SECONDS = 0.0005
"""Of a request whose like was never seen: 64 rows."""
WEIGHT = 0.1
"""Of what is new in what was learnt."""
MEMORY_SECONDS = 1.0
"""So far back the queue looks to tell how it moves."""

Item = TypeVar("Item")


class Queue(Generic[Item]):
    """First come, first served."""

    def __init__(self) -> None:
        self._items: deque[tuple[Item, float]] = deque()
        self._seconds = 0.0
        """Of all that wait, as expected."""
        self._pace: dict[Hashable, float] = {}
        """Seconds that a request of a kind takes."""
        self._passed = self._worked = MEMORY_SECONDS / 4
        """Seconds that passed while requests waited, and of these what the requests took: the last, mostly."""
        self._ended = 0.0
        """When the last was answered, if others waited then; otherwise 0."""

    def __len__(self) -> int:
        return len(self._items)

    def seconds_until_last(self) -> float:
        """Return how long a request would wait that came now."""
        return self._seconds * self._passed / self._worked

    def add(self, item: Item, kind: Hashable = None) -> None:
        """Let a request wait. kind: of all that take as long."""
        expected = self._pace.get(kind, FIRST_GUESS_SECONDS)
        self._items.append((item, expected))
        self._seconds += expected

    def take(self, most: int) -> list[Item]:
        """Return the first of those that wait."""
        taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
        self._seconds = self._seconds - sum(expected for _, expected in taken) if self._items else 0.0
        return [item for item, _ in taken]

    def learn(self, answered: int, begin: float, end: float, kind: Hashable = None) -> None:
        """Learn from so many requests of a kind that were answered together. begin, end: ``time.perf_counter``."""
        if answered:
            seconds = (end - begin) / answered
            known = self._pace.get(kind, seconds)
            self._pace[kind] = known + WEIGHT * (seconds - known)
            if self._ended:
                passed = end - self._ended
                kept = math.exp(-passed / MEMORY_SECONDS)
                self._passed = self._passed * kept + passed
                self._worked = self._worked * kept + end - begin
        self._ended = end if self._items else 0.0
