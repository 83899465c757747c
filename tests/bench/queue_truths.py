"""What a queue's latencies must be: closed forms where there are any, else a long simulation. Pure.

Gross, Shortle, Thompson and Harris, Fundamentals of Queueing Theory (4th edition, 2008), sections 2.2 and 5.3: the time
in a G/M/1 queue is exponential. Tijms, A First Course in Stochastic Models (2003), section 9.6.2: the wait in M/D/1.
"""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import poisson

from loadtest.arrivals import Schedule
from tests.bench.queues import Floats, Queue

LEVELS = (0.5, 0.95, 0.99)
SIMULATED_SECONDS = 20_000.0
SIMULATIONS = 8
LONGEST_M_D_1 = 100
"""Service times: at a load of 0.8 hardly any wait is longer."""


def true_quantiles_ms(queue: Queue) -> Floats:
    """Return the time in the system at ``LEVELS``: (3,) milliseconds."""
    if queue.service.kind == "exponential" and not queue.stall_every:
        quantiles = -np.log1p(-np.array(LEVELS)) / _sojourn_rate(queue)
    elif queue.service.kind == "fixed" and queue.arrivals == "poisson" and not queue.stall_every:
        quantiles = np.array([_m_d_1_quantile(queue, level) for level in LEVELS])
    else:
        quantiles = np.mean([simulate(queue, seed) for seed in range(SIMULATIONS)], axis=0)
    return np.asarray(quantiles * 1000)


def _sojourn_rate(queue: Queue) -> float:
    """Return the rate of the exponential time in the system: ``mu (1 - sigma)``, ``sigma = A*(mu (1 - sigma))``.

    A* is the Laplace transform of the time between arrivals.
    """
    mu = 1 / queue.service.mean
    if queue.arrivals == "poisson":
        return mu - queue.rate
    sigma = brentq(lambda x: math.exp(-mu * (1 - x) / queue.rate) - x, 0, 1 - 1e-9)
    return float(mu * (1 - sigma))


def _m_d_1_quantile(queue: Queue, level: float) -> float:
    """Invert ``P(wait <= x) = sum of Q(k - j - 1) Poisson(j; rate (k D - x))`` over j < k, ``k = floor(x / D) + 1``.

    Q(n): at most n wait, which is to say that at most n + 1 are in the system.
    """
    service, rate = queue.service.mean, queue.rate
    at_most = np.cumsum(_numbers_in_m_d_1(queue.load))[1:]

    def excess(wait: float) -> float:
        k = int(wait / service) + 1
        arrivals = poisson.pmf(np.arange(k), rate * (k * service - wait))
        return float(at_most[k - 1 :: -1] @ arrivals) - level

    if excess(0) >= 0:
        return service
    return service + float(brentq(excess, 0, (LONGEST_M_D_1 - 2) * service))


def _numbers_in_m_d_1(load: float) -> Floats:
    """Return how likely n are in the system: (LONGEST_M_D_1,). Ramaswami's recursion, which does not subtract.

    Ramaswami, A stable recursion for the steady state vector in Markov chains of M/G/1 type (1988).
    """
    above = poisson.sf(np.arange(LONGEST_M_D_1 + 1) - 1, load)  # at least n arrivals in a service time
    number = np.zeros(LONGEST_M_D_1)
    number[0] = 1 - load
    for n in range(1, LONGEST_M_D_1):
        number[n] = (number[0] * above[n] + number[1:n] @ above[n:1:-1]) / (1 - above[1])
    return number


def simulate(queue: Queue, seed: int) -> Floats:
    """Return the time in the system at ``LEVELS`` of one long run: (3,) seconds."""
    schedule = Schedule(queue.rate, SIMULATED_SECONDS, queue.arrivals, seed=(seed,))
    arrivals = np.fromiter(schedule.times(), np.float64)
    services = queue.service.draw(np.random.default_rng(seed), len(arrivals))
    return np.asarray(np.quantile(queue.sojourns(arrivals, services), LEVELS))
