"""How good predictions are on the rows of files, added up as they come, and whether the card promised something else.

What `training/evaluation.py` computes from all rows at once, by sums: the same to rounding. The AUC comes from counts
in 40,960 bins of the probability, each 0.2 % of it wide, or of one less it: that is off by less than 0.0001 unless most
rows share a bin, and in bounded memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from service.contract.card import ModelCard

CHANCE = 0.01
"""Of a warning where there is no difference, over all metrics that are compared (Bonferroni, 1936)."""
BINS_PER_OCTAVE_BITS = 9
"""512 bins between a probability and its double: the first 9 of the 23 bits of a float32's fraction."""
OCTAVES = 40
"""Below 2**-40 all probabilities share a bin."""
HALF_BINS = OCTAVES << BINS_PER_OCTAVE_BITS
FEWEST_ROWS = 30
"""With fewer a mean is not normal enough for a test."""
SMALLEST = float(np.finfo(np.float64).eps)
"""Probabilities are this far from 0 and 1 in a log loss, as scikit-learn has it."""


@dataclass
class Mean:
    """Mean and sum of squared deviations of n numbers, which add up without loss (Chan et al., 1979)."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        """Add (n,) values."""
        if len(values):
            mean = float(values.mean())
            self.merge(Mean(len(values), mean, float(((values - mean) ** 2).sum())))

    def merge(self, other: "Mean") -> None:
        """Add the values of another."""
        n = self.n + other.n
        if n:
            gap = other.mean - self.mean
            self.mean += gap * other.n / n
            self.squares += other.squares + gap**2 * self.n * other.n / n
            self.n = n

    @property
    def variance(self) -> float:
        """Of one value."""
        return self.squares / max(1, self.n - 1)


@dataclass
class QualityTally:
    """Sums over rows that have a target. ranks: of each class (of two: the second) the counts by bin, (2, bins)."""

    loss: Mean = field(default_factory=Mean)
    right: Mean = field(default_factory=Mean)
    brier: Mean = field(default_factory=Mean)
    target: Mean = field(default_factory=Mean)
    ranks: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    unusable: int = 0
    """Rows whose target is no number, or none of the classes."""

    def add(self, predictions: NDArray[np.float32], target: NDArray[np.float64], card: ModelCard) -> None:
        """Add rows. predictions: (n,) or (n, k); target: (n,), a number or a class's place, NaN where there is none."""
        known = ~np.isnan(target)
        if not known.all():
            predictions, target = predictions[known], target[known]
        values = predictions.astype(np.float64)
        if card.task == "regression":
            self.loss.add(((values - target) / card.target.scale) ** 2)
            self.target.add(target)
        elif values.ndim == 1:
            self._add_two(values, target)
            self._rank(0, predictions, target == 1)
        else:
            self._add_several(values, target.astype(np.int64))
            for place in range(predictions.shape[1]):
                self._rank(place, predictions[:, place], target == place)

    def _add_two(self, values: NDArray[np.float64], target: NDArray[np.float64]) -> None:
        said = np.where(target == 1, values, 1 - values)
        self.loss.add(-np.log(np.clip(said, SMALLEST, 1 - SMALLEST)))
        self.right.add(((values > 0.5) == target).astype(np.float64))
        self.brier.add((values - target) ** 2)

    def _add_several(self, values: NDArray[np.float64], places: NDArray[np.int64]) -> None:
        values /= values.sum(axis=1, keepdims=True)
        rows = np.arange(len(values))
        said = values[rows, places]
        self.loss.add(-np.log(np.clip(said, SMALLEST, 1 - SMALLEST)))
        self.right.add((values.argmax(axis=1) == places).astype(np.float64))
        self.brier.add((values**2).sum(axis=1) - 2 * said + 1)

    def _rank(self, place: int, probability: NDArray[np.float32], positive: NDArray[np.bool_]) -> None:
        counts = self.ranks.setdefault(place, np.zeros((2, 2 * HALF_BINS), np.int64))
        bins = _bin(probability)
        for row, chosen in enumerate((~positive, positive)):
            counts[row] += np.bincount(bins[chosen], minlength=2 * HALF_BINS)

    def merge(self, other: "QualityTally") -> None:
        """Add the rows of another file."""
        for name in ("loss", "right", "brier", "target"):
            getattr(self, name).merge(getattr(other, name))
        for place, counts in other.ranks.items():
            self.ranks[place] = self.ranks[place] + counts if place in self.ranks else counts
        self.unusable += other.unusable


