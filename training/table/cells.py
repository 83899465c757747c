"""Cells of a CSV file: which hold a number, by the one rule that converts them, which hold nothing, and the words.

A number is an optional sign, ASCII digits with at most one decimal sign, and an optional exponent: ``-1.5e3``, ``.5``.
Nothing else is: no ``1_000``, ``0x10``, ``12%``, ``(5)``, no digits or minus outside ASCII, and no number that float64
can't hold: ``inf``, ``1e400``, and whole numbers beyond 2**53 that it would round. A column that holds such a cell is a
column of words, in which it stands as the file has it, for whoever names or drops it.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from service.contract.policies import BLANKS, MISSING_SPELLINGS

DecimalSign = Literal[".", ","]

EXACT_WHOLE = 2.0**53
"""Up to here float64 holds every whole number."""
WHOLE = re.compile(r"[+-]?[0-9]+")
PADDED = "0[0-9]+"
"""Pattern of a whole number with zeros in front, as codes have: these are words."""
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


@dataclass(frozen=True)
class CellRules:
    """What cells mean.

    missing: spellings of no value, beside ``MISSING_SPELLINGS``; a number among them is one however it is written:
    -999.0 where -999 is given, and where commas are decimal signs -9.9 is -9,9. ``Column.code_text`` of the
    service has the same rule.
    """

    decimal: DecimalSign = "."
    missing: tuple[str, ...] = ()

    def numbers(self, cells: pa.Array) -> pa.Array | None:
        """Return text as float64, null where it is missing; None where a cell is neither number nor missing."""
        stripped = strip(cells)
        if not self._missing_numbers:
            numbers = self._parsed(stripped)
            if numbers is not None:
                return numbers
        numbers = self._parsed(self._blanked(stripped))
        return None if numbers is None else self.without_missing_numbers(numbers)

    def words(self, cells: pa.Array) -> pa.Array:
        """Return text without the blanks around it, null where it is missing."""
        words = self._blanked(strip(cells))
        if not self._missing_numbers:
            return words
        return pc.if_else(self._is_missing_number(parse_plain(words, self.decimal)), None, words)

    def is_number(self, cell: str) -> bool:
        """Whether ``numbers`` takes this cell for a number."""
        return self._parsed(strip(pa.array([cell], pa.string()))) is not None

    def padded_row(self, cells: pa.Array) -> int | None:
        """Return the place of the first whole number with zeros in front, ``02134``; None where there is none."""
        stripped = strip(cells)
        zeros = pc.starts_with(stripped, "0")
        needed = pc.or_(pc.starts_with(stripped, "0" + self.decimal), pc.equal(stripped, "0"))
        if pc.equal(pc.sum(zeros), pc.sum(needed)).as_py():  # nearly always, in a quarter of the pattern's time
            return None
        place: int = pc.index(matches(stripped, PADDED), value=True).as_py()
        return None if place < 0 else place

    def without_missing_numbers(self, numbers: pa.Array) -> pa.Array:
        """Return float64 without the numbers that stand for a missing value."""
        if not self._missing_numbers:
            return numbers
        return pc.if_else(self._is_missing_number(numbers), None, numbers)

    def _is_missing_number(self, numbers: pa.Array) -> pa.Array:
        return pc.is_in(pc.add(numbers, 0.0), value_set=self._missing_numbers)  # to Arrow -0.0 is not 0.0

    @cached_property
    def _missing_numbers(self) -> pa.Array:
        pointed = [word for word in map(self.with_point, self.missing) if word is not None]
        return pa.array([float(word) + 0.0 for word in pointed], pa.float64())

    def with_point(self, word: str) -> str | None:
        """Return a number as the service writes it, None for what is none. A point is a decimal sign in it anyhow."""
        if INFINITE.fullmatch(word) or CellRules().is_number(word):
            return word
        return word.replace(self.decimal, ".") if self.is_number(word) else None

    @cached_property
    def _spellings(self) -> pa.Array:
        return pa.array([*MISSING_SPELLINGS, *(spelling.strip(BLANKS) for spelling in self.missing)], pa.string())

    def _blanked(self, stripped: pa.Array) -> pa.Array:
        return pc.if_else(pc.is_in(stripped, value_set=self._spellings), None, stripped)

    def _parsed(self, stripped: pa.Array) -> pa.Array | None:
        plain = stripped
        if self.decimal == ",":
            if contains(stripped, "."):
                return None
            plain = pc.replace_substring(stripped, ",", ".")
        try:
            numbers = pc.cast(plain, pa.float64())
        except pa.ArrowInvalid:
            return None
        if not pc.all(pc.is_finite(numbers), min_count=0).as_py():
            return None
        return None if lose_digits(stripped, numbers) else numbers


def strip(cells: pa.Array) -> pa.Array:
    """Return text without ``BLANKS`` around it."""
    return pc.utf8_trim(cells, characters=BLANKS)


def matches(cells: pa.Array, pattern: str) -> pa.Array:
    """Say of each cell of text whether all of it matches ``pattern``, in RE2."""
    return pc.match_substring_regex(cells, rf"\A(?:{pattern})\z")


def digits_pattern(decimal: str) -> str:
    """Return the pattern of digits with at most one decimal sign, point or comma."""
    return rf"(?:[0-9]+(?:[{decimal}][0-9]*)?|[{decimal}][0-9]+)"


def plain_pattern(decimal: str) -> str:
    """Return the pattern of a plain number. decimal: the sign in it, point or comma."""
    return rf"[+-]?{digits_pattern(decimal)}(?:[eE][+-]?[0-9]+)?"


def parse_plain(cells: pa.Array, decimal: str) -> pa.Array:
    """Return text as float64, null for what is no plain number, infinite for one that float64 can't hold."""
    plain = pc.if_else(matches(cells, plain_pattern(decimal)), cells, None)
    return pc.cast(pc.replace_substring(plain, decimal, "."), pa.float64())


def contains(cells: pa.Array, part: str) -> bool:
    """Whether ``part`` stands in a cell of text."""
    return bool(pc.any(pc.match_substring(cells, part), min_count=0).as_py())


def lose_digits(exact: pa.Array, numbers: pa.Array) -> bool:
    """Whether a whole number became another one. exact: text, integers or decimals; numbers: the same as float64."""
    large = pc.greater_equal(pc.abs(numbers), EXACT_WHOLE)
    if not pc.any(large, min_count=0).as_py():
        return False
    pairs = zip(exact.filter(large).to_pylist(), numbers.filter(large).to_pylist(), strict=True)
    return any(_is_whole(cell) and Decimal(cell) != number for cell, number in pairs)


def _is_whole(cell: str | int | Decimal) -> bool:
    if isinstance(cell, str):
        return WHOLE.fullmatch(cell) is not None
    return Decimal(cell) == Decimal(cell).to_integral_value()  # not modulo, for which 28 digits are too many
