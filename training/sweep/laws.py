"""The laws of a sweep: how loss, training seconds, memory and latency go with the weights and with the rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from service.contract.curve import CurvePoint, Estimate, Law, Measure, Size
from training.sweep.analysis.figures import FIGURES, at_full_rows, by_shape, name_of
from training.sweep.analysis.law_words import Subject
from training.sweep.analysis.power import PowerLaw, fit_power
from training.sweep.analysis.repeats import Repeats

FEWEST_SIZES = 5
WIDEST: dict[Measure, float] = {
    "loss": 0.1,
    "train_seconds": 0.5,
    "network_memory_bytes": 0.5,
    "latency_seconds": 0.5,
}
"""Width of the interval at ten times the largest size, as a share of the figure, beyond which no law is stated. A tenth
of a loss is what a network of ten times the size may gain at all; of a cost it is enough to know it by a quarter."""
TEN = 10
SMALLEST_CHANGE = 0.01
"""Of a figure, from the smallest size to the largest: less is no growth, however sure."""
SIGNIFICANT = 0.05


def fit_laws(points: Sequence[CurvePoint]) -> list[Law]:
    """Return the laws of a sweep, stated or with a sentence that says why not.

    ``floor + coefficient * size ** exponent`` (Kaplan et al., 2020, section 3; Hoffmann et al., 2022, section 3.3: the
    floor is the loss that no size removes), seeds as repeats.

    Against weights, at the full number of rows: of the networks of each depth that has five sizes; where none has, of
    all networks, whatever their depth, as in Kaplan et al. Where depth matters as much as size, as on the default
    table, the points stray from that law and its interval says so. The linear model is left out: no width leads from it
    to a network. Against rows: of each shape with five numbers of rows and more, since a small network reaches its
    floor where a large one still learns. Memory and latency against rows: of the largest such shape alone, since they
    are the same at any number of rows.
    """
    full = at_full_rows(points)
    held = f"{full[0].rows:,} rows" if full else "no row"
    laws = [_find_law(family, of, "weights", held + depth) for depth, family in _families(full) for of in FIGURES]
    learning = [found for found in by_shape(points).values() if _count_rows(found) >= FEWEST_SIZES]
    for found in learning or [max(by_shape(points).values(), key=_count_rows, default=[])]:
        measures: Iterable[Measure] = FIGURES if learning and found is learning[-1] else ("loss", "train_seconds")
        laws += [_find_law(found, of, "rows", name_of(found[0]) if found else "no shape") for of in measures]
    return laws


def _families(points: Sequence[CurvePoint]) -> list[tuple[str, list[CurvePoint]]]:
    """Return the networks of each depth that has enough sizes, with how to say that; all, where none has."""
    networks = [point for point in points if point.shape.depth > 0]
    depths = sorted({point.shape.depth for point in networks})
    families = [(f", depth {depth}", [point for point in networks if point.shape.depth == depth]) for depth in depths]
    enough = [(words, family) for words, family in families if len(by_shape(family)) >= FEWEST_SIZES]
    return enough or [("", networks)]


def _count_rows(points: Sequence[CurvePoint]) -> int:
    return len({point.rows for point in points})


def _find_law(points: Sequence[CurvePoint], of: Measure, against: Size, held: str) -> Law:
    calm = [point for point in points if not point.disturbed] if of.endswith("_seconds") else list(points)
    if len(set(_sizes(calm, against))) < FEWEST_SIZES:
        calm = list(points)
    entries = [
        (float(size), point.seed, FIGURES[of](point)) for size, point in zip(_sizes(calm, against), calm, strict=True)
    ]
    subject = Subject(of, against, held)
    sizes = len({size for size, _, _ in entries})
    if sizes < FEWEST_SIZES:
        return subject.unstated(sizes, f"a law needs at least {FEWEST_SIZES} {_sizes_of(against)}, however: {sizes}")
    if min(value for _, _, value in entries) <= 0:
        return subject.unstated(sizes, "a figure is 0, of which a law of ratios can say nothing")
    mixed = len({point.shape.depth for point in calm}) > 1
    return _Growth(subject, Repeats.of(entries), mixed=mixed).law


def _sizes(points: Sequence[CurvePoint], against: Size) -> list[int]:
    """Return the size of each point; points of one shape have one, the fewest weights among them."""
    if against == "rows":
        return [point.rows for point in points]
    fewest = {shape: found[0].weights for shape, found in by_shape(points).items()}
    return [fewest[point.shape] for point in points]


def _sizes_of(against: Size) -> str:
    return "networks of different size" if against == "weights" else "numbers of rows"


@dataclass(frozen=True)
class _Growth:
    """A figure at five sizes and more: whether it changes at all, then how."""

    subject: Subject
    repeats: Repeats
    mixed: bool
    """Whether the points are of several depths."""

    @property
    def law(self) -> Law:
        """Return the law, stated or not."""
        turn = self._find_turn()
        if turn is not None:
            return self._say(turn)
        if self._change(0, -1) * self._sign < max(SMALLEST_CHANGE, self._least_change(1)):
            return self._say(self.subject.flat())
        fitted = fit_power(self.repeats, sign=self._sign)
        if fitted is None:
            return self._say(self.subject.misfit())
        ten = fitted.predict(TEN * float(self.repeats.distinct[-1]))
        if (ten.high - ten.low) > WIDEST[self.subject.of] * ten.value:
            return self._say(self.subject.wide(ten, strays=fitted.strays, mixed=self.mixed))
        if fitted.is_open:
            words = self.subject.creeps if fitted.may_creep else self.subject.settled
            return self._say(words(ten, self._at_largest), ten)
        return self._state(fitted, ten)

    @property
    def _sign(self) -> int:
        return -1 if self.subject.of == "loss" else 1

    @cached_property
    def _means(self) -> NDArray[np.float64]:
        """(sizes,) of the logarithms, with the seeds' own levels taken out."""
        left = self.repeats.within_seeds(self.repeats.logs)
        return np.array([left[self.repeats.sizes == size].mean() for size in self.repeats.distinct])

    def _change(self, first: int, last: int) -> float:
        return float(self._means[last] - self._means[first])

    def _least_change(self, looked_at: int) -> float:
        """Return what a difference of two sizes must be to be more than luck, one-sided; 0 where there is one seed."""
        squares, freedom = self.repeats.pure_error()
        if freedom < 1:
            return 0.0
        each = len(self.repeats.values) / len(self.repeats.distinct)
        return float(stats.t.isf(SIGNIFICANT / looked_at, freedom) * np.sqrt(squares / freedom * 2 / each))

    def _find_turn(self) -> str | None:
        """Say where a loss is lowest, if it rises again after it."""
        lowest = int(self._means.argmin())
        last = len(self._means) - 1
        if self._sign > 0 or lowest == last:
            return None
        if self._change(lowest, last) < max(SMALLEST_CHANGE, self._least_change(last)):
            return None
        return self.subject.turns(float(self.repeats.distinct[lowest]), float(np.expm1(self._change(lowest, last))))

    @property
    def _at_largest(self) -> float:
        """Geometric mean over seeds."""
        return float(np.exp(self.repeats.logs[self.repeats.sizes == self.repeats.distinct[-1]].mean()))

    def _say(self, sentence: str, ten: Estimate | None = None) -> Law:
        return Law(
            of=self.subject.of,
            against=self.subject.against,
            sizes=len(self.repeats.distinct),
            held=self.subject.held,
            at_ten_times=ten,
            at_largest=self._at_largest,
            sentence=sentence,
        )

    def _state(self, fitted: PowerLaw, ten: Estimate) -> Law:
        floor, coefficient, exponent = fitted.floor, fitted.coefficient, fitted.exponent
        sentence = self.subject.stated(floor=floor, exponent=exponent, ten=ten, largest=self._at_largest)
        return self._say(sentence, ten).model_copy(
            update={"floor": floor, "coefficient": coefficient, "exponent": exponent}
        )
