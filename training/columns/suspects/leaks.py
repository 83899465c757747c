"""Columns that predict the target alone, so that they are probably made from it, or written down after it."""

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from service.contract.card import RawFeature
from training.columns.suspects.suspect import Suspect
from training.errors import write_option

SURE_AUC = 0.999
SURE_SHARE = 0.999
"""Of every class's rows, that a column's levels name rightly."""
SURE_CORRELATION = 0.999999
LEAK_ROWS = 100_000
"""Training rows that are looked at, evenly spread: enough to see what is nearly always true."""
FEWEST_VALUES = 20
ROWS_PER_LEVEL = 10
"""Levels of fewer rows name the class by chance."""


def choose_rows(train: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows to look at. train: (n,) int64."""
    return train[:: max(1, math.ceil(len(train) / LEAK_ROWS))]


def find_leak(
    feature: RawFeature, codes: NDArray[np.float64], target: NDArray[np.float64], *, classes: tuple[str, ...] | None
) -> Suspect | None:
    """Look whether the column predicts the target alone. codes, target: (n,) of training rows."""
    there = ~np.isnan(codes)
    if not classes:
        found = _say_correlation(codes[there], target[there]) if feature.kind == "number" else None
    elif feature.kind == "number":
        found = _say_order(codes[there], target[there], classes=len(classes))
        found = found or _say_levels(there.astype(np.int64), target, classes=len(classes))
        found = found or _say_levels(np.unique(codes, return_inverse=True)[1], target, classes=len(classes))
    else:
        levels = np.where(there, codes, max(len(feature.levels), 2)).astype(np.int64)  # behind 0 and 1 without words
        found = _say_levels(levels, target, classes=len(classes))
    text = f"{found}: if it is not known before the target is, give {write_option('--drop', feature.name)}"
    return Suspect(feature.name, "predicts", text) if found else None


def _say_correlation(codes: NDArray[np.float64], target: NDArray[np.float64]) -> str | None:
    if len(codes) < FEWEST_VALUES or np.ptp(codes) == 0 or np.ptp(target) == 0:
        return None
    if np.array_equal(codes, target):
        return "equals the target"
    with np.errstate(all="ignore"):  # squares of huge values overflow: no correlation is shown then
        correlation = float(np.corrcoef(codes, target)[0, 1])
    if abs(correlation) >= SURE_CORRELATION:
        return f"predicts the target alone (correlation {correlation:.6f})"
    correlation = float(np.corrcoef(_rank(codes), _rank(target))[0, 1])
    if abs(correlation) >= SURE_CORRELATION:
        return f"predicts the order of the target alone (rank correlation {correlation:.6f})"
    return None


def _rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each value's place in their order, the mean of its places where it comes again (Spearman, 1904).

    SciPy's ``rankdata`` takes half a second to import.
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def _say_order(codes: NDArray[np.float64], target: NDArray[np.float64], *, classes: int) -> str | None:
    """Whether the classes lie one after the other along the column: AUC of each neighbouring pair, by median."""
    members = [codes[target == place] for place in range(classes)]
    if len(codes) < FEWEST_VALUES or not all(len(values) for values in members):
        return None
    members.sort(key=lambda values: float(np.median(values)))
    aucs = [_auc(low, high) for low, high in itertools.pairwise(members)]
    if min(aucs) >= SURE_AUC:
        return f"predicts the target alone (AUC {min(aucs):.4f})"
    return None


def _auc(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """Chance that a value of ``high`` lies above one of ``low``, half for a tie (Mann and Whitney, 1947)."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, side="left") + np.searchsorted(ordered, high, side="right")
    return float(below.sum() / (2 * len(low) * len(high)))


def _say_levels(levels: NDArray[np.int64], target: NDArray[np.float64], *, classes: int) -> str | None:
    """Whether the class that is commonest at each level is right for nearly all rows of every class."""
    levels = np.where(levels < 0, levels.max() + 1, levels)
    if np.count_nonzero(np.bincount(levels)) * ROWS_PER_LEVEL > len(levels):
        return None
    count = int(levels.max()) + 1
    table = np.bincount(levels * classes + target.astype(np.int64), minlength=count * classes).reshape(count, classes)
    totals = table.sum(axis=0)
    best = np.bincount(table.argmax(axis=1), weights=table.max(axis=1), minlength=classes)
    if np.all(totals > 0) and np.all(best >= SURE_SHARE * totals):
        return "predicts the target alone (each of its values stands with one class)"
    return None
