"""The first pass over the files: every value is counted, and rows are drawn, of which a table in memory is made."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.contract.policies import MOST_CLASSES
from training.columns.codes import as_numbers, class_words
from training.stream.first_pass.column_facts import MOST_WORDS, Block, NumberFacts, Shown, TargetFacts, WordFacts
from training.stream.first_pass.sample import Sample
from training.stream.places import TRAIN, PlaceSplit
from training.stream.reading import read_unchanged
from training.table.files import FileStamp
from training.table.read import assemble_table, wanted_columns
from training.table.table_files import TableFiles
from training.table.values import ColumnOptions, ColumnValues, ReadOptions, ReadTable


@dataclass
class ColumnCounts:
    """What is counted of a column. padded: the first row whose number has zeros in front, in the table."""

    name: str
    numbers: NumberFacts | None = None
    words: WordFacts | None = None
    padded: int | None = None

    @property
    def content(self) -> int:
        """A sum of hashes over all rows: equal where two columns are."""
        counted = self.words if self.numbers is None else self.numbers
        return 0 if counted is None else counted.content


@dataclass(frozen=True)
class LookedOver:
    """What the first pass found.

    table: of the rows that were kept, in their order; places: (k,) int64, theirs in the whole table; drawn: (k,) bool,
    whether chance drew them; rows_in: of each file; words: columns that hold words.
    """

    table: ReadTable
    places: NDArray[np.int64]
    drawn: NDArray[np.bool_]
    columns: dict[str, ColumnCounts]
    target: TargetFacts
    rows_in: list[int]
    words: frozenset[str]


class FirstPass:
    """Reads all rows, and those that turn out to be words after some blocks once more."""

    def __init__(
        self,
        files: TableFiles,
        stamps: list[FileStamp | None],
        *,
        target: str | None,
        read: ReadOptions,
        options: ColumnOptions,
        split: PlaceSplit,
        sample_rows: int,
    ) -> None:
        self.files, self.stamps, self.target = files, stamps, target
        self.read, self.options, self.split, self.sample_rows = read, options, split, sample_rows
        self.wanted, self.words = wanted_columns(files, read)

    def run(self) -> LookedOver:
        """Raise UserError for what can't be read or is in doubt, TrainingError where a file is changed meanwhile."""
        while True:
            self._begin()
            turned = self._read()
            if not turned:
                return self._finish()
            self.words |= turned

    def _begin(self) -> None:
        self.sample = Sample(self.sample_rows, seed=self.split.seed)
        self.counts = {column: ColumnCounts(self.files.names[column]) for column in self.wanted}
        self.of_target = TargetFacts()
        self.rows = 0

    def _read(self) -> set[int]:
        """Return the columns whose first blocks were taken for numbers, and which are none."""
        turned: set[int] = set()
        for place in range(len(self.files.files)):
            for block in read_unchanged(self.files, place, self.wanted, self.stamps):
                if block.num_rows:
                    turned |= self._add(block)
                    self.rows += block.num_rows
        return turned

    def _add(self, cells: pa.RecordBatch) -> set[int]:
        turned = set()
        columns = {}
        for number in self.wanted:
            values = self._values(cells, number)
            if values.words is not None and number not in self.words:
                if self.rows:
                    turned.add(number)
                else:
                    self.words.add(number)
            columns[number] = values
        block = self._block(columns, cells.num_rows)
        for number, values in columns.items():
            if number not in turned:
                shown = self._count(self.counts[number], values, block)
                self.sample.show(cells, self.rows, [((number, what), row) for what, row in shown])
        self.sample.add(cells, self.rows, block.used)
        return turned

    def _values(self, cells: pa.RecordBatch, number: int) -> ColumnValues:
        name, own = self.files.names[number], cells.column(str(number))
        if number not in self.words and (numbers := self.files.numbers(own)) is not None:
            counts = self.counts[number]
            if counts.padded is None and (row := self.files.padded_row(own)) is not None:
                counts.padded = self.rows + row
                self.sample.show(cells, self.rows, [((number, "padded"), row)])
            return ColumnValues(name, numbers=numbers.to_numpy(zero_copy_only=False))
        return ColumnValues(name, words=self.files.words(own))

    def _block(self, columns: dict[int, ColumnValues], rows: int) -> Block:
        parts = self.split.parts(self.rows, rows)
        used = np.ones(rows, dtype=bool)
        values = None
        for column in columns.values():
            if column.name != self.target:
                continue
            if column.words is not None and column.name not in self.options.numeric:
                used = column.words.is_valid().to_numpy(zero_copy_only=False)
            else:
                values = as_numbers(column, decimal=self._decimal)
                used = ~np.isnan(values)
        block = Block(start=self.rows, used=used, train=used & (parts == TRAIN))
        self.of_target.add(values, block, parts)
        return block

    def _count(self, counts: ColumnCounts, values: ColumnValues, block: Block) -> list[Shown]:
        shown: list[Shown] = []
        name = counts.name
        levels_matter = name == self.target or name in self.options.category
        if values.words is None or name in self.options.numeric:
            counts.numbers = counts.numbers or NumberFacts()
            shown += counts.numbers.add(as_numbers(values, decimal=self._decimal), block)
        if values.words is not None or (levels_matter and not (counts.words and counts.words.overflows)):
            classes_alone = values.words is None and name == self.target
            counts.words = counts.words or WordFacts(most=MOST_CLASSES + 1 if classes_alone else MOST_WORDS)
            numeric = name == self.target and name in self.options.numeric
            words = class_words(values, numeric=numeric, decimal=self._decimal)
            shown += counts.words.add(words, block, decimal=self._decimal)
        return shown

    @property
    def _decimal(self) -> str:
        return self.read.decimal or "."

    def _finish(self) -> LookedOver:
        if not self.rows:
            assemble_table(self.files, {}, rows=0, place=self.files.place, options=self.read)  # raises
        pieces, places, drawn = self.sample.finish()
        order = np.lexsort((~drawn, places))
        order = order[np.unique(places[order], return_index=True)[1]]  # a row that was drawn and shows something: once
        kept, drawn = places[order], drawn[order]
        at = {int(place): row for row, place in enumerate(kept)}
        columns = {}
        for number in self.wanted:
            values = self._gather(number, pieces, order)
            padded = self.counts[number].padded
            columns[number] = values if padded is None else replace(values, padded_row=at[padded])
        table = assemble_table(
            self.files,
            columns,
            rows=len(kept),
            place=lambda row: self.files.place(int(kept[row])),
            options=self.read,
        )
        return LookedOver(
            table=replace(table, all_rows=self.rows),
            places=kept,
            drawn=drawn,
            columns={counts.name: counts for counts in self.counts.values()},
            target=self.of_target,
            rows_in=list(self.files.rows_in),
            words=frozenset(self.files.names[number] for number in self.words),
        )

    def _gather(self, number: int, pieces: list[pa.RecordBatch], order: NDArray[np.int64]) -> ColumnValues:
        name, cells = self.files.names[number], [piece.column(str(number)) for piece in pieces]
        if number not in self.words:
            numbers = pa.chunked_array([self.files.numbers(part) for part in cells]).to_numpy()
            return ColumnValues(name, numbers=numbers[order])
        words = pa.chunked_array([self.files.words(part) for part in cells]).unify_dictionaries().combine_chunks()
        return ColumnValues(name, words=words.take(pa.array(order)))
