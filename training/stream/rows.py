"""The training rows of a table that is larger than the memory: read from its files, coded and scaled, by pieces."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.contract.card import RawFeature
from training.columns.codes import code_column
from training.errors import TrainingError
from training.stream.places import TRAIN, PlaceSplit
from training.stream.reading import FileStamp, read_unchanged
from training.stream.scaling import Encoder
from training.stream.target import TargetCoder
from training.table.parquet_file import ParquetFile
from training.table.table_files import TableFiles
from training.table.values import ColumnValues

UNIT_ROWS = 2**17
"""Row groups are read together until they have so many rows: to begin anew costs as much as some thousand rows."""


@dataclass(frozen=True)
class Unit:
    """Rows that are read one after the other: of a CSV file all, of a Parquet file some row groups.

    file: its place; start: of the first row in the table; groups: None: all.
    """

    file: int
    start: int
    groups: tuple[int, ...] | None = None


@dataclass(frozen=True)
class RowReader:
    """Reads rows as they were decided. words: columns of words; stamps: the files must be as they were."""

    files: TableFiles
    stamps: list[FileStamp | None]
    features: list[RawFeature]
    target: TargetCoder
    words: frozenset[str]
    split: PlaceSplit
    rows_in: list[int]

    def units(self) -> list[Unit]:
        """Return all units in their order."""
        units: list[Unit] = []
        start = 0
        for place, rows in enumerate(self.rows_in):
            source = self.files.files[place]
            units += _group(place, start, source) if isinstance(source, ParquetFile) else [Unit(place, start)]
            start += rows
        return units

    def read(self, unit: Unit) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield the training rows of a unit, block by block: raw, (n, d) float64, coded, and target, (n,) float64."""
        numbers = {name: number for number, name in enumerate(self.files.names)}
        wanted = [numbers[name] for name in (*(feature.name for feature in self.features), self.target.name)]
        groups, start = None if unit.groups is None else list(unit.groups), unit.start
        for block in read_unchanged(self.files, unit.file, wanted, self.stamps, groups=groups):
            target = self.target.code(self._values(block, numbers[self.target.name]))
            parts = self.split.parts(start, block.num_rows)
            start += block.num_rows
            rows = np.flatnonzero((parts == TRAIN) & ~np.isnan(target))
            raw = np.empty((len(rows), len(self.features)))
            for place, feature in enumerate(self.features):
                values = self._values(block, numbers[feature.name])
                raw[:, place] = code_column(values, feature, decimal=self.target.decimal)[rows]
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


def _group(place: int, start: int, source: ParquetFile) -> Iterator[Unit]:
    groups: list[int] = []
    rows = 0
    for group, count in enumerate(source.rows_of_groups()):
        groups.append(group)
        rows += count
        if rows >= UNIT_ROWS:
            yield Unit(place, start, tuple(groups))
            start, groups, rows = start + rows, [], 0
    if groups:
        yield Unit(place, start, tuple(groups))


@dataclass(frozen=True)
class StreamedRows:
    """Rows to learn from that are read anew in every epoch, as ``ScaledRows`` holds them.

    count: of them; mean, deviation: (features,) float64, of columns and products; classes: (k,) rows of each class;
    offset, scale: of the target; pool_rows: that are shuffled together; content: a digest of the table.
    """

    reader: RowReader
    encoder: Encoder
    count: int
    offset: float
    scale: float
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    class_counts: NDArray[np.int64]
    pool_rows: int
    content: str

    def identity(self) -> dict[str, NDArray[np.generic]]:
        """Return what tells these rows, and the order that a seed gives them, from others."""
        encoder = self.encoder
        sizes = np.array([self.pool_rows, self.count, *self.reader.rows_in])
        units = np.array([(unit.file, unit.start) for unit in self.reader.units()])
        content = np.frombuffer(self.content.encode(), dtype=np.uint8)
        arrays = {"content": content, "sizes": sizes, "units": units, "fills": encoder.fills, "scale": encoder.scale}
        return {**arrays, "shift": encoder.shift, "mean": self.mean, "deviation": self.deviation}

    def read(self, unit: Unit) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Yield the training rows of a unit, block by block: columns, (n, encoded), scaled, and target, (n,)."""
        for raw, target in self.reader.read(unit):
            yield self.encoder(raw), ((target - self.offset) / self.scale).astype(np.float32)
