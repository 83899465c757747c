"""The Universal Scalability Law: how throughput grows with the requests in flight, and where it peaks.

Gunther, Guerrilla Capacity Planning (Springer 2007), chapters 4 and 5. Each further request in flight waits for those
before it (contention) and makes work with each of them (coherence); with both 0, throughput grows in proportion.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.optimize import least_squares

from loadtest.record.intervals import CONFIDENCE, Interval

Floats = npt.NDArray[np.float64]

PARAMETERS = 3
BOUNDS = ([-np.inf, 0, 0], [np.inf, 1, np.inf])
"""Of the logarithm of the rate, contention and coherence."""
FIRST_CONTENTION, FIRST_COHERENCE = 0.1, 0.001
TOLERANCE = 1e-12
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
        return np.asarray(self.rate.estimate * _speed_up(in_flight, self.contention.estimate, self.coherence.estimate))


def _speed_up(n: Floats, contention: float, coherence: float) -> Floats:
    return np.asarray(n / (1 + contention * (n - 1) + coherence * n * (n - 1)))


def fit_scalability(
    in_flight: Sequence[float], throughput: Sequence[float], repeats: Sequence[int] | None = None
) -> Scalability | None:
    """Fit the law by least squares on the logarithm of throughput; None where the measurements can't say.

    in_flight: (n,) requests in flight, at least 1; throughput: (n,) requests/s; repeats: (n,) the repeat of each
    trial: what moves all of a repeat together, such as a machine that is slower for a while, then widens the interval
    of the rate alone. None with fewer than four different ``in_flight``, or where a throughput is not positive. Raises
    ValueError for lengths that differ.

    Intervals are Student's, from the Jacobian at the best law (Bates and Watts 1988, section 2.3).
    """
    n, x = np.array(in_flight, dtype=np.float64), np.array(throughput, dtype=np.float64)
    turns = np.zeros(n.shape, dtype=np.int64) if repeats is None else np.array(repeats)
    if not n.shape == x.shape == turns.shape:
        raise ValueError(f"each trial must have all figures, however: {n.size}, {x.size} and {turns.size} of them.")
    if len(np.unique(n)) <= PARAMETERS or not (np.isfinite(n) & (n >= 1) & np.isfinite(x) & (x > 0)).all():
        return None
    scatter = _separate(n, np.log(x), turns)

    def misses(law: Floats) -> Floats:
        return np.asarray(law[0] + np.log(_speed_up(n, law[1], law[2])) - scatter.steady)

    first = [float((scatter.steady - np.log(n)).max()), FIRST_CONTENTION, FIRST_COHERENCE]
    settings = {"x_scale": "jac", "ftol": TOLERANCE, "xtol": TOLERANCE, "gtol": TOLERANCE}
    # dogbox: where the best law lies at a bound, it ends there and not just before it.
    fit = least_squares(misses, first, jac="3-point", bounds=BOUNDS, method="dogbox", **settings)
    log_rate, contention, coherence = map(float, fit.x)
    variance, freedom = _find_error(2 * float(fit.cost), scatter, len(np.unique(n)) - PARAMETERS)
    covariance = variance * np.linalg.pinv(fit.jac.T @ fit.jac)
    t = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))

    def half(*slopes: float) -> float:
        """Half of the interval of what grows by ``slopes`` with each parameter."""
        return t * math.sqrt(np.array(slopes) @ covariance @ np.array(slopes))

    of_contention, of_coherence = half(0, 1, 0), half(0, 0, 1)
    low = max(0.0, coherence - of_coherence)
    peak = math.sqrt((1 - contention) / coherence) if low > 0 else math.inf
    shown = n.min() / FARTHEST_PEAK <= peak <= n.max() * FARTHEST_PEAK
    return Scalability(
        rate=_about(math.exp(log_rate), math.hypot(half(1, 0, 0), scatter.drift)),
        contention=Interval(contention, max(0.0, contention - of_contention), min(1.0, contention + of_contention)),
        coherence=Interval(coherence, low, coherence + of_coherence),
        peak=_about(peak, half(0, -1 / (1 - contention), -1 / coherence) / 2) if shown else None,
    )


def _about(estimate: float, half: float) -> Interval:
    """Return the interval with ``half`` of it, on the logarithm, to either side."""
    return Interval(estimate, estimate * math.exp(-half), estimate * math.exp(half))


@dataclass(frozen=True)
class _Scatter:
    """What the trials say without a law."""

    steady: Floats
    """(n,) logarithms of the throughput, without what moved whole repeats."""
    squares: float
    """Of the trials about the mean of their load and repeat, added up."""
    freedom: int
    """Of ``squares``."""
    drift: float
    """Half of the 95 % interval of the repeats' mean, logarithm."""


def _separate(n: Floats, log_x: Floats, turns: npt.NDArray[np.int64]) -> _Scatter:
    loads = (n[:, None] == np.unique(n)).astype(np.float64)
    repeats = (turns[:, None] == np.unique(turns)).astype(np.float64)
    both = np.hstack([loads, repeats])
    means, _, rank, _ = np.linalg.lstsq(both, log_x)
    squares, freedom = float(((log_x - both @ means) ** 2).sum()), len(n) - int(rank)
    effects = means[loads.shape[1] :]
    drift = 0.0
    if len(effects) > 1:
        # What the trials' own scatter adds to the variance of the repeats' mean is in the law's interval already.
        variance = max(0.0, float(effects.var(ddof=1)) / len(effects) - squares / max(1, freedom) / len(n))
        drift = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(effects) - 1)) * math.sqrt(variance)
    return _Scatter(log_x - repeats @ (effects - effects.mean()), squares, freedom, drift)


def _find_error(squares: float, scatter: _Scatter, over: int) -> tuple[float, int]:
    """Return the variance of a trial about the law, and its degrees of freedom.

    squares: of the trials about the law; over: how many more loads there are than parameters.

    Where the loads miss the law by more than the scatter of trials explains (F test of lack of fit), it is not quite
    this service's law, and no number of repeats makes it so: the error is then the misfit, with its few degrees of
    freedom.
    """
    misfit = max(0.0, squares - scatter.squares)
    if scatter.freedom:
        surprising = stats.f.ppf(CONFIDENCE, over, scatter.freedom) * scatter.squares / scatter.freedom
        if misfit / over > surprising:
            return misfit / over, over
    return squares / (over + scatter.freedom), over + scatter.freedom
