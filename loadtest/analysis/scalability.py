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
from scipy.stats import t as student

from loadtest.analysis.likelihood import Constraint, Points, fit, profile
from loadtest.record.intervals import CONFIDENCE, Interval

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


def fit_scalability(
    in_flight: Sequence[float], throughput: Sequence[float], repeats: Sequence[int] | None = None
) -> Scalability | None:
    """Fit the law by least squares on the logarithm of throughput; None where the measurements can't say.

    in_flight: (n,) requests in flight, at least 1; throughput: (n,) requests/s; repeats: (n,) the repeat of each
    trial, where every repeat measured the whole curve: what moves all of a repeat together, such as a machine that is
    slower for a while, then widens the interval of the rate alone. None with fewer than four different ``in_flight``,
    or where a throughput is not positive. Raises ValueError for lengths that differ.

    Intervals are profile likelihoods (Bates and Watts 1988, section 6.1): the values with which some law comes within
    the F limit of the best one. They respect the bounds: with the best at a bound they are one-sided.
    """
    n, x = np.array(in_flight, dtype=np.float64), np.array(throughput, dtype=np.float64)
    turns = np.zeros(n.shape, dtype=np.int64) if repeats is None else np.array(repeats)
    if not n.shape == x.shape == turns.shape:
        raise ValueError(f"each trial must have all figures, however: {n.size}, {x.size} and {turns.size} of them.")
    if len(np.unique(n)) <= PARAMETERS or not (np.isfinite(n) & (n >= 1) & np.isfinite(x) & (x > 0)).all():
        return None
    return _describe(_gather(n, np.log(n / x), turns))


@dataclass(frozen=True)
class _Curve:
    """What the repeats agree on, and how far they don't."""

    points: Points
    """Logarithms of n / X(n), the seconds that a request stays, over the repeats."""
    scatter: float
    """Sum of squares of the trials about the points, and about their repeats."""
    freedom: int
    """Of ``scatter``."""
    drift: float
    """Half of the 95 % interval of the repeats' mean, logarithm."""


def _gather(in_flight: Floats, log_delay: Floats, turns: npt.NDArray[np.int64]) -> _Curve:
    distinct, counts = np.unique(in_flight, return_counts=True)
    at = (in_flight[:, None] == distinct).astype(np.float64)
    of = (turns[:, None] == np.unique(turns)).astype(np.float64)
    effects = np.linalg.lstsq(np.hstack([at, of]), log_delay)[0][len(distinct) :]
    effects -= effects.mean()
    steady = log_delay - of @ effects
    means = steady @ at / counts
    scatter = float(((steady - at @ means) ** 2).sum())
    freedom = max(0, len(in_flight) - len(distinct) - len(effects) + 1)
    # n / X(n) is linear in these: coefficients (1 - contention, contention, coherence) / rate.
    terms = np.stack([np.ones_like(distinct), distinct, distinct * (distinct - 1)], axis=1)
    return _Curve(
        points=Points(terms, means, counts.astype(np.float64)),
        scatter=scatter,
        freedom=freedom,
        drift=_measure_drift(effects, scatter / max(1, freedom) / len(in_flight)),
    )


def _measure_drift(effects: Floats, noise: float) -> float:
    """Return half the 95 % interval of the mean of ``effects``, less ``noise``: what trials add to its variance."""
    if len(effects) == 1:
        return 0.0
    variance = max(0.0, float(effects.var(ddof=1)) / len(effects) - noise)
    return float(student.ppf((1 + CONFIDENCE) / 2, len(effects) - 1)) * math.sqrt(variance)


def _describe(curve: _Curve) -> Scalability | None:
    points = curve.points
    free, shared, paired = map(float, fit(points))
    seconds = free + shared
    if seconds == 0:
        return None
    misfit = points.misfit(np.array([free, shared, paired]))
    limit = misfit + _allowance(curve, misfit)

    def interval(estimate: float, constrain: Callable[[float], Constraint], highest: float = math.inf) -> Interval:
        return profile(points, constrain, estimate, limit=limit, highest=highest)

    coherence = interval(paired / seconds, lambda value: Constraint((value, value, -1)))
    peaks = bool(coherence.low) and _is_near(points, free, paired)
    return Scalability(
        rate=_widen(_invert(interval(seconds, lambda value: Constraint((1, 1, 0), value)), 1), curve.drift),
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


def _widen(interval: Interval, half: float) -> Interval:
    """Return the interval with one more, independent, error: ``half`` of its interval, logarithm."""
    assert interval.low is not None
    assert interval.high is not None
    below = math.log(interval.estimate / interval.low) if interval.low else math.inf
    above = math.log(interval.high / interval.estimate)
    low, high = math.exp(-math.hypot(below, half)), math.exp(math.hypot(above, half))
    return Interval(interval.estimate, interval.estimate * low, interval.estimate * high)


def _allowance(curve: _Curve, misfit: float) -> float:
    """Return how far a law's sum of squares may lie above the least, ``misfit``, for the law to be believed.

    The error is that of all trials about the law. Where the points miss the law by more than the scatter of trials
    explains (F test of lack of fit), it is not quite this service's law, and no number of repeats makes it so: the
    error is then the misfit, with its few degrees of freedom.
    """
    over = len(curve.points.logarithms) - PARAMETERS
    variance, freedom = (misfit + curve.scatter) / (over + curve.freedom), over + curve.freedom
    if curve.freedom:
        surprising = fisher.ppf(CONFIDENCE, over, curve.freedom) * curve.scatter / curve.freedom
        if misfit / over > surprising:
            variance, freedom = misfit / over, over
    return float(variance * fisher.ppf(CONFIDENCE, 1, freedom))
