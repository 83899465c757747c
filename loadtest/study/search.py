"""The search for the highest rate that holds the SLO. Pure: a probe runs one trial at a rate and says what it showed.

From ``start`` up or down until a rate that held and one that did not bracket the capacity; bisection, on the
logarithm, until they are 5 % apart; then a long repeat at both ends. An end that is overturned by its repeat moves the
bracket on. A single short trial near the capacity is little more than the toss of a coin: without the repeats the first
lucky one would stay the answer, and without those at the upper end one stall of the machine, at half the capacity,
would.

A rate is held where at most ``LATE_SHARE`` of the requests of all its trials were late. It is the mean that counts, and
no majority of trials: late requests come in bursts, so that most short trials near the capacity have fewer late ones
than in the long run, and a few have far more.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from loadtest.study.slo import LATE_SHARE


@dataclass(frozen=True)
class Shown:
    """What one trial showed of the service.

    late_share: of its requests, 1 where the service did not keep up; seconds: for which it was planned, its weight. One
    that was stopped early has the weight of a whole one: else the worst would count least.
    """

    late_share: float
    seconds: float


Answer = Shown | Literal["undecided", "generator"]
"""undecided: the trial can't be believed; generator: the load generator could not offer the rate. Neither says anything
of the service."""
Probe = Callable[[float, bool], Answer]
"""(requests/s, whether this is a repeat, which lasts ``REPEAT_LONGER`` times as long) -> what the trial showed."""
Outcome = Literal["found", "generator", "none", "undecided"]

RESOLUTION = 1.05
"""Of the rate that did not hold to the one that did, at the end."""
REPEATS = 3
"""Trials at either end of the last bracket. Two are enough if both showed something of the service, or both nothing."""
REPEAT_LONGER = 8
"""Times a first trial: service times of 0.4 ms to 10 ms at an SLO of 50 ms, first trials of 4 s, or of 551 requests
where that is longer, then give a capacity that is 0.5 to 1.4 % too high on average; one as long, 1 to 6 %."""
MOST_COUNTED = REPEAT_LONGER * LATE_SHARE
"""Share of late requests that a trial counts for at most: a repeat without any outweighs a first trial that stalled."""
WIDEST_STEP = 2.0
"""To which a smaller step grows, squared at each stride: a start that is far off must not take dozens of trials."""
ROUNDING = 1e-9
"""Relative: a step of 5 % is no more than 5 %, whatever its last digit."""
MOST_OVERTURNED = 4
"""Ends of the bracket."""
MOST_TRIALS = 40
"""Far more than a search needs: about 7 from a start that is near, 15 from one that is 50 times off."""
HIGHEST_START = 1e9
"""Requests/s, beyond any service."""


@dataclass(frozen=True)
class Found:
    """The highest rate that held the SLO, and why the search ended there; see ``loadtest.record.results.Capacity``.

    undecided: repeats went on contradicting each other, or no trial at the lowest rate could be believed, or it was too
    much for the load generator.
    """

    outcome: Outcome
    rate: float | None
    """Requests/s, for the outcomes found and generator."""
    next_rate: float | None
    """Requests/s: the lowest rate that was not held; None where every one was."""


def dither(start: float, *, step: float, seed: Sequence[int]) -> float:
    """Return ``start`` moved by a random factor within ``step``, so that no two searches look at the same rates.

    The rates that a search can find are a grid about its start. Blocks on one grid would agree by rounding, and
    their interval would be as narrow as zero. seed: of the study, the architecture and the block.
    """
    exponent = float(np.random.default_rng(seed).uniform(-0.5, 0.5))
    return start * math.pow(step, exponent)


def search(probe: Probe, start: float, *, step: float, lowest: float, most_trials: int = MOST_TRIALS) -> Found:
    """Search from ``start``, by factors of ``step`` at first, not below ``lowest``; rates in requests/s.

    A rate is held only if a trial shows it: undecided steers as a miss does. A rate that the generator could not offer
    is an upper end too, and the outcome then is ``generator``. It ends undecided after ``most_trials``, or one or two
    more: repeats that were begun are finished. Raises ValueError for rates and steps without a sense.
    """
    _check(start, step, lowest)
    trials = _Trials(probe)
    trials.run(max(start, lowest))
    while len(trials) < most_trials and trials.overturned <= MOST_OVERTURNED:
        low, high = trials.bracket()
        if high == math.inf or (low == 0 and high > lowest):
            trials.run(low * step if low else max(high / step, lowest))
            step = min(step * step, max(step, WIDEST_STEP))
        elif low > 0 and high > low * RESOLUTION * (1 + ROUNDING):
            trials.run(math.sqrt(low * high))
        elif doubtful := [rate for rate in (low, high) if rate and not trials.is_settled(rate)]:
            trials.repeat(doubtful[0])
            step = RESOLUTION
        else:
            return trials.conclude()
    return Found("undecided", None, None)


def _check(start: float, step: float, lowest: float) -> None:
    if not 0 < start <= HIGHEST_START:
        raise ValueError(f"the first rate must be between 0 and {HIGHEST_START:g} requests/s, however: {start}.")
    if not 0 < lowest <= HIGHEST_START:
        raise ValueError(f"the lowest rate must be between 0 and {HIGHEST_START:g} requests/s, however: {lowest}.")
    if not RESOLUTION <= step < math.inf:
        raise ValueError(f"the first step must be a factor of {RESOLUTION} at least, however: {step}.")


@dataclass
class _Trials:
    """The answers so far, rate by rate. The rates that held all lie below those that did not."""

    probe: Probe
    answers: dict[float, list[Answer]] = field(default_factory=dict)
    overturned: int = 0
    """How often repeats said otherwise than the first trial at a rate."""

    def __len__(self) -> int:
        return sum(map(len, self.answers.values()))

    def run(self, rate: float) -> None:
        answer = self.probe(rate, rate in self.answers)
        self.answers.setdefault(rate, []).append(answer)

    def bracket(self) -> tuple[float, float]:
        """Return the highest rate that held, or 0, and the lowest that did not, or infinity."""
        held = [rate for rate in self.answers if self._held(rate)]
        return max(held, default=0.0), min(self.answers.keys() - held, default=math.inf)

    def is_settled(self, rate: float) -> bool:
        return len(self.answers[rate]) == REPEATS or max(self._count(rate)) > REPEATS / 2

    def repeat(self, rate: float) -> None:
        """Repeat the trial at ``rate`` until enough of them agree on whether they show anything of the service."""
        before = self._held(rate)
        while not self.is_settled(rate):
            self.run(rate)
        self.overturned += self._held(rate) != before

    def conclude(self) -> Found:
        low, high = self.bracket()
        if low == 0:
            certain = self._count(high)[0] > REPEATS / 2
            return Found("none" if certain else "undecided", None, high)
        offered = self.answers[high].count("generator") < REPEATS / 2
        return Found("found" if offered else "generator", low, high)

    def _held(self, rate: float) -> bool:
        """Whether most trials showed something of the service, and together few enough late requests."""
        answers = self.answers[rate]
        shown = [answer for answer in answers if isinstance(answer, Shown)]
        late = sum(min(trial.late_share, MOST_COUNTED) * trial.seconds for trial in shown)
        return 2 * len(shown) > len(answers) and late <= LATE_SHARE * sum(trial.seconds for trial in shown)

    def _count(self, rate: float) -> tuple[int, int, int]:
        """Return how many trials showed something of the service, could not be believed, and could not be offered."""
        undecided, refused = (self.answers[rate].count(nothing) for nothing in ("undecided", "generator"))
        return len(self.answers[rate]) - undecided - refused, undecided, refused
