"""The records of a CSV text and the lines on which an editor shows them.

Looks and messages ask for them: values come from pyarrow.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service.contract.policies import BLANKS

LONGEST_CELL = 2**31 - 1
"""Characters that the csv module takes: by itself it takes 131,072."""


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
        return not self.cells or (len(self.cells) == 1 and not self.cells[0].strip(BLANKS))


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
