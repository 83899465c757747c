"""Means over rounds and ratios over paired rounds. The round is the unit: requests within one are not independent."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

CONFIDENCE = 0.95
MINIMUM_PAIRS = 3
"""With two pairs the t interval has one degree of freedom and is some 18 times as wide as their spread: no use."""


class Ratio(BaseModel):
    """How many times as large; ``low`` and ``high`` are None where there are too few rounds for an interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float | None = None
    high: float | None = None


def geometric_mean(values: Sequence[float]) -> float:
    """Mean of positive ``values`` on the log scale, so that a ratio of means is the mean of ratios; 0 if one is 0."""
    if min(values) <= 0:
        return 0.0
    return float(np.exp(np.mean(np.log(values))))


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio | None:
    """Geometric mean of the ratios within each round, with a t interval on their logarithms.

    numerators, denominators: one positive number for each round, in the same order. Returns None where one is not
    positive. The logarithm makes a ratio and its inverse the same statement; pairs share their round's disturbance,
    which cancels. (Student's t over n - 1 degrees of freedom: any text on paired comparisons.)
    """
    if min(*numerators, *denominators) <= 0:
        return None
    logs = np.log(numerators) - np.log(denominators)
    mean = float(np.mean(logs))
    if len(logs) < MINIMUM_PAIRS:
        return Ratio(value=float(np.exp(mean)))
    error = float(np.std(logs, ddof=1)) / len(logs) ** 0.5
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1)) * error
    return Ratio(value=float(np.exp(mean)), low=float(np.exp(mean - half)), high=float(np.exp(mean + half)))
