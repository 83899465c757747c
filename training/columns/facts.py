"""What is counted over all rows of a table, for those who decide its columns: here, of a table in memory."""

import numpy as np
from numpy.typing import NDArray

from service.contract.card import ColumnKind, RawFeature
from service.contract.policies import UNKNOWN_CODE
from training.columns.codes import describe_column
from training.columns.split import Split
from training.columns.suspects.suspect import RepeatedRows, Suspect, find_row_number
from training.columns.target import DecidedTarget
from training.columns.words import read_words
from training.table.values import ColumnValues, ReadTable


class ColumnFacts:
    """rows: (m,) int64, those with a target, in the file; train_rows: (n,) int64, those of them to train on.

    ``codes`` are of the rows with a target: (m,) float64.
    """

    def __init__(self, table: ReadTable, *, rows: NDArray[np.int64], train_rows: NDArray[np.int64]) -> None:
        self.table, self.rows, self.train_rows = table, rows, train_rows

    def describe(self, column: ColumnValues, kind: ColumnKind) -> RawFeature:
        """Describe a column as the training rows have it."""
        return describe_column(column, kind, rows=self.train_rows, decimal=self.table.decimal)

    def find_row_number(self, column: ColumnValues) -> Suspect | None:
        """Look for row numbers."""
        return find_row_number(column)

    def content(self, feature: RawFeature, codes: NDArray[np.float64]) -> bytes:
        """Return what is equal where two columns of one kind are equal in all rows."""
        return codes.tobytes()

    def count_unseen(self, feature: RawFeature, codes: NDArray[np.float64]) -> tuple[int, int]:
        """Count gaps, and unknown levels of a category."""
        unknown = int((codes == UNKNOWN_CODE).sum()) if feature.kind == "category" else 0
        return int(np.isnan(codes).sum()), unknown

    def count_words(self, column: ColumnValues, codes: NDArray[np.float64]) -> int:
        """Count the words in a column that is taken for numbers."""
        if column.words is None:
            return 0
        return int((read_words(column.words).positions[self.rows] >= 0).sum() - (~np.isnan(codes)).sum())

    def count_classes(self, target: DecidedTarget, split: Split) -> NDArray[np.int64]:
        """Count the training rows of each class: (k,) int64. split: of the rows with a target."""
        return np.bincount(target.values[split.train].astype(np.int64), minlength=len(target.classes or ()))

    def find_repeated_rows(self, repeated: RepeatedRows, split: Split) -> Suspect | None:
        """Look for held-out rows that are trained on as well. split: of the rows with a target."""
        return repeated.find(train=split.train, test=split.test)
