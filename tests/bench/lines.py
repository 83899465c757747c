"""Servers with a known law: one server, first come first served, on the machine's clock. Pure.

A request that arrives at t leaves at ``max(t, departure of the one before) + S``. A server that stalls does this in its
working time, which stands still meanwhile.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from loadtest.record.trials import Arrivals
from tests.queues import Service, deterministic, exponential, sojourn

Floats = npt.NDArray[np.float64]
Law = Literal["M/M/1", "M/D/1", "D/M/1", "M/G/1", "M/D/1, stalls"]

BLOCK = 4096
"""Service times are drawn so many at a time."""


@dataclass(frozen=True)
class Line:
    """A server and the load on it. name: the architecture's; mean: seconds of service; load: rate * mean.

    workers: such servers beside each other, to which requests go at random.

    stall_every, stall_seconds: by the clock, it stands still for the first ``stall_seconds`` of each ``stall_every``.
    """

    name: str
    law: Law
    service: Service
    mean: float
    load: float
    arrivals: Arrivals = "poisson"
    stall_every: float = 0.0
    stall_seconds: float = 0.0
    workers: int = 1

    @property
    def rate(self) -> float:
        """Arrivals/s."""
        return self.load / self.mean

    def services(self) -> Iterator[float]:
        """Yield the seconds of service, in the order of arrival, without an end; of each name others."""
        random = np.random.default_rng(list(self.name.encode()))
        while True:
            yield from self.service(random, BLOCK).tolist()

    def working(self, instants: Floats) -> Floats:
        """Return the working time that has passed at ``instants``, both (n,)."""
        if not self.stall_every:
            return instants
        turns, within = np.divmod(instants, self.stall_every)
        return turns * (self.stall_every - self.stall_seconds) + np.maximum(within - self.stall_seconds, 0)

    def instants(self, working: Floats) -> Floats:
        """Return when so much working time has passed, both (n,)."""
        if not self.stall_every:
            return working
        return working + (np.floor(working / (self.stall_every - self.stall_seconds)) + 1) * self.stall_seconds

    def sojourns(self, arrivals: Floats, services: Floats) -> Floats:
        """Return how long each request is in the system; all (n,) seconds, arrivals in order."""
        working = self.working(arrivals)
        return self.instants(working + sojourn(working, services)) - arrivals


def mixed(short: float, long: float, share: float) -> Service:
    """Take ``long`` for this share of requests, and ``short`` for the others."""
    return lambda random, requests: np.where(random.random(requests) < share, long, short)


SHORT = 0.010
"""Seconds: ten times the error that the instrument may have."""
ONE_IN_TEN = mixed(SHORT, 5 * SHORT, 0.1)
ONE_IN_TEN_MEAN = 1.4 * SHORT
STALLS = 5.0, 0.5
"""Seconds: how often, and how long."""

LAWS = (
    Line("mm1-30", "M/M/1", exponential(SHORT), SHORT, 0.3),
    Line("mm1-50", "M/M/1", exponential(SHORT), SHORT, 0.5),
    Line("mm1-80", "M/M/1", exponential(SHORT), SHORT, 0.8),
    Line("md1-30", "M/D/1", deterministic(SHORT), SHORT, 0.3),
    Line("md1-60", "M/D/1", deterministic(SHORT), SHORT, 0.6),
    Line("md1-80", "M/D/1", deterministic(SHORT), SHORT, 0.8),
    Line("dm1-50", "D/M/1", exponential(SHORT), SHORT, 0.5, "constant"),
    Line("dm1-70", "D/M/1", exponential(SHORT), SHORT, 0.7, "constant"),
    Line("mg1-40", "M/G/1", ONE_IN_TEN, ONE_IN_TEN_MEAN, 0.4),
    Line("mg1-60", "M/G/1", ONE_IN_TEN, ONE_IN_TEN_MEAN, 0.6),
    Line("stall-30", "M/D/1, stalls", deterministic(SHORT), SHORT, 0.3, "poisson", *STALLS),
    Line("stall-50", "M/D/1, stalls", deterministic(SHORT), SHORT, 0.5, "poisson", *STALLS),
)
QUICK = Line("quick", "M/D/1", deterministic(0.001), 0.001, 0.8)
"""Whose capacity is searched for: its trials can be short."""

UNHURRIED = 0.002
"""Seconds of service: with an SLO of 15 times that, a generator that is late by 3 ms is believed."""
BESIDE = {
    count: Line(f"beside-{count}", "M/D/1", deterministic(UNHURRIED), UNHURRIED, 0.8, workers=count)
    for count in (1, 2, 3)
}
"""So many such servers beside each other: what a plan is checked on."""

LINES = {line.name: line for line in (*LAWS, QUICK, *BESIDE.values())}
"""All that the known server serves, by architecture."""
