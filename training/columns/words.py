"""What the words of a column look like: plain numbers, numbers in another dress, dates. Patterns alone, in RE2."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training.table import cells

CURRENCY = r"[$€£¥]"
LONG_WHOLE = r"[+-]?[0-9]{16,}(?:[.,]0*)?"
"""float64 may not hold all digits of such a whole number."""

TIME = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[AaPp][Mm])?"
ZONE = r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
MONTH = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[A-Za-z]*\.?"
DAYS = (
    r"[0-9]{4}[-/.][0-9]{1,2}(?:[-/.][0-9]{1,2})?",
    r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2})",
    rf"(?:[0-9]{{1,2}}[ -])?{MONTH}[ -](?:[0-9]{{1,2}},? )?(?:[0-9]{{4}}|[0-9]{{2}})",
    r"[0-9]{4}[ -]?[QqMmWw][0-9]{1,2}",
)
DURATION = r"-?[0-9]+ (?:s|ms|us|ns)"
"""As the reader writes one of a Parquet file."""
DATE = rf"(?:(?:{'|'.join(DAYS)})(?:[T ]{TIME}{ZONE})?|{TIME})"
POINTED_THOUSANDS = r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}"
"""Where the decimal sign is a point: a number that can have no other meaning than that its points part thousands."""
POINTED = "a number whose points part thousands"


@dataclass(frozen=True)
class ColumnWords:
    """A column's distinct words. positions: (n,) int64, each row's place in ``distinct``, -1 where it is missing."""

    distinct: pa.Array
    positions: NDArray[np.int64]

    def count(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """How many of ``rows`` (None: of all) hold each word. () -> (k,) int64."""
        positions = self.positions if rows is None else self.positions[rows]
        return np.bincount(positions[positions >= 0], minlength=len(self.distinct))

    def first_row(self, chosen: NDArray[np.bool_]) -> int:
        """Return the first row that holds one of the ``chosen`` words: (k,) bool, at least one true."""
        return int(np.argmax((self.positions >= 0) & np.append(chosen, False)[self.positions]))

    def text(self, row: int) -> str:
        """Return the word in ``row``."""
        return str(self.distinct[int(self.positions[row])])


def read_words(array: pa.DictionaryArray) -> ColumnWords:
    """Take a dictionary of text apart."""
    positions = pc.fill_null(pc.cast(array.indices, pa.int64()), -1).to_numpy(zero_copy_only=False)
    return ColumnWords(distinct=array.dictionary, positions=positions)


def look_like(distinct: pa.Array, pattern: str) -> NDArray[np.bool_]:
    """Say of each word whether all of it matches ``pattern``. (k,) -> (k,) bool."""
    fits: NDArray[np.bool_] = pc.fill_null(cells.matches(distinct, pattern), False).to_numpy(zero_copy_only=False)
    return fits


def odd_patterns(decimal: str) -> dict[str, str]:
    """Return what a number in another dress is -> how it looks. It counts as none: it can be read in several ways."""
    mark = "," if decimal == "." else "."
    digits = cells.digits_pattern(decimal)
    pointed = {POINTED: POINTED_THOUSANDS} if decimal == "." else {}
    return pointed | {
        "a percentage": rf"[+-]?{digits} ?%",
        "an amount with its currency": rf"[+-]?(?:{CURRENCY} ?[0-9][0-9.,']*|[0-9][0-9.,']* ?{CURRENCY})",
        "a number in brackets": rf"\({CURRENCY}?[0-9][0-9.,]*\)",
        "a minus that is not ASCII": (
            rf"[\x{{2010}}-\x{{2015}}\x{{2212}}\x{{FE63}}\x{{FF0D}}] ?{cells.plain_pattern(decimal)}"
        ),
        "an infinite number": r"(?i:[+-]?(?:inf|infinity|∞))",
        "a number with marks between its digits": (
            rf"[+-]?[0-9]+(?:[_{mark}'\x{{A0}}\x{{2009}}\x{{202F}} ][0-9]{{3}})+(?:[{decimal}][0-9]+)?"
        ),
        "digits that are not ASCII": r"[+-]?[0-9.,]*[\x{FF10}-\x{FF19}\x{660}-\x{669}\x{966}-\x{96F}][\pN.,]*",
    }


def plain_numbers(distinct: pa.Array, *, decimal: str) -> NDArray[np.float64]:
    """Return each word's number, NaN for a word that is none or that float64 can't hold. (k,) -> (k,) float64."""
    numbers: NDArray[np.float64] = cells.parse_plain(distinct, decimal).to_numpy(zero_copy_only=False)
    return np.where(np.isinf(numbers), np.nan, numbers)
