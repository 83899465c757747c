"""Queues with a known law: what a server does whose latencies can be calculated. Pure: no sockets, no clocks.

One server, first come first served. A request that arrives at t leaves at ``max(t, departure of the one before) + S``;
where the server stalls, all of that goes on in its working time, which stands still meanwhile. Instants are seconds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from loadtest.arrivals import Arrivals

Floats = npt.NDArray[np.float64]

BLOCK = 4096
"""Service times are drawn so many at a time."""


Kind = Literal["fixed", "exponential", "mixed"]


@dataclass(frozen=True)
class Service:
    """Of one request. mean: seconds; draw: (generator, n) -> (n,) seconds."""

    kind: Kind
    mean: float
    draw: Callable[[np.random.Generator, int], Floats]


def fixed(seconds: float) -> Service:
    """Take the same for each."""
    return Service("fixed", seconds, lambda _, n: np.full(n, seconds))


def exponential(mean: float) -> Service:
    """Take what does not depend on what has passed."""
    return Service("exponential", mean, lambda random, n: random.exponential(mean, n))


def mixed(short: float, long: float, share: float) -> Service:
    """Take ``long`` for this share of requests, and ``short`` for the others."""
    mean = share * long + (1 - share) * short
    return Service("mixed", mean, lambda random, n: np.where(random.random(n) < share, long, short))


@dataclass(frozen=True)
class Queue:
    """A law and its load. name: an architecture's; load: share of the time in which the server works or stalls not.

    stall_every, stall_seconds: it stands still for the first ``stall_seconds`` of every ``stall_every``, by a clock.
    """

    name: str
    law: str
    service: Service
    load: float
    arrivals: Arrivals = "poisson"
    stall_every: float = 0.0
    stall_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Arrivals/s."""
        return self.load / self.service.mean

    def services(self, seed: int) -> Iterator[float]:
        """Yield the service times, in the order of arrival, without an end."""
        random = np.random.default_rng(seed)
        while True:
            yield from self.service.draw(random, BLOCK).tolist()

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
        """Return how long each request is in the system; all (n,) seconds, arrivals in order.

        The departure of request n is the latest of ``w_k + S_k + .. + S_n`` over k <= n (Lindley 1952, unrolled).
        """
        total = np.cumsum(services)
        departures = total + np.maximum.accumulate(self.working(arrivals) - (total - services))
        return self.instants(departures) - arrivals


SHORT = 0.010
"""Seconds: ten times the error of the instrument, which is what is to be shown."""

QUEUES = (
    Queue("mm1-30", "M/M/1", exponential(SHORT), 0.3),
    Queue("mm1-50", "M/M/1", exponential(SHORT), 0.5),
    Queue("mm1-80", "M/M/1", exponential(SHORT), 0.8),
    Queue("md1-30", "M/D/1", fixed(SHORT), 0.3),
    Queue("md1-60", "M/D/1", fixed(SHORT), 0.6),
    Queue("md1-80", "M/D/1", fixed(SHORT), 0.8),
    Queue("dm1-50", "D/M/1", exponential(SHORT), 0.5, "constant"),
    Queue("dm1-70", "D/M/1", exponential(SHORT), 0.7, "constant"),
    Queue("mg1-40", "M/G/1, one in ten five times as long", mixed(SHORT, 5 * SHORT, 0.1), 0.4),
    Queue("mg1-60", "M/G/1, one in ten five times as long", mixed(SHORT, 5 * SHORT, 0.1), 0.6),
    Queue("stall-30", "M/D/1, stalls 0.5 s of every 5", fixed(SHORT), 0.3, "poisson", 5.0, 0.5),
    Queue("stall-50", "M/D/1, stalls 0.5 s of every 5", fixed(SHORT), 0.5, "poisson", 5.0, 0.5),
)
