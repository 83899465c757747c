"""The target of a table that is read block by block: its values as float64, by what was decided, and their counts."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.columns.codes import as_numbers, as_words
from training.columns.target import DecidedTarget
from training.columns.words import read_words
from training.stream.column_facts import Block, Moments
from training.table.values import ColumnValues


@dataclass(frozen=True)
class TargetCoder:
    """classes: by the numbers that stand for them; None: a number, as it is. decimal: the sign in numbers."""

    name: str
    classes: tuple[str, ...] | None
    decimal: str

    @classmethod
    def of(cls, target: DecidedTarget, *, decimal: str) -> "TargetCoder":
        """Take what was decided."""
        return cls(target.name, target.classes, decimal)

    def code(self, column: ColumnValues) -> NDArray[np.float64]:
        """Return (n,) float64; NaN where a row has no target."""
        if self.classes is None:
            return as_numbers(column, decimal=self.decimal)
        words = read_words(as_words(column))
        codes = {label: float(place) for place, label in enumerate(self.classes)}
        code_of = [codes.get(str(word), np.nan) for word in words.distinct]
        return np.array([*code_of, np.nan])[words.positions]


@dataclass
class TargetFacts:
    """How many rows have a target, by the parts of the split, and the mean and spread of numbers to train on."""

    parts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, dtype=np.int64))
    without: int = 0
    moments: Moments = field(default_factory=Moments)

    def add(self, values: NDArray[np.float64] | None, block: Block, parts: NDArray[np.int8]) -> None:
        """Count a block. values: (n,) float64; None: words."""
        self.parts += np.bincount(parts[block.used], minlength=len(self.parts))
        self.without += int(np.count_nonzero(~block.used))
        if values is not None:
            self.moments.add(values[block.train])
