"""Where things stand in a text file, as an editor shows it: the lines of its records, and what can't be decoded.

Only messages ask for it: values come from pyarrow, and what pyarrow counts as a row is counted here.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from training.errors import UserError, quoted

LONGEST_CELL = 2**31 - 1
"""Characters that the csv module takes: by itself it takes 131,072."""
SHOWN_BYTES = 20
PRINTED_BY_CP1252 = range(0x80, 0xA0)
"""Latin-1 has control characters there, which no text holds; Windows' has quotes, dashes and the euro."""


@dataclass(frozen=True)
class Record:
    """A record of a CSV file. line, last_line: counted from 1; end: characters of the text up to behind it."""

    line: int
    last_line: int
    cells: list[str]
    end: int

    @property
    def blank(self) -> bool:
        """Whether it stands for no row: an empty line, or one of blanks alone."""
        return not self.cells or (len(self.cells) == 1 and not self.cells[0].strip())


def read_records(text: str, *, separator: str, quote: str) -> Iterator[Record]:
    """Yield the records of a text, blank ones too."""
    return number_records(io.StringIO(text, newline=""), separator=separator, quote=quote)


def number_records(
    lines: Iterable[str], *, separator: str, quote: str, lines_before: int = 0, strict: bool = False
) -> Iterator[Record]:
    """Yield the records of lines. Where ``strict``, raise csv.Error for a quote out of place."""
    end = [0]
    reader = csv.reader(_measured(lines, end), delimiter=separator, quotechar=quote, strict=strict)
    csv.field_size_limit(LONGEST_CELL)
    last_line = lines_before
    for cells in reader:
        line, last_line = last_line + 1, lines_before + reader.line_num
        yield Record(line=line, last_line=last_line, cells=cells, end=end[0])


def _measured(lines: Iterable[str], end: list[int]) -> Iterator[str]:
    for line in lines:
        end[0] += len(line)
        yield line


def undecodable(path: Path, error: UnicodeDecodeError, *, lines_before: int) -> UserError:
    """Return the error for bytes that are no text. lines_before: those in front of the bytes that were decoded."""
    before, behind = error.object[: error.start], error.object[error.start : error.start + SHOWN_BYTES]
    byte, line = behind[0], lines_before + before.count(b"\n") + 1
    likely = "cp1252" if byte in PRINTED_BY_CP1252 else "latin-1"
    shown = (before.splitlines() or [b""])[-1][-SHOWN_BYTES:] * (not before.endswith(b"\n")) + behind.splitlines()[0]
    return UserError(
        f"{path.name}: a text must be {error.encoding.upper()}, however: line {line} holds the byte 0x{byte:02x}, "
        f"{likely} for {quoted(shown.decode(likely, 'replace'))}. Give --encoding {likely}, or save the file as UTF-8."
    )
