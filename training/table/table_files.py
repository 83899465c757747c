"""The files of a table, one or several, as one source: their columns, by name, numbered as in the first."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import pyarrow as pa

from training.errors import UserError, quoted, write_option
from training.table.csv.csv_file import CsvFile
from training.table.files import find_tables, inaccessible, is_several
from training.table.open import TableFile, open_file
from training.table.values import ReadOptions


class TableFiles:
    """Files with the same columns, whose order may differ, and of one format: the rows of a table, in their order.

    name: of the table; names: of the columns, '' for those at the end that have none.
    """

    def __init__(self, name: str, files: Sequence[TableFile], labels: Sequence[str], options: ReadOptions) -> None:
        """Raise UserError where the files are no one table. labels: what the files are called in messages."""
        self.name, self.files, self.labels = name, list(files), list(labels)
        self.first = self.reading = self.files[0]
        self.names = self.first.names
        self.numbers_in = [self._match(place, options) for place in range(len(self.files))]
        self.rows_in = [0] * len(self.files)

    def _match(self, place: int, options: ReadOptions) -> dict[int, int]:
        """Return the number that each wanted column has in a file."""
        file, label = self.files[place], self.labels[place]
        if isinstance(file, CsvFile) != self.is_csv:
            raise UserError(
                f"{label}: all files of a table must be of one format, however: it is {_format(file)}, and "
                f"{self.labels[0]} is {_format(self.first)}. Convert one, or give a pattern of the others."
            )
        wanted = {column: name for column, name in enumerate(self.names) if name and options.wants(name)}
        there = {name: column for column, name in enumerate(file.names) if name}
        lacking = [name for name in wanted.values() if name not in there]
        more = [name for name in there if options.wants(name) and name not in wanted.values()]
        if lacking or more:
            fact = f"lacks {quoted(lacking[0])}" if lacking else f"has {quoted(more[0])} as well"
            raise UserError(
                f"{label}: all files of a table must have the same columns, however: it {fact}, unlike "
                f"{self.labels[0]}. Mend it, take it out, or give {write_option('--drop', (lacking or more)[0])}."
            )
        unnamed = [[column for column, name in enumerate(names) if not name] for names in (self.names, file.names)]
        if len(unnamed[0]) != len(unnamed[1]):
            raise UserError(
                f"{label}: all files of a table must have the same columns, however: it has {len(unnamed[1])} at its "
                f"end without a name, and {self.labels[0]} has {len(unnamed[0])}. Delete them."
            )
        return {column: there[name] for column, name in wanted.items()} | dict(zip(*unnamed, strict=True))

    @property
    def is_csv(self) -> bool:
        """Whether the values come as text, whose numbers must be told from its words."""
        return isinstance(self.first, CsvFile)

    @property
    def found(self) -> str:
        """What the files were found to be."""
        several = f"{len(self.files):,} files, the first " if len(self.files) > 1 else ""
        return several + self.first.found

    def count_rows(self) -> float:
        """Return how many rows the files have: about, of CSV files."""
        return sum(file.count_rows() for file in self.files)

    def blocks(self, columns: list[int]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of all files, in columns named by their numbers. Raise UserError for what can't be read."""
        for place in range(len(self.files)):
            yield from self.blocks_of(place, columns)

    def blocks_of(self, place: int, columns: list[int]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one file, which then is the one that cells are taken to come from."""
        file, own = self.files[place], [self.numbers_in[place][column] for column in columns]
        rows = 0
        for block in file.blocks(own):
            self.reading = file
            rows += block.num_rows
            self.rows_in[place] = max(self.rows_in[place], rows)
            arrays = [block.column(block.schema.get_field_index(str(number))) for number in own]
            yield pa.record_batch(arrays, names=[str(column) for column in columns])

    def numbers(self, cells: pa.Array) -> pa.Array | None:
        """Return cells of the last block as float64, null where they are missing; None where not all are numbers."""
        return self.reading.numbers(cells)

    def padded_row(self, cells: pa.Array) -> int | None:
        """Return the place of the first whole number with zeros in front, None where there is none."""
        return self.reading.padded_row(cells)

    def words(self, cells: pa.Array) -> pa.DictionaryArray:
        """Return cells of the last block as words, null where they are missing."""
        return self.reading.words(cells)

    def place(self, row: int) -> str:
        """Name a row, counted from 0 over all files that were read, by its line and, of several files, its file."""
        if len(self.files) == 1:
            return self.first.place(row)
        ends = list(accumulate(self.rows_in))
        place = bisect_right(ends, row)
        return f"{self.labels[place]}, {self.files[place].place(row - ends[place] + self.rows_in[place])}"


def open_table(path: Path, options: ReadOptions) -> TableFiles:
    """Open a file, those of a folder, or those that fit a pattern. Raise UserError for what is no table, or no one."""
    if not is_several(path):
        return TableFiles(path.name, [open_file(path, options)], [path.name], options)
    try:
        found = find_tables(str(path))
    except OSError as error:
        raise inaccessible(error) from error
    files = [open_file(file, options) for file, _ in found]
    return TableFiles(path.name or str(path), files, [str(name) for _, name in found], options)


def _format(file: TableFile) -> str:
    return "CSV" if isinstance(file, CsvFile) else "Parquet"
