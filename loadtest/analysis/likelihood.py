"""Least squares on logarithms for sums of terms with coefficients of at least 0, and profile intervals of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, nnls

from loadtest.record.intervals import Interval

Floats = npt.NDArray[np.float64]

CONSTRAINT_WEIGHT = 1e4
"""Of an exact row among rows of weight 1 (Lawson and Hanson 1974, chapter 22): it then holds to about 1e-8."""
LEAST_SHARE = 1e-9
"""Of a measured value: on the way to the best, sums may be 0, which has no logarithm."""
MOST_STEPS = 50
HALVINGS = 6
"""Of one step at most. A step that is still too long then is the last."""
MOST_DOUBLINGS = 60
SMALLEST = 1e-9
"""Where the search for a high end starts if the best value is 0."""
PRECISION = 1e-4
"""Relative: of an interval's ends, and of the last step's gain in the sum of squares."""


@dataclass(frozen=True)
class Points:
    """What is fitted: ``terms @ coefficients`` to ``exp(logarithms)``."""

    terms: Floats
    """(k, p), at least 0."""
    logarithms: Floats
    """(k,)"""
    weights: Floats
    """(k,) of the squares."""

    def predict(self, coefficients: Floats) -> Floats:
        """Return (k,) sums, all above 0. coefficients: (p,)."""
        return np.maximum(self.terms @ coefficients, LEAST_SHARE * np.exp(self.logarithms))

    def misfit(self, coefficients: Floats) -> float:
        """Return the sum of squares. coefficients: (p,)."""
        return float(self.weights @ (self.logarithms - np.log(self.predict(coefficients))) ** 2)


@dataclass(frozen=True)
class Constraint:
    """``row @ coefficients == value``. row: p numbers."""

    row: tuple[float, ...]
    value: float = 0.0


def fit(points: Points, constraint: Constraint | None = None) -> Floats:
    """Return the coefficients (p,), all at least 0, with the least misfit.

    Gauss-Newton: each step is a linear problem, and is halved until it gains.
    """
    best = _approach(points, np.exp(points.logarithms), constraint)
    misfit = points.misfit(best)
    for _ in range(MOST_STEPS):
        step = _approach(points, points.predict(best), constraint) - best
        shorter = ((points.misfit(found := best + step / 2**halvings), found) for halvings in range(HALVINGS + 1))
        gained, best = next(((misfit - less, found) for less, found in shorter if less < misfit), (0.0, best))
        misfit -= gained
        if gained <= PRECISION * misfit:
            break
    return best


def _approach(points: Points, predicted: Floats, constraint: Constraint | None) -> Floats:
    """Solve the problem that is linear near ``predicted`` (k,). Columns are scaled: they differ by powers of n."""
    root = np.sqrt(points.weights)
    rows = points.terms * (root / predicted)[:, None]
    targets = root * (points.logarithms - np.log(predicted) + 1)
    scales = np.linalg.norm(rows, axis=0)
    rows = rows / scales
    if constraint is not None:
        row = np.array(constraint.row) / scales
        weight = CONSTRAINT_WEIGHT / np.linalg.norm(row)
        rows, targets = np.vstack([rows, weight * row]), np.append(targets, weight * constraint.value)
    return np.asarray(nnls(rows, targets)[0] / scales)


def profile(
    points: Points,
    constrain: Callable[[float], Constraint],
    estimate: float,
    *,
    limit: float,
    highest: float = math.inf,
) -> Interval:
    """Return the values, from 0 to ``highest``, with which a misfit of at most ``limit`` can be reached.

    constrain: the constraint under which the quantity has a given value; estimate: its best value. The interval's
    high end is infinite where no value is too high.
    """

    def excess(value: float) -> float:
        return points.misfit(fit(points, constrain(value))) - limit

    if excess(estimate) >= 0:  # Exact measurements: no other value is as good.
        return Interval(estimate, estimate, estimate)
    return Interval(
        estimate, _find_end(excess, estimate, 0.0), _find_end(excess, estimate, _exceed(excess, estimate, highest))
    )


def _exceed(excess: Callable[[float], float], estimate: float, highest: float) -> float:
    """Return a value above ``estimate`` that is too high, or ``highest``."""
    values = (min(highest, estimate + max(estimate, SMALLEST) * 2.0**doubling) for doubling in range(MOST_DOUBLINGS))
    return next((value for value in values if value == highest or excess(value) > 0), math.inf)


def _find_end(excess: Callable[[float], float], inside: float, outside: float) -> float:
    if outside == math.inf or excess(outside) <= 0:
        return outside
    return float(brentq(excess, inside, outside, xtol=PRECISION * max(inside, outside)))
