"""When a study has to end, and what it may still begin. Pure but for the clock, which is given.

A study announces how long it takes, and ends within ``LONGEST`` times that, however disturbed the machine is. What
can't end in time is not begun: no trial, no second attempt at one, and no block of repeats. Each part of a study leaves
to those after it the time for their first block: one block of everything says more than all blocks of the beginning.
How long things take is what they should take, times the ``pace`` that the trials so far have shown. A first block
itself goes on while the parts after it are left what they should take: a whole one of few parts says more than pieces.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

LONGEST = 1.5
"""Times the announced seconds."""
SPARE = 0.3
"""Of the announced seconds: what trials that fail a gate may take that are run again."""
LEAST_SECONDS = 60.0
"""No study is announced as shorter: a few seconds of someone else's work are more than half of a short one's."""


class OutOfTimeError(Exception):
    """What was to begin could not end before the deadline."""


@dataclass
class Deadline:
    """announced: seconds of the whole study, from ``began`` on the clock; infinite where nothing was announced."""

    announced: float = math.inf
    began: float = 0.0
    clock: Callable[[], float] = time.monotonic
    spare: float = 0.0
    """Seconds left for trials that are run again."""
    block_seconds: float = 0.0
    """That a later block of the part under way should take."""
    reserved: float = 0.0
    """Seconds that the first blocks of all parts after it should take, and the study's end."""
    missed: bool = False
    """Whether anything was left out."""
    _expected: float = 0.0
    _taken: float = 0.0

    @property
    def left(self) -> float:
        """Seconds until the last moment."""
        return self.began + LONGEST * self.announced - self.clock()

    @property
    def pace(self) -> float:
        """How many times longer than they should trials have taken so far; 1 at least."""
        return max(1.0, self._taken / self._expected) if self._expected else 1.0

    def require(self, seconds: float) -> None:
        """Raise OutOfTimeError where a trial that should take so long would not end in time."""
        self._require(self.pace * seconds + self.reserved)

    def require_block(self) -> None:
        """Raise OutOfTimeError where another block would not end in time for the parts that follow, at this pace."""
        self._require(self.pace * (self.block_seconds + self.reserved))

    def _require(self, seconds: float) -> None:
        if seconds > self.left:
            self.missed = True
            raise OutOfTimeError

    def note(self, expected: float, taken: float) -> None:
        """Learn from a trial that should have taken ``expected`` seconds."""
        self._expected += expected
        self._taken += taken

    def grants_retry(self, seconds: float) -> bool:
        """Whether a trial that should take so long may be run again: then it is paid for."""
        cost = self.pace * seconds
        if cost > self.spare or cost + self.pace * self.reserved > self.left:
            return False
        self.spare -= cost
        return True
