"""When requests are due: seeded arrival times under a rate that changes over time. Pure: no sockets, no clocks.

Points of a process of rate one are mapped through the inverse of the cumulative rate (Çinlar, Introduction to
Stochastic Processes, 1975, section 4.7): Poisson points stay Poisson, even ones stay even, at any shape of the rate.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.record.results import Arrivals, Shape

STEPS = 4
BURST_EVERY, BURST_SHARE, BURST_FACTOR = 10.0, 0.1, 3.0
"""A burst begins every so many seconds, lasts this share of them, and multiplies the rate."""
SOAK_EDGE = 0.1
"""Share of a soak in which the rate rises at its begin, and falls at its end."""
GRID_SECONDS = 0.01
"""The cumulative rate is linear between points so far apart; the rate itself changes over tens of seconds."""
REPEAT_SECONDS = 60.0
"""A schedule without an end repeats its shape so often."""

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
        for turn in range(1 if self.seconds else 10**9):
            yield from (turn * length + self._turn(length, turn)).tolist()

    def _turn(self, seconds: float, turn: int) -> Floats:
        instants = np.linspace(0, seconds, int(np.ceil(seconds / GRID_SECONDS)) + 1)
        between = (instants[1:] + instants[:-1]) / 2
        expected = np.concatenate([[0], np.cumsum(self.rate * PROFILES[self.shape](between, seconds))])
        expected *= instants[1] - instants[0]
        return np.interp(self._unit_points(expected[-1], turn), expected, instants)

    def _unit_points(self, end: float, turn: int) -> Floats:
        """Points of a process of rate one in 0 .. ``end``, of which ``turn`` stretches have gone by."""
        if self.arrivals == "constant":
            phase = np.random.default_rng([*self.seed, 0]).uniform()
            return np.arange((phase - turn * end) % 1, end)
        random = np.random.default_rng([*self.seed, turn])
        # Given how many there are, the points of a Poisson process are uniform.
        return np.sort(random.uniform(0, end, random.poisson(end)))
