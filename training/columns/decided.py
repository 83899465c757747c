"""What was decided about a table: its columns, its target, its split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.contract.card import LeftOut, RawFeature
from training.columns.split import Split
from training.columns.suspects.suspect import Suspect
from training.columns.target import DecidedTarget
from training.table.values import ReadTable

DROPPED = "--drop"


@dataclass(frozen=True)
class RowCounts:
    """Rows of a table, in all and in the parts of its split."""

    rows: int
    train: int
    validation: int
    test: int
    without_target: int


@dataclass(frozen=True)
class WholeTable:
    """What is known of a table that is larger than the memory, of which some rows were drawn.

    drawn: of the rows with a target those that chance drew; the others stand there for a level, a gap or an end of a
    range. content: a digest of all rows.
    """

    counts: RowCounts
    drawn: Split
    content: str
    class_counts: tuple[int, ...] = ()
    """Training rows of each class."""


@dataclass(frozen=True)
class DecidedTable:
    """What becomes of a table. rows: (m,) int64, those with a target, in the file; ``split`` counts among these.

    whole: where these rows are but some of the table's: it is larger than the memory.
    """

    table: ReadTable
    target: DecidedTarget | None
    rows: NDArray[np.int64]
    split: Split
    features: list[RawFeature]
    dropped: list[str]
    suspects: list[Suspect]
    whole: WholeTable | None = None

    @property
    def counts(self) -> RowCounts:
        """How many rows the whole table has, and its parts."""
        if self.whole is not None:
            return self.whole.counts
        split = self.split
        parts = (len(split.train), len(split.validation), len(split.test))
        return RowCounts(self.table.rows, *parts, without_target=self.rows_without_target)

    @property
    def rows_without_target(self) -> int:
        """Rows that are not used."""
        return self.table.rows - len(self.rows)

    @property
    def left_out(self) -> list[LeftOut]:
        """Columns that are no raw features, as the card keeps them."""
        dropped = [LeftOut(name=name, reason=DROPPED) for name in self.dropped]
        return dropped + [
            LeftOut(name=suspect.name, reason=suspect.text)
            for suspect in self.suspects
            if suspect.left_out and suspect.name is not None
        ]
