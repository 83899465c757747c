"""The Universal Scalability Law: how throughput grows with the requests in flight, and where it peaks.

Gunther, Guerrilla Capacity Planning (Springer 2007), chapters 4 and 5. Each further request in flight waits for those
before it (contention) and makes work with each of them (coherence); with both 0, throughput grows in proportion.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import f as fisher

from loadtest.intervals import CONFIDENCE, Interval
from loadtest.likelihood import Constraint, Points, fit, profile

Floats = npt.NDArray[np.float64]

PARAMETERS = 3
FARTHEST_PEAK = 2.0
"""Times outside the measured requests in flight: no law can be trusted so far out, and no peak is claimed there."""


@dataclass(frozen=True)
class Scalability:
    """X(n) = rate n / (1 + contention (n - 1) + coherence n (n - 1)), with 95 % intervals."""

    rate: Interval
    """Requests/s of one request in flight."""
    contention: Interval
    """0 to 1: the share of a request during which it keeps the others from working."""
    coherence: Interval
    """At least 0: the work that each pair of requests in flight adds, as a share of a request."""
    peak: Interval | None
    """Requests in flight with the highest throughput; None where the measurements show none."""

    def throughput(self, in_flight: Floats) -> Floats:
        """Return requests/s. in_flight: (n,) requests in flight."""
        delay = 1 + self.contention.estimate * (in_flight - 1) + self.coherence.estimate * in_flight * (in_flight - 1)
        return self.rate.estimate * in_flight / delay


def fit_scalability(in_flight: Sequence[float], throughput: Sequence[float]) -> Scalability | None:
    """Fit the law by least squares on the logarithm of throughput; None where the measurements can't say.

    in_flight: (n,) requests in flight, at least 1; throughput: (n,) requests/s; one of each for every trial of every
    repeat. None with fewer than four different ``in_flight``, or where a throughput is not positive.

    Intervals are profile likelihoods (Bates and Watts 1988, section 6.1): the values with which some law comes within
    the F limit of the best one. They respect the bounds: with the best at a bound they are one-sided.
    """
    n, x = np.array(in_flight, dtype=np.float64), np.array(throughput, dtype=np.float64)
    if n.shape != x.shape:
        raise ValueError(f"each trial must have both figures, however: {n.size} in flight, {x.size} of throughput.")
    if len(np.unique(n)) <= PARAMETERS or not (np.isfinite(n) & (n >= 1) & np.isfinite(x) & (x > 0)).all():
        return None
    distinct, where, repeats = np.unique(n, return_inverse=True, return_counts=True)
    log_delay = np.log(n / x)
    means = np.bincount(where, weights=log_delay) / repeats
    # n / X(n) is linear in these: coefficients (1 - contention, contention, coherence) / rate.
    terms = np.stack([np.ones_like(distinct), distinct, distinct * (distinct - 1)], axis=1)
    points = Points(terms, means, repeats.astype(np.float64))
    return _describe(points, scatter=float(((log_delay - means[where]) ** 2).sum()))


def _describe(points: Points, scatter: float) -> Scalability | None:
    free, shared, paired = map(float, fit(points))
    seconds = free + shared
    if seconds == 0:
        return None
    misfit = points.misfit(np.array([free, shared, paired]))
    limit = misfit + _allowance(points, misfit, scatter)

    def interval(estimate: float, constrain: Callable[[float], Constraint], highest: float = math.inf) -> Interval:
        return profile(points, constrain, estimate, limit=limit, highest=highest)

    coherence = interval(paired / seconds, lambda value: Constraint((value, value, -1)))
    peaks = bool(coherence.low) and _is_near(points, free, paired)
    return Scalability(
        rate=_invert(interval(seconds, lambda value: Constraint((1, 1, 0), value)), 1),
        contention=interval(shared / seconds, lambda value: Constraint((value, value - 1, 0)), highest=1),
        coherence=coherence,
        peak=_invert(interval(paired / free, lambda value: Constraint((value, 0, -1))), 2) if peaks else None,
    )


def _is_near(points: Points, free: float, paired: float) -> bool:
    """Say whether the peak, sqrt((1 - contention) / coherence), lies about where it was measured."""
    in_flight = points.terms[:, 1]
    return bool(in_flight.min() / FARTHEST_PEAK <= math.sqrt(free / paired) <= in_flight.max() * FARTHEST_PEAK)


def _invert(interval: Interval, root: int) -> Interval:
    """Return the interval of ``value ** (-1 / root)``: its ends change places."""
    estimate, high, low = (
        math.inf if value == 0 else (1 / value) ** (1 / root)
        for value in (interval.estimate, interval.low, interval.high)
        if value is not None
    )
    return Interval(estimate, low, high)


def _allowance(points: Points, misfit: float, scatter: float) -> float:
    """Return how far a law's sum of squares may lie above the least, ``misfit``, for the law to be believed.

    scatter: the repeats' sum of squares about their means. The error is that of all repeats about the law. Where the
    means miss the law by more than the repeats explain (F test of lack of fit), it is not quite this service's law,
    and no number of repeats makes it so: the error is then the misfit, with its few degrees of freedom.
    """
    over = len(points.logarithms) - PARAMETERS
    within = float(points.weights.sum()) - len(points.logarithms)
    variance, freedom = (misfit + scatter) / (over + within), over + within
    if within > 0 and misfit / over > fisher.ppf(CONFIDENCE, over, within) * scatter / within:
        variance, freedom = misfit / over, float(over)
    return float(variance * fisher.ppf(CONFIDENCE, 1, freedom))
