"""Queues with known answers, on simulated time: Poisson arrivals, one server, first come first served."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

Floats = npt.NDArray[np.float64]
Service = Callable[[np.random.Generator, int], Floats]
"""(generator, n) -> (n,) seconds of work."""


def exponential(mean: float) -> Service:
    """Service times of M/M/1."""
    return lambda rng, requests: rng.exponential(mean, requests)


def deterministic(mean: float) -> Service:
    """Service times of M/D/1."""
    return lambda rng, requests: np.full(requests, mean)


def poisson_arrivals(rng: np.random.Generator, rate: float, seconds: float) -> Floats:
    """Return (n,) instants between 0 and ``seconds``, in order. rate: a second."""
    gaps = rng.exponential(1 / rate, rng.poisson(rate * seconds) + 1)
    instants = np.cumsum(gaps)
    # n + 1 exponential gaps, scaled to the whole, part it as n uniform instants do.
    return np.asarray(instants[:-1] * (seconds / instants[-1]))


def sojourn(arrivals: Floats, service: Floats) -> Floats:
    """Return (n,) seconds from arrival to answer. arrivals, service: (n,) seconds.

    Lindley's recursion, end = max(arrival, end before) + service, as a running maximum.
    """
    work = np.cumsum(service)
    return np.asarray(work + np.maximum.accumulate(arrivals - (work - service)) - arrivals)


@dataclass(frozen=True)
class Queue:
    """A server with one queue, under load on simulated time."""

    service: Service
    stop_seconds: float = 0.0
    """It does nothing for so long at the start of every ``period_seconds``."""
    period_seconds: float = 5.0

    def run(self, rng: np.random.Generator, rate: float, seconds: float, warm_up_seconds: float) -> Floats:
        """Return (n,) seconds from arrival to answer, without the arrivals of the warm-up. rate: arrivals a second."""
        arrivals = poisson_arrivals(rng, rate, warm_up_seconds + seconds)
        service = self.service(rng, len(arrivals))
        latency = self._stop(arrivals, service, rng) if self.stop_seconds else sojourn(arrivals, service)
        return latency[arrivals >= warm_up_seconds]

    def _stop(self, arrivals: Floats, service: Floats, rng: np.random.Generator) -> Floats:
        """Serve on the server's own clock, which stands still while it stops. The first stop is at a random instant."""
        working = self.period_seconds - self.stop_seconds
        phase = rng.uniform(0, self.period_seconds)
        cycles, into = np.divmod(arrivals + phase, self.period_seconds)
        own = cycles * working + np.maximum(into - self.stop_seconds, 0)
        cycles, into = np.divmod(own + sojourn(own, service), working)
        return np.asarray(cycles * self.period_seconds + self.stop_seconds + into - phase - arrivals)


def mm1_quantile(level: float, rate: float, mean: float) -> float:
    """Seconds from arrival to answer that a share ``level`` of requests do not exceed in M/M/1: exponential."""
    return -math.log1p(-level) / (1 / mean - rate)


def mm1_capacity(seconds: float, mean: float, late: float = 0.01) -> float:
    """Arrivals a second at which a share ``late`` of requests takes longer than ``seconds`` in M/M/1."""
    return 1 / mean + math.log(late) / seconds


def md1_quantile(level: float, rate: float, mean: float) -> float:
    """Return the same for M/D/1, by the series of Erlang (1909) and Crommelin (1932) for the wait.

    Up to 20 times ``mean``: its terms alternate and grow, so that beyond they leave no digits.
    """

    def share_within(wait: float) -> float:
        load = [rate * (k * mean - wait) for k in range(int(wait / mean) + 1)]
        return (1 - rate * mean) * math.fsum(x**k / math.factorial(k) * math.exp(-x) for k, x in enumerate(load))

    if share_within(0) >= level:  # so many do not wait at all
        return mean
    return mean + float(brentq(lambda wait: share_within(wait) - level, 0, 20 * mean))
