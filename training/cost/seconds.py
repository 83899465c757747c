"""Seconds that can be believed: on the wall and of the processors, and how many threads a network is worth."""

import os
import time
from dataclasses import dataclass
from typing import Self

MOST_THREADS = 8
"""More threads than this gain nothing on batches of some hundred rows."""
THREADED_WEIGHTS = 500_000
"""Weights from which on a step is worth several threads that do not spin: two take 1.3 times less for 0.8 million
(2x800) and for 2.7 million (5x800), no less for 0.2 million (5x200), and 1.4 times more for 14,000 (2x50)."""
WAITED_SHARE = 0.05
"""Of the seconds on the wall. A thread that nobody disturbs waits for 1 % of them: interrupts, pages, its own clock."""
WAITED_SECONDS = 0.02
"""Short trainings may wait for so long: a few turns of the system's scheduler."""


@dataclass(frozen=True)
class Seconds:
    """wall: by the clock; processor: those of all threads of this process together."""

    wall: float
    processor: float

    @classmethod
    def now(cls) -> Self:
        """Read both clocks; only differences between two readings have a meaning."""
        return cls(time.perf_counter(), time.process_time())

    def __sub__(self, earlier: Self) -> "Seconds":
        return Seconds(self.wall - earlier.wall, self.processor - earlier.processor)

    def __add__(self, other: Self) -> "Seconds":
        return Seconds(self.wall + other.wall, self.processor + other.processor)

    @property
    def disturbed(self) -> bool:
        """Whether something else took a part of the processors.

        A process that trains never waits for anything else, so its processor seconds are at least those on the wall:
        disturbed is who lacks more than 5 % and 20 ms of them.
        """
        waited = self.wall - self.processor
        return waited > WAITED_SECONDS and waited > WAITED_SHARE * self.wall


def count_allowed_processors() -> int:
    """How many this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_threads(weights: int, *, processes: int = 1) -> int:
    """Return how many threads train a network of so many weights best: one, or as many as there are processors.

    By size alone: the last digits of a sum depend on the threads that shared it, and the same seed is to give the same
    weights. processes: that train it together on this machine, and share its processors.
    """
    return 1 if weights < THREADED_WEIGHTS else max(1, min(MOST_THREADS, count_allowed_processors() // processes))
