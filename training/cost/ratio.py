"""How many times the seconds of one network another takes, with its interval: epochs are the repeats."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
FEWEST_EPOCHS = 3
"""The first one is slower: with fewer than two others there is no spread to speak of."""


@dataclass(frozen=True)
class Ratio:
    """How many times as much, with the 95 % interval."""

    value: float
    low: float
    high: float


def compare_epochs(seconds: Sequence[float], first: Sequence[float]) -> Ratio | None:
    """Return the ratio of geometric means, by the t interval of Welch (1947) on logarithms; None for too few epochs."""
    if min(len(seconds), len(first)) < FEWEST_EPOCHS or min(*seconds, *first) <= 0:
        return None
    logarithms, others = np.log(seconds), np.log(first)
    found = stats.ttest_ind(logarithms, others, equal_var=False).confidence_interval(CONFIDENCE)
    middle = logarithms.mean() - others.mean()
    return Ratio(*(float(np.exp(value)) for value in (middle, found.low, found.high)))
