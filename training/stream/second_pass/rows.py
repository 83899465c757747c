"""The training rows of a table that is larger than the memory: read from its files, coded and scaled, by pieces."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.contract.card import RawFeature
from training.columns.codes import as_numbers, class_words, code_column
from training.columns.words import read_words
from training.errors import TrainingError
from training.stream.places import TRAIN, PlaceSplit
from training.stream.reading import read_unchanged
from training.table.files import FileStamp
from training.table.table_files import TableFiles
from training.table.values import ColumnValues


@dataclass(frozen=True)
class TargetCoder:
    """classes: by the numbers that stand for them; None: a number, as it is. decimal: the sign in numbers.

    numeric: whether the user says that words are no classes.
    """

    name: str
    classes: tuple[str, ...] | None
    decimal: str
    numeric: bool = False

    def code(self, column: ColumnValues) -> NDArray[np.float64]:
        """Return (n,) float64; NaN where a row has no target."""
        if self.classes is None:
            return as_numbers(column, decimal=self.decimal)
        words = read_words(class_words(column, numeric=self.numeric, decimal=self.decimal))
        codes = {label: float(place) for place, label in enumerate(self.classes)}
        code_of = [codes.get(str(word), np.nan) for word in words.distinct]
        return np.array([*code_of, np.nan])[words.positions]


@dataclass(frozen=True)
class RowReader:
    """Reads rows as they were decided. words: columns of words; stamps: the files must be as they were."""

    files: TableFiles
    stamps: list[FileStamp | None]
    features: list[RawFeature]
    target: TargetCoder
    words: frozenset[str]
    split: PlaceSplit

    def read(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield the training rows, block by block: raw, (n, d) float64, coded, and target, (n,) float64."""
        numbers = {name: number for number, name in enumerate(self.files.names)}
        wanted = [numbers[name] for name in (*(feature.name for feature in self.features), self.target.name)]
        start = 0
        for place in range(len(self.files.files)):
            for block in read_unchanged(self.files, place, wanted, self.stamps):
                target = self.target.code(self._values(block, numbers[self.target.name]))
                parts = self.split.parts(start, block.num_rows)
                start += block.num_rows
                rows = np.flatnonzero((parts == TRAIN) & ~np.isnan(target))
                raw = np.empty((len(rows), len(self.features)))
                for column, feature in enumerate(self.features):
                    values = self._values(block, numbers[feature.name])
                    raw[:, column] = code_column(values, feature, decimal=self.target.decimal)[rows]
                yield raw, target[rows]

    def _values(self, block: pa.RecordBatch, number: int) -> ColumnValues:
        name, cells = self.files.names[number], block.column(str(number))
        if name in self.words:
            return ColumnValues(name, words=self.files.words(cells))
        numbers = self.files.numbers(cells)
        if numbers is None:
            raise files_changed(self.files.name)
        return ColumnValues(name, numbers=numbers.to_numpy(zero_copy_only=False))


def files_changed(name: str) -> TrainingError:
    """Return the error for files that hold something else than before."""
    return TrainingError(
        f"{name}: the files of a table must stay as they are while it is trained on, however: they hold other rows "
        "than before. Run again when nothing writes to them."
    )
