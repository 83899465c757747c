"""Whether the first line of a CSV file is its header: titles and comments above it, and data in its place."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

from service.contract.policies import BLANKS
from training.errors import UserError, quoted
from training.table.cells import WHOLE, CellRules
from training.table.csv.lines import Record

NO_HEADER = re.compile(r"\s*(#|%|//|sep=.\s*$)")
"""What a line above the header begins with."""
FEWEST_RISING = 3
"""So many whole numbers, one step apart, are names (years, 0 to n-1) and no row of data."""
NUMBER_STARTS = frozenset("+-.,0123456789")


def usual_width(counts: list[int]) -> int:
    """Return the commonest number of cells above 1; 1 where there is none."""
    several = Counter(count for count in counts if count > 1)
    return several.most_common(1)[0][0] if several else 1


def refuse_lines_above(path: Path, records: list[Record], lines: list[str], separator: str) -> None:
    """Raise UserError where titles or comments stand above the header. separator: its name."""
    first, width = records[0], usual_width([len(record.cells) for record in records])
    line = lines[first.line - 1]
    narrow = len(first.cells) * 2 <= width
    comment = NO_HEADER.match(line) and (len(first.cells) < width or line.strip().startswith("sep="))
    if narrow or comment:
        table = next((record for record in records[1:] if len(record.cells) == width), first)
        cells = "1 cell" if len(first.cells) == 1 else f"{len(first.cells)} cells"
        raise UserError(
            f"{path.name}: the first line must be the header, however: line {first.line} ({quoted(line)}) has {cells}, "
            f"and line {table.line} ({quoted(lines[table.line - 1])}) has {width}, separated by {separator}. "
            f"Delete what stands above line {table.line}, or give the right --separator."
        )


def refuse_data_as_header(path: Path, records: list[Record]) -> None:
    """Raise UserError where numbers stand above numbers, or most names are words that their columns hold as well.

    Numbers that count on are names: years, 0 to n-1.
    """
    header, *rows = ([cell.strip(BLANKS) for cell in record.cells] for record in records)
    below: list[set[str]] = [set() for _ in header]
    for row in rows:
        if row != header:  # that it comes again is told by who reads all rows
            for values, cell in zip(below, row, strict=False):
                values.add(cell)
    numbers = [position for position, name in enumerate(header) if _is_number(name)]
    everywhere = len(numbers) == len(header)
    data = [position for position in numbers if everywhere or any(map(_is_number, below[position]))]
    words = [position for position, name in enumerate(header) if name and position not in numbers]
    repeated = [position for position in words if header[position] in below[position]]
    if _count_on([header[position] for position in numbers]):
        data = []
    if len(repeated) * 2 > len(header):
        data += repeated
    if data:
        raise UserError(
            f"{path.name}: the first line must be the header, however: line {records[0].line} holds "
            f"{quoted(header[data[0]])}, which looks like data. Give --no-header, or name the column otherwise."
        )


def _count_on(names: list[str]) -> bool:
    if len(names) < FEWEST_RISING or not all(WHOLE.fullmatch(name) for name in names):
        return False
    steps = {int(after) - int(before) for before, after in pairwise(names)}
    return len(steps) == 1 and min(steps) > 0


def _is_number(cell: str) -> bool:
    return cell[:1] in NUMBER_STARTS and any(CellRules(sign).is_number(cell) for sign in (".", ","))
