"""What was read of a table, before anything is decided about its columns."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.table.cells import CellRules


@dataclass(frozen=True)
class ReadOptions:
    """How the user says that the file is to be read. None: found out by looking at it."""

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    header: bool = True
    missing: tuple[str, ...] = ()
    """Cells that hold no value, beside ``MISSING_SPELLINGS``."""
    drop: tuple[str, ...] = ()
    """Columns that are not wanted: they are not read, and what they hold is no reason to refuse the table."""
    text: tuple[str, ...] = ()
    """Columns of a CSV file whose digits are no numbers: codes, whose zeros in front count."""
    only: tuple[str, ...] | None = None
    """Columns that are wanted, where not all but those of ``drop`` are."""

    @property
    def kept_missing(self) -> list[str]:
        """``missing`` as a card keeps it: a number with a decimal comma with a point as well, as the service has it."""
        rules = CellRules("," if self.decimal == "," else ".")
        pointed = [word for word in map(rules.with_point, self.missing) if word is not None]
        return list(dict.fromkeys((*self.missing, *pointed)))

    def wants(self, name: str) -> bool:
        """Whether a column is wanted."""
        return name not in self.drop and (self.only is None or name in self.only)


@dataclass(frozen=True)
class ColumnOptions:
    """What the user says of columns, by name."""

    drop: tuple[str, ...] = ()
    """Left out."""
    category: tuple[str, ...] = ()
    """Every value is a level, numbers too."""
    numeric: tuple[str, ...] = ()
    """Numbers, whose words count as missing."""


@dataclass(frozen=True)
class ColumnValues:
    """A column of n values: ``numbers`` or ``words``, or neither where it was not wanted (``ReadOptions.drop``).

    numbers: (n,) float64, NaN where the value is missing. words: a dictionary of text with (n,) codes, null where it is
    missing; of a column that holds numbers and words all values are there as the file has them.
    """

    name: str
    numbers: NDArray[np.float64] | None = None
    words: pa.DictionaryArray | None = None
    padded_row: int | None = None
    """The first row of a CSV file whose number has zeros in front: ``02134``, of which ``numbers`` keeps 2134."""


@dataclass(frozen=True)
class ReadTable:
    """A file's columns in their order. All have the same number of values."""

    source: str
    """Name of the file."""
    found: str
    """What it was found to be: 'CSV, UTF-8, separated by ";", decimal ","'."""
    rows: int
    columns: list[ColumnValues]
    place: Callable[[int], str]
    """Where an editor shows the row at a position counted from 0: 'line 7' of a CSV file, 'row 6' of a Parquet file."""
    decimal: str = "."
    """The sign in the numbers of ``words``."""
    all_rows: int | None = None
    """How many rows the table has, where those at hand are but some of them."""

    @property
    def among(self) -> str:
        """Which rows a count is of, to be said behind it; '' where it is of all."""
        if self.all_rows in {None, self.rows}:
            return ""
        return f" among {self.rows:,} of the {self.all_rows:,} rows"
