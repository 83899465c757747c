"""Coded tables of every kind of column, as the preprocessing takes them, with what makes each kind difficult."""

import numpy as np
from numpy.typing import NDArray

from service.contract.card import RawFeature
from service.contract.policies import UNKNOWN_CODE

ROWS = 2000
TRAINING_ROWS = 1500
"""The rows after these are held out: they alone have unknown levels, and gaps where the training rows have none."""


def number(name: str) -> RawFeature:
    return RawFeature(name=name, minimum=-5, maximum=5)


def boolean(name: str) -> RawFeature:
    return RawFeature(name=name, minimum=0, maximum=1, kind="boolean")


def category(name: str, levels: int) -> RawFeature:
    words = [f"level {code}" for code in range(levels)]
    return RawFeature(name=name, minimum=0, maximum=levels - 1, kind="category", levels=words)


class CodedTable:
    """raw: (ROWS, d) float64, coded; columns: what they are."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(5)
        self.columns: list[RawFeature] = []
        self._values: list[NDArray[np.float64]] = []

    @property
    def raw(self) -> NDArray[np.float64]:
        return np.column_stack(self._values)

    @property
    def training(self) -> NDArray[np.float64]:
        return self.raw[:TRAINING_ROWS]

    def add(
        self, column: RawFeature, *, gaps: float = 0, late_gaps: bool = False, shares: tuple[float, ...] = ()
    ) -> None:
        """Draw a column. gaps: their share. late_gaps: the held-out rows have some. shares: those of the levels."""
        if column.kind == "number":
            values = self._rng.normal(0, 2, ROWS)
        else:
            count = len(column.levels) or 2
            values = self._rng.choice(count, ROWS, p=shares or None).astype(np.float64)
        if column.kind == "category":
            values[TRAINING_ROWS::7] = UNKNOWN_CODE
        values[self._rng.random(ROWS) < gaps] = np.nan
        if late_gaps:
            values[TRAINING_ROWS + 1 :: 5] = np.nan
        if gaps or late_gaps:
            column = column.model_copy(update={"missing_share": float(np.isnan(values[:TRAINING_ROWS]).mean())})
        self.columns.append(column)
        self._values.append(values)


RARE = (0.5, 0.3, 0.19, 0.006, 0.004)
"""The last two are below 1 %."""


def numbers(count: int = 6) -> CodedTable:
    table = CodedTable()
    for place in range(count):
        table.add(number(f"x{place}"))
    return table


def numbers_with_gaps() -> CodedTable:
    table = numbers(3)
    table.add(number("sometimes"), gaps=0.2)
    table.add(number("mostly not"), gaps=0.9)
    return table


def numbers_with_late_gaps() -> CodedTable:
    table = numbers(3)
    table.add(number("late"), late_gaps=True)
    return table


def booleans() -> CodedTable:
    table = CodedTable()
    table.add(boolean("yes or no"))
    table.add(boolean("mostly yes"), gaps=0.1, shares=(0.1, 0.9))
    table.add(number("x"))
    return table


def categories() -> CodedTable:
    """Alone: with rare levels and without, with gaps, with gaps that are rare, with late gaps, with many levels."""
    table = CodedTable()
    table.add(category("plain", 3))
    table.add(category("rare", 5), shares=RARE)
    table.add(category("gaps", 4), gaps=0.3)
    table.add(category("rare and gaps", 5), gaps=0.2, shares=RARE)
    table.add(category("rare gaps", 3), gaps=0.005)
    table.add(category("late gaps", 3), late_gaps=True)
    table.add(category("rare and late gaps", 5), late_gaps=True, shares=RARE)
    table.add(category("many", 40))
    table.add(category("single", 1))
    table.add(category("all rare", 150))
    return table


def everything() -> CodedTable:
    """All kinds, mixed in their order."""
    table = CodedTable()
    table.add(category("colour", 3))
    table.add(number("age"), gaps=0.1)
    table.add(boolean("smoker"))
    table.add(category("city", 5), gaps=0.1, shares=RARE)
    table.add(number("height"))
    table.add(boolean("insured"), gaps=0.3)
    return table


TABLES = {
    "numbers": numbers,
    "numbers with gaps": numbers_with_gaps,
    "numbers with late gaps": numbers_with_late_gaps,
    "booleans": booleans,
    "categories": categories,
    "everything": everything,
}
