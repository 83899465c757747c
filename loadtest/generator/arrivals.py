"""When requests are due: seeded arrival times under a rate that changes over time. Pure: no sockets, no clocks.

Points of a process of rate one are mapped through the inverse of the cumulative rate (Çinlar, Introduction to
Stochastic Processes, 1975, section 4.7): Poisson points stay Poisson, even ones stay even, at any shape of the rate.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.record.trials import Arrivals, Shape

STEPS = 4
BURST_EVERY, BURST_SHARE, BURST_FACTOR = 10.0, 0.1, 3.0
"""A burst begins every so many seconds, lasts this share of them, and multiplies the rate."""
SOAK_EDGE = 0.1
"""Share of a soak in which the rate rises at its begin, and falls at its end."""
GRID_SECONDS = 0.01
"""The cumulative rate is linear between points so far apart; the rate itself changes over tens of seconds."""
REPEAT_SECONDS = 60.0
"""A schedule without an end repeats its shape so often."""
STRETCH_SECONDS, STRETCH_ARRIVALS = 60.0, 50_000
"""Arrivals are drawn by stretches that are no longer and have no more at the rate (bursts: up to three times as many).

To draw one takes some milliseconds, in which those that are due wait. An hour at 8,000/s at once would be 29 million.
"""

Floats = npt.NDArray[np.float64]


def _steps(x: Floats, seconds: float) -> Floats:
    return np.ceil(x / seconds * STEPS) / STEPS


def _soak(x: Floats, seconds: float) -> Floats:
    return np.interp(x / seconds, [0, SOAK_EDGE, 1 - SOAK_EDGE, 1], [0.0, 1.0, 1.0, 0.0])


PROFILES: dict[Shape, Callable[[Floats, float], Floats]] = {
    "constant": lambda x, seconds: np.ones_like(x),
    "step": _steps,
    "ramp": lambda x, seconds: x / seconds,
    "burst": lambda x, seconds: np.where(x % BURST_EVERY < BURST_EVERY * BURST_SHARE, BURST_FACTOR, 1.0),
    "soak": _soak,
}
"""Shape -> (instants, (n,) seconds; length, seconds) -> share of the rate at these instants, (n,)."""


@dataclass(frozen=True)
class Schedule:
    """What one source of arrivals offers. rate: arrivals/s; seconds: 0 goes on without an end."""

    rate: float
    seconds: float = 0.0
    arrivals: Arrivals = "poisson"
    shape: Shape = "constant"
    seed: tuple[int, ...] = (0,)

    def times(self) -> Iterator[float]:
        """Yield the instants of the arrivals, seconds from the begin, in order."""
        length = self.seconds or REPEAT_SECONDS
        parts = math.ceil(max(length / STRETCH_SECONDS, self.rate * length / STRETCH_ARRIVALS))
        edges = np.linspace(0, length, parts + 1)
        even = np.random.default_rng([*self.seed, 0]).uniform()
        for stretch in itertools.count() if not self.seconds else range(parts):
            turn, part = divmod(stretch, parts)
            instants, expected = self._accumulate(edges[part], edges[part + 1], length)
            if self.arrivals == "constant":
                points = np.arange(even, expected[-1])
                even += len(points) - expected[-1]
            else:
                random = np.random.default_rng([*self.seed, stretch])
                # Given how many there are, the points of a Poisson process are uniform.
                points = np.sort(random.uniform(0, expected[-1], random.poisson(expected[-1])))
            yield from (turn * length + np.interp(points, expected, instants)).tolist()

    def _accumulate(self, begin: float, end: float, length: float) -> tuple[Floats, Floats]:
        """Return instants of the shape between ``begin`` and ``end``, and the arrivals to be expected until each."""
        instants = np.linspace(begin, end, int(np.ceil((end - begin) / GRID_SECONDS)) + 1)
        between = (instants[1:] + instants[:-1]) / 2
        rates = self.rate * PROFILES[self.shape](between, length)
        return instants, np.concatenate([[0], np.cumsum(rates)]) * (instants[1] - instants[0])
