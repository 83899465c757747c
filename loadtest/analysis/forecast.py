"""What an architecture that was not load-tested should sustain, from the latency of its network in a sweep.

A worker is one server to which requests come at random times and which takes the same time for each (M/D/1). That time
is the network's latency and an overhead: HTTP, decoding, encoding. The overhead is found where a capacity was measured:
the time that a request must have taken there, less the network's latency. Added to another network's latency it gives
the time of a request, and that the capacity.

The two are related by the tail of the wait in M/D/1, P(wait > t) = C exp(-theta t), where theta solves
rate (exp(theta service) - 1) = theta and C = (1 - load) / (theta service + load - 1): the approximation of Cramer and
Lundberg (Asmussen, Applied Probability and Queues, 2nd edition 2003, theorem XIII.5.2), exact for large t. The capacity
is the rate at which the wait exceeds the SLO less the service in one of a hundred requests. By Erlang's series it is
right to 0.3 % where a request takes up to 0.3 of the SLO, and to 3 % at 0.4 of it; beyond nothing is predicted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from loadtest.record.fleet import Overhead
from service.contract.curve import LATENCY_ROWS, Curve, CurvePoint, Estimate, Shape

LATE_SHARE = 0.01
LARGEST_EXPONENT = 700.0
"""Of exp in float64. A wait that needs more is a 150th of the service or less: nothing is left of the SLO."""
SMALLEST_EXPONENT = 1e-3
"""Of the largest: the share that waits too long is then all but 1."""
ROOM = 1.001
"""For rounding, beyond the largest exponent."""
NO_EXPONENT = 1e-6
"""Below it C is 1, as far as float64 can tell."""
TRUSTED_SHARE = 0.4
"""Of the SLO, that a request may take for its capacity to be predicted."""
SHORTEST, LONGEST = 1e-3, 1 - 1e-9
"""Shares of the SLO, or of the time between two requests, between which the time of a request is looked for."""


@dataclass(frozen=True)
class SweptNetwork:
    """A network of a sweep. latency: seconds for the rows asked for, the middle of its trainings, least and most."""

    name: str
    shape: Shape
    weights: int
    bytes: int
    latency: Estimate


def list_networks(curve: Curve, rows: int) -> dict[Shape, SweptNetwork]:
    """Return each shape of a sweep, by weights, with its latency for so many rows."""
    shapes: dict[Shape, list[CurvePoint]] = {}
    for point in sorted(curve.points, key=lambda point: point.weights):
        shapes.setdefault(point.shape, []).append(point)
    return {
        shape: SweptNetwork(
            name=points[0].name,
            shape=shape,
            weights=points[0].weights,
            bytes=points[0].bytes,
            latency=_summarise([_interpolate(point.latency_seconds, rows) for point in points]),
        )
        for shape, points in shapes.items()
    }


def _summarise(seconds: list[float]) -> Estimate:
    return Estimate(value=float(np.median(seconds)), low=min(seconds), high=max(seconds))


def _interpolate(latency_seconds: Mapping[int, float], rows: int) -> float:
    """Return the latency of ``rows``: on the straight line through the two measured numbers of rows about it."""
    above = next((count for count in LATENCY_ROWS[1:] if rows <= count), LATENCY_ROWS[-1])
    below = LATENCY_ROWS[LATENCY_ROWS.index(above) - 1]
    share = (rows - below) / (above - below)
    return latency_seconds[below] + share * (latency_seconds[above] - latency_seconds[below])


def find_capacity(service_seconds: float, slo_seconds: float) -> float:
    """Return the requests/s at which one in a hundred takes longer than the SLO; 0 where each one does."""
    wait = slo_seconds - service_seconds
    most = -math.log(LATE_SHARE) / wait * service_seconds if wait > 0 else math.inf
    if most > LARGEST_EXPONENT:
        return 0.0

    def late_share(exponent: float) -> float:
        """Return how many wait too long. exponent: theta * service."""
        load = exponent / math.expm1(exponent)
        factor = 1.0 if exponent < NO_EXPONENT else (1 - load) / (exponent + load - 1)
        return factor * math.exp(-exponent * wait / service_seconds)

    # C is at most 1: beyond ``most`` there are too few.
    exponent = float(brentq(lambda at: late_share(at) - LATE_SHARE, SMALLEST_EXPONENT * most, ROOM * most))
    return exponent / math.expm1(exponent) / service_seconds


def find_service_seconds(capacity: float, slo_seconds: float) -> float:
    """Return the seconds of a request at which ``find_capacity`` gives ``capacity``, requests/s above 0."""
    return float(
        brentq(
            lambda seconds: find_capacity(seconds, slo_seconds) - capacity,
            SHORTEST * min(1 / capacity, slo_seconds),
            min(1 / capacity, LONGEST * slo_seconds),
            xtol=1e-15,
        )
    )


def find_overhead(
    architecture: str, capacity: Estimate, latency: Estimate, *, workers: int, slo_seconds: float
) -> Overhead:
    """Return the overhead of a load-tested architecture. capacity: requests/s of all workers; latency: seconds."""
    longest, middle, shortest = (
        find_service_seconds(rate / workers, slo_seconds) for rate in (capacity.low, capacity.value, capacity.high)
    )
    return Overhead(
        architecture=architecture,
        service=Estimate(value=middle, low=shortest, high=longest),
        latency=latency,
        overhead=Estimate(value=middle - latency.value, low=shortest - latency.value, high=longest - latency.value),
    )


def predict_capacity(
    overheads: Sequence[Overhead], latency: Estimate, *, workers: int, slo_seconds: float
) -> Estimate | None:
    """Return requests/s of one replica: with the mean overhead, and with the most and the least of both.

    A range of what was seen, no confidence interval. None where a request would take too much of the SLO. latency:
    seconds.
    """
    middle = float(np.mean([found.overhead.value for found in overheads])) + latency.value
    longest = max(found.overhead.high for found in overheads) + latency.high
    shortest = max(0.0, min(found.overhead.low for found in overheads)) + latency.low
    if longest > TRUSTED_SHARE * slo_seconds:
        return None
    value, low, high = (workers * find_capacity(seconds, slo_seconds) for seconds in (middle, longest, shortest))
    return Estimate(value=value, low=low, high=high)
