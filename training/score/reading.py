"""A file to be scored: opened by the rules of training, its columns taken by name, its rows block by block."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from service.contract.card import ModelCard
from training.errors import UserError, quoted
from training.table.csv.csv_file import CsvFile
from training.table.points import check_points
from training.table.table_files import open_table
from training.table.values import ColumnValues, ReadOptions

MOST_LISTED = 8
"""Names of columns in a message."""
BYTES_OF_AN_OFFSET = 4
"""What Arrow keeps of each text beside its characters."""


class ScoredFile:
    """An open file that has all columns of a card, and those that are to be kept."""

    def __init__(self, path: Path, read: ReadOptions, card: ModelCard, keep: Sequence[str]) -> None:
        """Look at ``path``. Raise UserError for a file that can't be read or lacks a column."""
        self.path, self.card = path, card
        features = [feature.name for feature in card.raw_features]
        self.files = open_table(path, read)
        self.source = self.files.first
        self.places = {name: str(place) for place, name in enumerate(self.source.names)}
        self._check_names(features, keep)
        self.wanted = {*features, *keep, card.target.name}
        self.first: pa.RecordBatch | None = None
        self.bytes_of_row = self._bytes_of_row()

    def _check_names(self, features: Sequence[str], keep: Sequence[str]) -> None:
        names = ", ".join(quoted(name) for name in self.source.names[:MOST_LISTED])
        if len(self.source.names) > MOST_LISTED:
            names += f" and {len(self.source.names) - MOST_LISTED} others"
        lacking = [name for name in features if name not in self.places]
        if lacking:
            more = f" (nor are {len(lacking) - 1} others)" if len(lacking) > 1 else ""
            raise UserError(
                f"{self.path.name}: a file must have every column of release {self.card.release}, however: "
                f"{quoted(lacking[0])} is none of {names}{more}. Add it, or give another --release."
            )
        for name in keep:
            if name not in self.places:
                raise UserError(
                    f"{self.path.name}: --keep must name a column, however: {quoted(name)} is none of {names}. "
                    "Choose one of these."
                )

    @property
    def has_target(self) -> bool:
        """Whether the file has the column that is predicted."""
        return self.card.target.name in self.places

    def blocks(self) -> Iterator[pa.RecordBatch]:
        """Yield rows, in columns named by their places. Raise UserError for a row that can't be read or is in doubt."""
        for block in self.source.blocks([int(place) for name, place in self.places.items() if name in self.wanted]):
            self.first = block if self.first is None else self.first
            yield block
        if isinstance(self.source, CsvFile) and self.first is not None:
            check_points(self.files, self._numbers_of_first_block(self.first))

    def _numbers_of_first_block(self, block: pa.RecordBatch) -> dict[int, ColumnValues]:
        """Columns of numbers as they begin: mostly enough to tell what a point is."""
        found = {}
        for feature in self.card.raw_features:
            place = self.places[feature.name]
            numbers = self.source.numbers(block.column(place)) if feature.kind == "number" else None
            if numbers is not None:
                values: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
                found[int(place)] = ColumnValues(feature.name, numbers=values)
        return found

    def cells(self, block: pa.RecordBatch, name: str) -> pa.Array:
        """Return a block's column by its name."""
        return block.column(self.places[name])

    def type_of(self, name: str) -> pa.DataType:
        """Return the type of a column's cells."""
        if isinstance(self.source, CsvFile):
            return pa.string()
        return pa.parquet.read_schema(self.path).field(int(self.places[name])).type

    def place(self, row: int) -> str:
        """Name a row, counted from 0, and its file."""
        return f"{self.path.name}, {self.source.place(row)}"

    def count_bytes(self, block: pa.RecordBatch) -> float:
        """Return about how many bytes of the file a block is: 0 where nobody knows, as of a compressed text."""
        if self.bytes_of_row is not None:
            return float(block.num_rows * self.bytes_of_row)
        offsets = BYTES_OF_AN_OFFSET * (block.num_rows + 1) * block.num_columns
        return float(max(0, block.nbytes - offsets + block.num_rows * block.num_columns))  # a separator for each cell

    def _bytes_of_row(self) -> float | None:
        if isinstance(self.source, CsvFile):
            return 0.0 if self.source.look.compression else None
        return float(self.path.stat().st_size / max(1, pa.parquet.read_metadata(self.path).num_rows))
