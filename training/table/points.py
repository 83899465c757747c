"""The decimal sign, where it is in doubt: commas in numbers, and points that may part thousands.

These are 1.234 in a file whose cells no comma separates, as decimal commas ask for.
"""

from collections.abc import Callable

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from service.contract.policies import BLANKS
from training.errors import UserError, quoted, write_option
from training.table.csv.csv_file import CsvFile
from training.table.open import TableFile
from training.table.table_files import TableFiles
from training.table.values import ColumnValues

DOUBTFUL_SEPARATORS = frozenset(";\t|")
"""Those that leave the comma to numbers."""
THOUSANDS = rf"^[{BLANKS}]*[+-]?[1-9][0-9]{{0,2}}\.[0-9]{{3}}[{BLANKS}]*$"
NEARLY_WHOLE = 1e-6
OTHER_DECIMAL = {
    ".": r"^[+-]?([0-9][0-9.]*)?,[0-9]+([eE][+-]?[0-9]+)?$",
    ",": r"^[+-]?([0-9][0-9,]*)?\.[0-9]+([eE][+-]?[0-9]+)?$",
}
"""Patterns of numbers that have the other decimal sign, by the one that is read."""


def check_decimal_sign(files: TableFiles, column: ColumnValues, place: Callable[[int], str]) -> None:
    """Raise UserError where a column of words seems to hold numbers of the other decimal sign. place: names its rows.

    Of Parquet files, whose types tell numbers, only where the user does not say which sign they have.
    """
    file, decimal = files.first, files.first.rules.decimal
    if column.words is None or (file.decimal_given and (decimal == "." or not files.is_csv)):
        return
    distinct = column.words.dictionary
    other = pc.match_substring_regex(distinct, OTHER_DECIMAL[decimal])
    count = pc.sum(other).as_py() or 0
    whole = pc.sum(pc.match_substring_regex(distinct, "^[+-]?[0-9]+$")).as_py() or 0
    if not count or (count + whole) * 2 < len(distinct):
        return
    code = pc.index(other, value=True).as_py()
    row = pc.index(column.words.indices, value=code).as_py()
    numeric = "" if files.is_csv else f"and {write_option('--numeric', column.name)} "
    remedy = (
        f"Give --decimal , {numeric}where that comma is the decimal sign, or --decimal . where it is not."
        if decimal == "."
        else f"Leave --decimal out, write such numbers with a comma, or give {write_option('--drop', column.name)}."
    )
    raise UserError(
        f"{files.name}: the decimal sign must be clear, however: column {quoted(column.name)} holds "
        f"{quoted(distinct[code].as_py())} in {place(row)}. {remedy}"
    )


def check_points(files: TableFiles, columns: dict[int, ColumnValues]) -> None:
    """Raise UserError where points may part thousands, and no other number says that they are decimal signs.

    columns: those of the files, by their numbers. All is read again where none of them holds such a number at a
    glance.
    """
    if not any(_is_in_doubt(file) for file in files.files):
        return
    numbers = {number: column for number, column in columns.items() if column.numbers is not None}
    if not numbers or any(_holds_fraction(column.numbers) for column in numbers.values()):
        return
    row = 0
    found: tuple[str, str, int] | None = None
    for block in files.blocks(list(numbers)):
        for number, column in numbers.items():
            cells = block.column(str(number))
            dotted = pc.match_substring(cells, ".")
            if not pc.any(dotted, min_count=0).as_py():
                continue
            doubtful = pc.match_substring_regex(cells, THOUSANDS)
            if pc.any(pc.and_not(dotted, doubtful), min_count=0).as_py():
                return
            place = pc.index(doubtful, value=True).as_py()
            found = found or (column.name, cells[place].as_py(), row + place)
        row += block.num_rows
    if found:
        name, cell, row = found
        raise UserError(
            f"{files.name}: the decimal sign must be clear, however: column {quoted(name)} holds {quoted(cell)} "
            f"in {files.place(row)}, and every point in a number stands before three digits, as one that "
            "parts thousands does. Give --decimal . where it is the decimal sign, else write such numbers without it."
        )


def _is_in_doubt(file: TableFile) -> bool:
    return isinstance(file, CsvFile) and file.look.separator in DOUBTFUL_SEPARATORS and not file.decimal_given


def _holds_fraction(numbers: NDArray[np.float64] | None) -> bool:
    """Whether a number can't be whole, with its point between thousands: it is below 1, or has more decimals."""
    assert numbers is not None
    parts = np.abs(numbers[numbers != np.floor(numbers)])  # NaN too, which fails what follows
    thousandfold = parts * 1000
    far = np.abs(thousandfold - np.round(thousandfold)) > NEARLY_WHOLE
    return bool(np.any((parts < 1) | (parts >= 1000) | far))
