"""Whole numbers of more digits than float64 keeps: ids, as a rule, which it can't tell apart."""

import numpy as np
from numpy.typing import NDArray

from training.columns.words import LONG_WHOLE, ColumnWords, look_like
from training.errors import UserError, quoted, write_option
from training.table.cells import EXACT_WHOLE, plain_pattern
from training.table.values import ReadTable

DIGITS_LIMIT = 2.0**64
"""Beyond no integer type holds a number: it is a measurement, of which the first digits count."""
SURE_DIGITS = 15
"""Significant digits that float64 keeps of any number."""


def check_digits(name: str, numbers: NDArray[np.float64], *, table: ReadTable) -> None:
    """Raise UserError for a column of numbers that were rounded before they came here. numbers: (n,)."""
    row = first_rounded(numbers)
    if row is not None:
        raise _lost_digits(name, row, f"about {int(numbers[row])}", table=table)


def check_long_numbers(name: str, words: ColumnWords, *, table: ReadTable) -> None:
    """Raise UserError for a column of numbers alone that the reader left as words, since float64 would round some."""
    used = words.count() > 0
    long = look_like(words.distinct, LONG_WHOLE) & used
    if long.any() and np.all(look_like(words.distinct, plain_pattern(table.decimal)) | ~used):
        row = words.first_row(long)
        raise _lost_digits(name, row, quoted(words.text(row)), table=table)


def _lost_digits(name: str, row: int, held: str, *, table: ReadTable) -> UserError:
    return UserError(
        f"{table.source}: column {quoted(name)} must hold numbers that float64 tells apart, however: "
        f"{table.place(row)} holds {held}, and whole numbers beyond 2**53 lose their last digits. Give "
        f"{write_option('--drop', name)} if it is an id, {write_option('--category', name)} if they are levels, or "
        f"{write_option('--numeric', name)} to take it as rounded."
    )


def first_rounded(numbers: NDArray[np.float64]) -> int | None:
    """Return the first row whose whole number may have lost digits, in a column of whole numbers alone; else None.

    Text, integers and decimals that would lose some come as words. Of floats nobody knows: one that needs more digits
    than float64 is sure of is taken for rounded.
    """
    size = np.abs(numbers)
    rows = np.flatnonzero((size >= EXACT_WHOLE) & (size < DIGITS_LIMIT))
    present = numbers[~np.isnan(numbers)]
    if not rows.size or not np.array_equal(present, np.round(present)):
        return None
    return next((int(row) for row in rows if float(f"{numbers[row]:.{SURE_DIGITS}g}") != numbers[row]), None)
