"""Intervals over repeats, ratios over pairs of repeats. The repeat is the unit: requests within one are dependent."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
FEWEST = 3
"""With two values the t interval has one degree of freedom and is some 18 times as wide as their spread: no use."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval, if there is one."""

    estimate: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """Write the estimate, and its interval in brackets if there is one."""
        interval = "" if self.low is None or self.high is None else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.estimate:.2f}{interval}"

    def excludes(self, value: float) -> bool:
        """Whether there is an interval and ``value`` lies outside it: 1 of a ratio, 0 of a difference."""
        return self.low is not None and self.high is not None and not self.low <= value <= self.high


def median(values: list[float]) -> float:
    """Return the middle of the repeats: one disturbed repeat does not move it far."""
    return float(np.median(values))


def geometric(values: list[float]) -> Interval | None:
    """Return the geometric mean and Student's t interval on the logarithms; None where a value is not positive.

    values: (n,) one figure, repeat by repeat: rates, latencies and costs, whose errors are in proportion to them.

    No interval sees what is wrong with every repeat: in a short one the queue has not yet shown its worst, and its 99th
    percentile is too low. Of M/M/1, five repeats cover it in 94 % of studies if each lasts 500 relaxation times
    1 / (mu (1 - sqrt(rho))^2), in 93 % at 250, 91 % at 130, 78 % at 25. In requests, 250 are 6,600 at 70 % of what the
    server can do at most, and 85,000 at 90 %.
    """
    if not values or min(values) <= 0:
        return None
    logarithms = np.log(np.array(values))
    middle = float(logarithms.mean())
    if len(logarithms) < FEWEST:
        return Interval(math.exp(middle))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(logarithms) - 1) * stats.sem(logarithms))
    return Interval(math.exp(middle), math.exp(middle - half), math.exp(middle + half))


def bracketed(held: list[float], missed: list[float]) -> Interval | None:
    """Return a capacity that lies, repeat by repeat, between a rate that held and the next, which did not.

    held, missed: (n,) requests/s. The middle of each pair, on the logarithm, is on average the capacity; ``held`` is
    half a step, 2 %, below, so that an interval of it leaves the capacity out in a quarter to a third of studies.
    """
    return geometric([math.sqrt(low * high) for low, high in zip(held, missed, strict=True)])


def paired_ratio(above: list[float], below: list[float]) -> Interval | None:
    """Compare repeat by repeat; None where a figure is not positive, or where there are no pairs.

    above, below: (n,) the same figure of two architectures, repeat by repeat.
    """
    if not above or len(above) != len(below) or min(*above, *below) <= 0:
        return None
    return geometric([a / b for a, b in zip(above, below, strict=True)])


def unpaired_ratio(above: list[float], below: list[float]) -> Interval | None:
    """Compare two sets of repeats that have nothing in common; None where a figure is not positive.

    above, below: (n,) and (m,) one figure, repeat by repeat. The interval is Welch's, on the logarithms.
    """
    if not above or not below or min(*above, *below) <= 0:
        return None
    logarithms = [np.log(np.array(values)) for values in (above, below)]
    middle = math.exp(float(logarithms[0].mean() - logarithms[1].mean()))
    if min(len(above), len(below)) < FEWEST:
        return Interval(middle)
    interval = stats.ttest_ind(*logarithms, equal_var=False).confidence_interval(CONFIDENCE)
    return Interval(middle, math.exp(interval.low), math.exp(interval.high))
