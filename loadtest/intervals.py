"""Medians of rounds, ratios over pairs of rounds. The round is the unit: requests within one are not independent."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
FEWEST_PAIRS = 3
"""With two pairs the t interval has one degree of freedom and is some 18 times as wide as their spread: no use."""


@dataclass(frozen=True)
class Spread:
    """A ratio of two architectures: the geometric mean over pairs of rounds, and its 95 % interval if there is one."""

    ratio: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """Write the ratio, and its interval in brackets if there is one."""
        interval = "" if self.low is None or self.high is None else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.ratio:.2f}{interval}"


def median(values: list[float]) -> float:
    """Return the middle of the rounds: one disturbed round does not move it far."""
    return float(np.median(values))


def paired_ratio(above: list[float], below: list[float]) -> Spread | None:
    """Compare round by round; None where a figure is not positive.

    above, below: (n,) the same figure of two architectures, round by round. The interval is Student's t on the
    logarithms of the ratios: rounds are the independent unit, requests within one are not.
    """
    if min(*above, *below) <= 0:
        return None
    logarithms = np.log(np.array(above) / np.array(below))
    middle = float(logarithms.mean())
    if len(logarithms) < FEWEST_PAIRS:
        return Spread(ratio=math.exp(middle))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(logarithms) - 1) * stats.sem(logarithms))
    return Spread(ratio=math.exp(middle), low=math.exp(middle - half), high=math.exp(middle + half))
