"""How far each shape is behind the best, at most: multiple comparisons with the best (Hsu, 1984)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

CONFIDENCE = 0.95
DRAWS = 20_000
"""Of the largest of several normal deviates: its 95 % quantile is right to 0.01 then."""
ERRATIC = 0.9
"""Quantile of what luck makes of a variance: a shape that varies by more gets its own, else what is typical."""
NEAR = 0.02
"""Shapes that are less behind, by what was measured, say how much seeds matter: a poor shape is erratic, the good ones
are not, and two points are four margins."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shortfall:
    """What shapes lack to the best. mean: (k,) to the best measured; at_most: (k,) to the best, whichever it is."""

    mean: Floats
    at_most: Floats


def bound_shortfall(scores: Sequence[NDArray[np.floating]], *, held_out_again: float = 0.0) -> Shortfall:
    """Bound what each of k shapes lacks to the best of them, all bounds together with 95 % confidence, one-sided.

    scores: for each seed (k, m), of the same m held-out rows for every shape; two shapes and two seeds at least.
    held_out_again: which share of a seed's held-out rows another seed holds out too, in other places.

    The best is not known either, so that each shape is compared with each: whichever is the best, the bounds of all
    others against it hold together (Dunnett, 1955), and the highest of a shape's bounds is its own (Hsu, 1984). Two
    things make a difference uncertain: the held-out rows, by the covariance of the scores row by row, and the seed, by
    what shapes and seeds have in common beyond that (a two-way layout with random seeds).
    """
    means = np.array([part.mean(axis=1, dtype=np.float64) for part in scores])
    found = means.mean(axis=0)
    near = found >= min(found.max() - NEAR, np.sort(found)[-2])
    seed = _seed_variance(means, scores, near=near)
    # As if what a row brings were the same whenever it is held out, which it is at most (Nadeau and Bengio, 2003).
    again = 1 + (len(scores) - 1) * held_out_again
    variance = again * _row_covariance(scores) + np.diag(seed.beyond_rows / len(scores))
    spread, freedom = _differences(variance, seed, seeds=len(scores))
    behind = found[None, :] - found[:, None]  # (shape, best)
    bounds = behind + _critical(variance, freedom) * spread
    np.fill_diagonal(bounds, 0.0)
    at_most = bounds.max(axis=1)
    return Shortfall(mean=found.max() - found, at_most=at_most)


def _row_covariance(scores: Sequence[NDArray[np.floating]]) -> Floats:
    """Covariance of the shapes' means that comes of the rows: (k, k).

    Where all seeds have equally many rows these may be the very same ones. The covariance of each row's mean over seeds
    is right for both: of rows that differ, the pairing is arbitrary and adds nothing on average.
    """
    if len({part.shape[1] for part in scores}) == 1:
        means = np.mean([part.astype(np.float64) for part in scores], axis=0)
        return np.asarray(np.cov(means) / means.shape[1])
    parts = [np.cov(part.astype(np.float64)) / part.shape[1] for part in scores]
    return np.asarray(np.sum(parts, axis=0) / len(parts) ** 2)


@dataclass(frozen=True)
class _SeedVariance:
    """By how much a shape's mean varies with the seed, beside that of the shapes near the best. Arrays: (k,).

    beyond_rows: what is more than the rows explain; rows: what these explain; freedom: degrees of freedom.
    """

    beyond_rows: Floats
    rows: Floats
    freedom: Floats


def _seed_variance(means: Floats, scores: Sequence[NDArray[np.floating]], *, near: NDArray[np.bool_]) -> _SeedVariance:
    """Estimate it for each shape. means: (seeds, k); near: (k,), two shapes at least.

    A few seeds say little of one shape, so that it gets what is typical of those near the best, by their median, which
    one that some seeds spoil does not move; unless it is erratic beyond doubt.
    """
    seeds = len(means)
    left = means - means[:, near].mean(axis=1, keepdims=True)
    left -= left.mean(axis=0)
    unit = 1 + np.where(near, -1, 1) / near.sum()  # what the mean of those near it adds or takes away
    seen = (left**2).sum(axis=0) / (seeds - 1) / unit
    rows = _row_noise(scores, near=near) / unit
    typical = _typical(seen[near], rows[near], freedom=seeds - 1)
    freedom = (seeds - 1) * np.where(near, near.sum() - 1, 1)
    erratic = seen > (typical + rows) * float(stats.chi2.ppf(ERRATIC, seeds - 1)) / (seeds - 1)
    return _SeedVariance(np.where(erratic, seen - rows, typical), rows, freedom)


def _typical(seen: Floats, rows: Floats, *, freedom: int) -> float:
    """Return the variance beyond that of the rows with which the median of what was seen is as it must be."""
    middle = float(stats.chi2.median(freedom)) / freedom
    tiny = np.finfo(np.float64).tiny

    def excess(typical: float) -> float:
        return float(np.median(seen / np.maximum(typical + rows, tiny))) - middle

    most = 2 * float(seen.max()) / middle + tiny
    return float(brentq(excess, 0.0, most)) if excess(0.0) > 0 else 0.0


def _row_noise(scores: Sequence[NDArray[np.floating]], *, near: NDArray[np.bool_]) -> Floats:
    """Variance of a shape's mean beside those near the best, from seed to seed, that comes of the rows: (k,)."""
    parts = [part - part[near].mean(axis=0, dtype=np.float64) for part in scores]
    if len({part.shape[1] for part in parts}) == 1:
        shared = np.mean(parts, axis=0)  # the same rows, if they are: what they share does not vary with the seed
        within = np.sum([np.var(part - shared, axis=1) for part in parts], axis=0)
        return np.asarray(within / (len(parts) - 1) / parts[0].shape[1])
    return np.asarray(np.mean([np.var(part, axis=1) / part.shape[1] for part in parts], axis=0))


def _differences(variance: Floats, seed: _SeedVariance, *, seeds: int) -> tuple[Floats, Floats]:
    """Return standard errors of all differences, (k, k), and their degrees of freedom (Satterthwaite, 1946), (k, k).

    What the rows give is as good as known: the uncertainty is that of the few seeds.
    """
    diagonal = np.diag(variance)
    squares = np.maximum(diagonal[:, None] + diagonal[None, :] - 2 * variance, 0.0)
    known = ((seed.beyond_rows + seed.rows) / seeds) ** 2 / seed.freedom
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(known[:, None] + known > 0, squares**2 / (known[:, None] + known), np.inf)
    return np.sqrt(squares), np.maximum(freedom, 1.0)


def _critical(variance: Floats, freedom: Floats) -> Floats:
    """By how many standard errors a difference may be off, one-sided, all against one best together: (k, k), by best.

    The level that each needs is that of normal deviates correlated as the differences are.
    """
    shapes = len(variance)
    draws = np.random.default_rng(0).multivariate_normal(np.zeros(shapes), variance, size=DRAWS, method="eigh")
    critical = np.empty((shapes, shapes))
    for best in range(shapes):
        off = draws[:, best, None] - draws
        spread = np.sqrt(np.maximum(variance[best, best] + np.diag(variance) - 2 * variance[best], 0.0))
        varies = spread > 0
        varies[best] = False
        largest = (off[:, varies] / spread[varies]).max(axis=1, initial=0.0)
        level = float(stats.norm.sf(np.quantile(largest, CONFIDENCE)))
        critical[:, best] = stats.t.isf(min(level, 1 - CONFIDENCE), freedom[:, best])
    return critical
