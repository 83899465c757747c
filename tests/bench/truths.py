"""What the latencies of known servers must be: closed forms where there are any, else a long simulation. Pure."""

import itertools
import math

import numpy as np
from scipy.optimize import brentq

from loadtest.generator.arrivals import Schedule
from tests.bench.lines import Floats, Line
from tests.queues import md1_quantile, mm1_quantile

LEVELS = (0.5, 0.95, 0.99)
SIMULATED_SECONDS = 20_000.0
SIMULATIONS = 6
"""Together they know a 99th percentile to about 0.3 %."""


def quantiles_ms(line: Line) -> Floats:
    """Return the time in the system at ``LEVELS``: (3,) milliseconds."""
    if line.law == "M/M/1":
        seconds = [mm1_quantile(level, line.rate, line.mean) for level in LEVELS]
    elif line.law == "M/D/1":
        seconds = [md1_quantile(level, line.rate, line.mean) for level in LEVELS]
    elif line.law == "D/M/1":
        seconds = [dm1_quantile(level, line.rate, line.mean) for level in LEVELS]
    else:
        seconds = np.mean([simulate(line, seed) for seed in range(SIMULATIONS)], axis=0).tolist()
    return np.array(seconds) * 1000


def dm1_quantile(level: float, rate: float, mean: float) -> float:
    """Return the seconds from arrival to answer that a share ``level`` does not exceed, with even arrivals.

    Exponential with the rate (1 - s) / mean, where s = exp(-(1 - s) / (rate * mean)) < 1: G/M/1 of Gross, Shortle,
    Thompson and Harris, Fundamentals of Queueing Theory (4th edition, 2008), section 5.3.1.
    """
    found = float(brentq(lambda s: math.exp(-(1 - s) / (rate * mean)) - s, 0, 1 - 1e-9))
    return -math.log1p(-level) * mean / (1 - found)


def simulate(line: Line, seed: int) -> Floats:
    """Return the time in the system at ``LEVELS`` of one long run: (3,) seconds."""
    arrivals = np.array(list(Schedule(line.rate, SIMULATED_SECONDS, line.arrivals, seed=(seed,)).times()))
    services = line.service(np.random.default_rng([seed, 1]), len(arrivals))
    return np.asarray(np.quantile(line.sojourns(arrivals, services), LEVELS))


def served(line: Line, arrivals: Floats, first: int) -> Floats:
    """Return the seconds in the system of the very requests that the known server answered: (n,).

    arrivals: (n,) seconds since the epoch, in order; first: how many requests the server had answered before.
    """
    services = np.array(list(itertools.islice(line.services(), first, first + len(arrivals))))
    return line.sojourns(arrivals, services)
