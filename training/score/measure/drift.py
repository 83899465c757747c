"""Whether columns are distributed as in training: counts of each column, and the population stability index.

PSI = sum over bins of (a - e) ln(a / e), with a the share of the rows scored and e that of the training rows (Siddiqi,
2006, Credit Risk Scorecards, section 10). Its field takes 0.1 for a small shift and 0.25 for a large one. Without a
shift it is about a chi-square of bins - 1 degrees of freedom times 1 / n + 1 / m, by n and m rows (Yurdakul, 2018,
Statistical Properties of Population Stability Index): an index that chance explains is not called a shift.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.contract.card import RawFeature
from service.contract.policies import UNKNOWN_CODE
from training.columns.codes import DECILES, RARE_SHARE

SMALL_SHIFT = 0.1
LARGE_SHIFT = 0.25
CHANCE = 0.01
"""Of a column that is said to have moved and has not, over all columns (Bonferroni, 1936)."""
SMALLEST_SHARE = 1e-4
"""What an empty bin counts as, or half a row where that is more: the logarithm of nothing is infinite."""
ATOM_SHARE = 0.01
"""A decile that so many rows hold exactly is a value that comes again, as 0 does, and no mere cut between values."""


@dataclass
class ColumnTally:
    """Counts of a column's values; those of several files are added up.

    levels: (k,) of the codes from 0. below, upto: (c,) of numbers less than each distinct decile, and less or equal.
    """

    feature: RawFeature
    levels: NDArray[np.int64]
    below: NDArray[np.int64]
    upto: NDArray[np.int64]
    rows: int = 0
    missing: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, feature: RawFeature) -> "ColumnTally":
        """Begin at zero."""
        cuts = len(set(feature.deciles))
        levels, below, upto = (np.zeros(size, np.int64) for size in (len(feature.level_shares), cuts, cuts))
        return cls(feature, levels, below, upto)

    def add(self, codes: NDArray[np.float64]) -> None:
        """Count a block's values: (n,) float64, as ``RawFeature`` says."""
        self.rows += len(codes)
        if self.feature.kind == "number":
            self.missing += int(np.count_nonzero(np.isnan(codes)))
            for place, decile in enumerate(sorted(set(self.feature.deciles))):
                self.below[place] += np.count_nonzero(codes < decile)
                self.upto[place] += np.count_nonzero(codes <= decile)
            return
        known = codes[codes >= 0].astype(np.int64)
        self.unknown += int(np.count_nonzero(codes == UNKNOWN_CODE))
        self.missing += int(np.count_nonzero(np.isnan(codes)))
        if len(self.levels):
            self.levels += np.bincount(known, minlength=len(self.levels))

    def merge(self, other: "ColumnTally") -> None:
        """Add the counts of another file."""
        self.levels += other.levels
        self.below += other.below
        self.upto += other.upto
        self.rows += other.rows
        self.missing += other.missing
        self.unknown += other.unknown


@dataclass(frozen=True)
class Shift:
    """How far a column has moved. index: PSI; explained: what chance alone may reach."""

    name: str
    index: float
    explained: float

    @property
    def moved(self) -> bool:
        """Whether it is worth a word."""
        return self.index >= SMALL_SHIFT and self.index > self.explained

    @property
    def far(self) -> bool:
        """Whether it is a large shift."""
        return self.moved and self.index >= LARGE_SHIFT


def measure_shifts(tallies: Sequence[ColumnTally], *, train_rows: int) -> list[Shift]:
    """Return the shift of each column whose distribution the card knows, the farthest first."""
    from scipy.stats import chi2  # half a second to import, once all rows are scored

    shifts = []
    for tally in tallies:
        found = _expected_and_actual(tally)
        if found is None or not train_rows:
            continue
        smallest = max(SMALLEST_SHARE, 0.5 / tally.rows)
        expected, actual = (np.maximum(shares, smallest) for shares in found)
        index = float(((actual - expected) * np.log(actual / expected)).sum())
        spread = 1 / tally.rows + 1 / train_rows
        explained = float(chi2.ppf(1 - CHANCE / len(tallies), max(1, len(expected) - 1)) * spread)
        shifts.append(Shift(tally.feature.name, index, explained))
    return sorted(shifts, key=lambda shift: -shift.index)


Shares = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Of the training rows, and of the rows scored, in each bin: (b,) each."""


def _expected_and_actual(tally: ColumnTally) -> Shares | None:
    """Return the shares of the bins; those of missing values and of unknown levels are bins where one is not empty."""
    feature = tally.feature
    if not tally.rows or not (feature.deciles or feature.level_shares):
        return None
    expected, actual = _bins_of_numbers(tally) if feature.kind == "number" else _bins_of_levels(tally)
    more = [(feature.missing_share, tally.missing / tally.rows), (0.0, tally.unknown / tally.rows)]
    filled = np.array([pair for pair in more if any(pair)]).reshape(-1, 2)
    return np.append(expected, filled[:, 0]), np.append(actual, filled[:, 1])


def _bins_of_levels(tally: ColumnTally) -> Shares:
    """Rare levels share a bin, as they share a column."""
    expected, actual = np.array(tally.feature.level_shares), tally.levels / tally.rows
    rare = expected < RARE_SHARE
    if not rare.any():
        return expected, actual
    return np.append(expected[~rare], expected[rare].sum()), np.append(actual[~rare], actual[rare].sum())


def _bins_of_numbers(tally: ColumnTally) -> Shares:
    """Cut at the deciles of the training rows.

    Where a decile is a value that comes again, the card says within a tenth how many training rows lie below it and up
    to it; the rows scored are taken at their word within that.
    """
    present = max(1, tally.rows - tally.missing)
    deciles = np.array(tally.feature.deciles)
    expected, actual = [0.0], [0.0]
    for place, value in enumerate(np.unique(deciles)):
        levels = DECILES[deciles == value]
        below, upto = tally.below[place] / present, tally.upto[place] / present
        if len(levels) > 1 or upto - below > ATOM_SHARE:
            lowest = max((level for level in DECILES if level < levels[0]), default=0.0)
            highest = min((level for level in DECILES if level > levels[-1]), default=1.0)
            expected += [float(np.clip(below, lowest, levels[0])), float(np.clip(upto, levels[-1], highest))]
            actual += [below, upto]
        else:
            expected.append(float(levels[0]))
            actual.append(upto)
    share = 1 - tally.feature.missing_share
    bins = np.diff([*expected, 1.0]) * share, np.diff([*actual, 1.0]) * (present / tally.rows)
    filled = (bins[0] > 0) | (bins[1] > 0)
    return bins[0][filled], bins[1][filled]