def _bin(probability: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return each probability's place among the bins, rising: fine near 0, and as fine near 1."""
    upper = probability > np.float32(0.5)
    near = np.clip(np.where(upper, np.float32(1) - probability, probability), np.float32(2.0**-OCTAVES), None)
    shift = 23 - BINS_PER_OCTAVE_BITS
    lowest = np.float32(2.0**-OCTAVES).view(np.int32) >> shift
    places = np.minimum((near.astype(np.float32).view(np.int32) >> shift) - lowest, HALF_BINS - 1).astype(np.int64)
    bins: NDArray[np.int64] = np.where(upper, 2 * HALF_BINS - 1 - places, places)
    return bins


def _auc(counts: NDArray[np.int64]) -> float | None:
    """Return the chance that a row of the class gets more than one of another, half of ties; None where one lacks."""
    negative, positive = counts.astype(np.float64)
    if not negative.sum() or not positive.sum():
        return None
    below = np.concatenate([[0.0], np.cumsum(negative)[:-1]])
    return float((positive * (below + negative / 2)).sum() / (negative.sum() * positive.sum()))


@dataclass(frozen=True)
class ComparedMetric:
    """A metric of the card beside that of the files. error: the standard error of their difference; None: not known."""

    name: str
    held_out: float | None
    found: float
    error: float | None


@dataclass(frozen=True)
class Comparison:
    """All metrics. rows: of the files, with a target; limit: of standard errors that chance explains."""

    rows: int
    metrics: list[ComparedMetric]
    unusable: int

    @property
    def limit(self) -> float:
        """How many standard errors a difference has to have: two-sided, over all metrics that are compared."""
        count = sum(metric.error is not None for metric in self.metrics)
        return NormalDist().inv_cdf(1 - CHANCE / 2 / max(1, count))

    def differs(self, metric: ComparedMetric) -> bool:
        """Whether the files' value is another than the card's by more than chance."""
        if metric.error is None or metric.held_out is None:
            return False
        return abs(metric.found - metric.held_out) > self.limit * metric.error


def compare(tally: QualityTally, card: ModelCard) -> Comparison | None:
    """Set the files' metrics beside the card's; None where no row has a target.

    Of a mean over rows (log loss, Brier score, mean squared error) the error is that of two means whose values vary as
    the files' do; of an accuracy that of two shares (pooled); of an AUC that of Hanley and McNeil (1982). None below
    ``FEWEST_ROWS``.
    """
    if not tally.loss.n:
        return None
    return Comparison(tally.loss.n, list(_metrics(tally, card)), tally.unusable)


def _metrics(tally: QualityTally, card: ModelCard) -> Iterator[ComparedMetric]:
    held_out, rows = card.test, card.data.test_rows
    spread = 1 / tally.loss.n + 1 / max(1, rows)

    tested = min(rows, tally.loss.n) >= FEWEST_ROWS

    def of_mean(name: str, promised: float | None, mean: Mean) -> ComparedMetric:
        return ComparedMetric(name, promised, mean.mean, (mean.variance * spread) ** 0.5 if tested else None)

    if card.task == "regression":
        yield of_mean("loss", held_out.loss, tally.loss)
        if tally.target.squares:
            yield ComparedMetric("R2", held_out.r2, 1 - _squared_error(tally, card) / tally.target.squares, None)
        yield ComparedMetric("RMSE", held_out.rmse, (_squared_error(tally, card) / tally.loss.n) ** 0.5, None)
        return
    yield of_mean("log loss", held_out.loss, tally.loss)
    if held_out.accuracy is not None:
        pooled = (held_out.accuracy * rows + tally.right.mean * tally.right.n) / (rows + tally.right.n)
        error = (pooled * (1 - pooled) * spread) ** 0.5 if tested else None
        yield ComparedMetric("accuracy", held_out.accuracy, tally.right.mean, error)
    areas = [_auc(counts) for counts in tally.ranks.values()]
    known = [area for area in areas if area is not None]
    if len(known) == len(areas):
        yield ComparedMetric(
            "AUC", held_out.auc, sum(known) / len(known), _error_of_auc(tally, card) if tested else None
        )
    yield of_mean("Brier score", held_out.brier, tally.brier)


def _squared_error(tally: QualityTally, card: ModelCard) -> float:
    """Sum over the rows, in the target's unit."""
    return tally.loss.mean * tally.loss.n * card.target.scale**2


def _error_of_auc(tally: QualityTally, card: ModelCard) -> float | None:
    """Return that of the difference of two areas; of two classes, whose shares held-out rows have of training's."""
    if card.target.outputs > 1 or card.test.auc is None or len(card.target.shares) != 2:
        return None
    held_out = [share * card.data.test_rows for share in card.target.shares]
    found = tally.ranks[0].sum(axis=1).tolist()
    if not all(held_out):
        return None
    area = _auc(tally.ranks[0])
    return None if area is None else (_variance(card.test.auc, *held_out) + _variance(area, *found)) ** 0.5


def _variance(area: float, negative: float, positive: float) -> float:
    """Of an area under the curve (Hanley and McNeil, 1982, equation 1)."""
    one, other = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positive - 1) * (one - area**2) + (negative - 1) * (other - area**2)
    return float(max(0.0, spread) / (positive * negative))
