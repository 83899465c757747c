"""The columns of a table that is larger than the memory: decided by the rules of one in memory, from some of its rows.

These rows are drawn by chance, with those beside them that show a level, a gap or an end of a range: what is decided
from the existence of a value is decided as from all rows. Counts and shares are those of all rows. Quantiles, leaks
and repeated rows, which take comparing rows with each other, are those of the rows that were drawn. Where a table is
refused, what is counted says of which rows it is.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from service.contract.card import ColumnKind, RawFeature
from training.columns.codes import DECILES, as_numbers, boolean_feature, category_feature, describe_column
from training.columns.decide import decide_table
from training.columns.decided import DecidedTable, RowCounts, WholeTable
from training.columns.facts import ColumnFacts
from training.columns.split import Split, check_split
from training.columns.suspects.suspect import RepeatedRows, Suspect, find_index_name, say_row_number
from training.columns.target import DecidedTarget
from training.options import TrainingOptions
from training.stream.bounds import Bounds
from training.stream.first_pass.look_over import ColumnCounts, FirstPass, LookedOver
from training.stream.places import TEST, TRAIN, VALIDATION, PlaceSplit
from training.stream.reading import stamp_files
from training.table.files import FileStamp
from training.table.table_files import TableFiles
from training.table.values import ColumnValues, ReadTable


@dataclass(frozen=True)
class LearntColumns:
    """What the first pass over the files found, and what was decided from it."""

    files: TableFiles
    stamps: list[FileStamp | None]
    looked: LookedOver
    decided: DecidedTable
    split: PlaceSplit

    def count_ones(self, feature: RawFeature) -> int:
        """Count the training rows in which a boolean is true."""
        counts = self.looked.columns[feature.name]
        if counts.words is not None and feature.levels:
            return counts.words.count_trained(feature.levels[1])
        assert counts.numbers is not None
        return counts.numbers.ones


def learn_columns(files: TableFiles, options: TrainingOptions) -> LearntColumns:
    """Look over all files and decide the columns. Raise UserError with one line."""
    stamps = stamp_files(files)
    split = PlaceSplit(options.seed, options.test_fraction)
    looked = FirstPass(
        files,
        stamps,
        target=options.target,
        read=options.read,
        options=options.columns,
        split=split,
        sample_rows=Bounds.of(options.memory).sample_rows(len(files.names)),
    ).run()
    sampled = _SampledRows(looked, split)
    decided = decide_table(
        looked.table,
        target=options.target,
        task=options.task,
        options=options.columns,
        split_rows=sampled.split_rows,
        count_facts=partial(SampledFacts, looked=looked, sampled=sampled),
    )
    parts = looked.target.parts
    counts = RowCounts(
        rows=sum(looked.rows_in),
        train=int(parts[TRAIN]),
        validation=int(parts[VALIDATION]),
        test=int(parts[TEST]),
        without_target=looked.target.without,
    )
    whole = WholeTable(
        counts=counts,
        drawn=sampled.drawn_rows(decided.rows),
        content=_digest(looked),
        class_counts=_count_classes(looked.columns, decided.target),
    )
    return LearntColumns(files, stamps, looked, replace(decided, whole=whole), split)


def _count_classes(columns: Mapping[str, ColumnCounts], target: DecidedTarget | None) -> tuple[int, ...]:
    """Training rows of each class."""
    words = None if target is None else columns[target.name].words
    if target is None or target.classes is None or words is None:
        return ()
    return tuple(words.train.get(label, 0) for label in target.classes)


def _digest(looked: LookedOver) -> str:
    """SHA-256 in hexadecimal over names and values of all columns that were read."""
    digest = hashlib.sha256()
    for name, counts in looked.columns.items():
        digest.update(f"{name}\0{counts.content}\0".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class _SampledRows:
    """The split of the rows that were kept."""

    looked: LookedOver
    split: PlaceSplit

    def split_rows(self, target: DecidedTarget | None, rows: NDArray[np.int64]) -> Split:
        """Split rows as all of the table are split, by their places in it. See ``Splitter``."""
        split = self._split(rows, np.ones(len(rows), dtype=bool))
        values, classes = (np.zeros(len(rows)), None) if target is None else (target.values, target.classes)
        check_split(split, target=values, classes=classes or (), source=self.looked.table.source)
        return split

    def drawn_rows(self, rows: NDArray[np.int64]) -> Split:
        """Return the split of those that chance drew."""
        return self._split(rows, self.looked.drawn[rows])

    def _split(self, rows: NDArray[np.int64], chosen: NDArray[np.bool_]) -> Split:
        parts = self._parts[rows]
        return Split(*(np.flatnonzero(chosen & (parts == part)) for part in (TRAIN, VALIDATION, TEST)))

    @property
    def _parts(self) -> NDArray[np.int8]:
        """Of all rows that were kept."""
        return self.split.parts_at(self.looked.places)


class SampledFacts(ColumnFacts):
    """The counts of all rows, where the table at hand holds but some."""

    def __init__(
        self,
        table: ReadTable,
        *,
        rows: NDArray[np.int64],
        train_rows: NDArray[np.int64],
        looked: LookedOver,
        sampled: _SampledRows,
    ) -> None:
        super().__init__(table, rows=rows, train_rows=train_rows)
        self.counts = looked.columns
        self.trained = int(looked.target.parts[TRAIN])
        self.drawn = sampled.drawn_rows(rows)

    def describe(self, column: ColumnValues, kind: ColumnKind) -> RawFeature:
        """Describe a column as all training rows have it; the deciles are those of the ones that were drawn."""
        counts = self.counts[column.name]
        if kind == "category":
            assert counts.words is not None
            levels = {word: held for word, held in counts.words.train.items() if held}
            return category_feature(column.name, levels, rows=self.trained)
        found = describe_column(column, kind, rows=self.train_rows, decimal=self.table.decimal)
        numbers = counts.numbers
        if kind == "boolean" and column.words is not None:
            assert counts.words is not None
            zeros, ones = map(counts.words.count_trained, found.levels)
            return boolean_feature(column.name, found.levels, zeros=zeros, ones=ones, rows=self.trained)
        assert numbers is not None
        if kind == "boolean":
            return boolean_feature(column.name, [], zeros=numbers.zeros, ones=numbers.ones, rows=self.trained)
        values = as_numbers(column, decimal=self.table.decimal)[self.rows[self.drawn.train]]
        present = values[~np.isnan(values)]
        deciles = np.quantile(present, DECILES).tolist() if len(present) else found.deciles
        return found.model_copy(update={"missing_share": numbers.gaps / self.trained, "deciles": deciles})

    def find_row_number(self, column: ColumnValues) -> Suspect | None:
        """Look for row numbers, by their name or by what all rows hold."""
        numbers = self.counts[column.name].numbers
        if named := find_index_name(column):
            return named
        if numbers is None or column.words is not None or not numbers.counts_on or numbers.begins not in {0, 1}:
            return None
        return say_row_number(column.name, begins=numbers.begins, rows=numbers.rows)

    def content(self, feature: RawFeature, codes: NDArray[np.float64]) -> bytes:
        """Return the sum of hashes of all values."""
        return self.counts[feature.name].content.to_bytes(8, "little")

    def count_unseen(self, feature: RawFeature, codes: NDArray[np.float64]) -> tuple[int, int]:
        """Count gaps, and the rows whose level no training row holds."""
        counts = self.counts[feature.name]
        if feature.kind != "category" and counts.numbers is not None:
            return counts.numbers.gaps_of_used, 0
        assert counts.words is not None
        words = counts.words
        unknown = sum(held for word, held in words.used.items() if not words.train.get(word))
        return words.gaps_of_used, unknown if feature.kind == "category" else 0

    def count_words(self, column: ColumnValues, codes: NDArray[np.float64]) -> int:
        """Count the words in a column that is taken for numbers."""
        counts = self.counts[column.name]
        if column.words is None or counts.numbers is None or counts.words is None:
            return 0
        return counts.numbers.gaps_of_used - counts.words.gaps_of_used

    def count_classes(self, target: DecidedTarget, split: Split) -> NDArray[np.int64]:
        """Count the training rows of each class."""
        return np.array(_count_classes(self.counts, target), dtype=np.int64)

    def find_repeated_rows(self, repeated: RepeatedRows, split: Split) -> Suspect | None:
        """Look among the rows that chance drew, of which some are held out."""
        known = f"one of the {len(self.drawn.train):,} training rows that were drawn"
        return repeated.find(train=self.drawn.train, test=self.drawn.test, one_of=known)
