"""A look at the first lines of a text, once: encoding, quote, separator, header. What stays in doubt is refused."""

import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from training.errors import UserError, quoted
from training.table.cells import BLANKS, WHOLE, CellRules
from training.table.encoding import decode, encoded_length, encoding_name, find_encoding
from training.table.formats import Compression, Head, refuse_foreign_text
from training.table.lines import Record, read_records
from training.table.values import ReadOptions

SEPARATORS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}
"""What separates cells, and its name in messages and after ``--separator``."""
ALL_IN_QUOTES = re.compile(r"\s*'[^',;\t|]*'([,;\t|]'[^',;\t|]*')+\s*")
"""A first line all of whose cells stand in single quotes."""
NO_HEADER = re.compile(r"\s*(#|%|//|sep=.\s*$)")
"""What a line above the header begins with."""
LOOKED_AT = 100
"""Records that are looked at."""
CLEARLY_REGULAR = 0.5
"""A separator by which more of the records have as many cells as the header is a rival of one that parts fewer."""
FEWEST_RISING = 3
"""So many whole numbers, one step apart, are names (years, 0 to n-1) and no row of data."""


@dataclass(frozen=True)
class Look:
    """How a CSV file is to be read. names: without the blanks around them, and not checked."""

    path: Path
    compression: Compression | None
    encoding: str
    separator: str
    quote: str
    names: list[str]
    header: bool
    skipped_bytes: int
    """Bytes, decompressed, in front of the first row."""
    skipped_lines: int
    """Lines in front of it."""

    @property
    def found(self) -> str:
        """Say it in words: 'CSV, UTF-8, separated by tab'."""
        parts = [
            "CSV",
            encoding_name(self.encoding),
            f"separated by {separator_name(self.separator)}",
        ]
        if self.quote != '"':
            parts.append(f"quoted by {self.quote}")
        if not self.header:
            parts.append("without a header")
        if self.compression:
            parts.append(f"compressed by {self.compression}")
        return ", ".join(parts)


def separator_name(separator: str) -> str:
    """Name a separator as ``--separator`` takes it: 'tab', or the character in quotes."""
    return SEPARATORS.get(separator, quoted(separator))


def look(path: Path, head: Head, options: ReadOptions) -> Look:
    """Look at the beginning of a text. Raise UserError, with the option that helps, for what is wrong or in doubt."""
    encoding, mark_bytes = find_encoding(path, head, options.encoding)
    text = decode(path, head, encoding, mark_bytes)
    refuse_foreign_text(path, text)
    quote = "'" if ALL_IN_QUOTES.fullmatch(text.strip(BLANKS).partition("\n")[0]) else '"'
    tables = {
        separator: _complete_records(text, separator, quote, whole=head.whole)
        for separator in ([_given_separator(path, options.separator)] if options.separator else SEPARATORS)
    }
    if not all(tables.values()):
        raise UserError(
            f"{path.name}: a table must be lines of cells, however: its first line does not end within "
            f"{len(head.data):,} bytes. Look for a quote that is not closed."
        )
    separator = _choose_separator(path, tables)
    records = tables[separator]
    found = Look(
        path=path,
        compression=head.compression,
        encoding=encoding,
        separator=separator,
        quote=quote,
        names=[f"column_{number}" for number in range(1, len(records[0].cells) + 1)],
        header=options.header,
        skipped_bytes=mark_bytes,
        skipped_lines=0,
    )
    if not options.header:
        return found
    _refuse_lines_above(path, records, text, separator)
    _refuse_data_as_header(path, records)
    header = records[0]
    header_bytes = encoded_length(path, head, text[: header.end], encoding, mark_bytes)
    return replace(
        found,
        names=[name.strip(BLANKS) for name in header.cells],
        skipped_bytes=mark_bytes + header_bytes,
        skipped_lines=header.last_line,
    )


def _given_separator(path: Path, given: str) -> str:
    separator = "\t" if given in {"tab", "\\t"} else given
    if len(separator) != 1 or not separator.isascii() or separator.isalnum() or separator in "\"'\r\n+-.":
        raise UserError(
            f"{path.name}: --separator must be one ASCII character that no number holds, however: {quoted(given)}. "
            f"Give {', '.join(SEPARATORS.values())} or another."
        )
    return separator


def _complete_records(text: str, separator: str, quote: str, *, whole: bool) -> list[Record]:
    """Return the first records that are not blank, of a text that may end within one."""
    records = []
    for record in read_records(text, separator=separator, quote=quote):
        if record.end == len(text) and not whole:
            break
        if not record.blank:
            records.append(record)
        if len(records) == LOOKED_AT:
            break
    return records


def _choose_separator(path: Path, tables: dict[str, list[Record]]) -> str:
    """Return the one separator by which all lines have as many cells, or else the one by which most have."""
    widths = {separator: [len(record.cells) for record in records] for separator, records in tables.items()}
    likely = [separator for separator, counts in widths.items() if min(counts) == max(counts) > 1]
    if len(likely) == 1:
        least = widths[likely[0]][0]
        likely += [by for by, counts in widths.items() if counts[0] > least and _regularity(counts) > CLEARLY_REGULAR]
    if len(likely) > 1:
        readings = " and ".join(f"{widths[separator][0]} by {SEPARATORS[separator]}" for separator in likely)
        raise UserError(
            f"{path.name}: one character must separate the cells, however: the first line has {readings}. "
            f"Give --separator {' or --separator '.join(SEPARATORS[separator] for separator in likely)}."
        )
    return likely[0] if likely else max(widths, key=lambda separator: _regularity(widths[separator]))


def _usual_width(counts: list[int]) -> int:
    """Return the commonest number of cells above 1; 1 where there is none."""
    several = Counter(count for count in counts if count > 1)
    return several.most_common(1)[0][0] if several else 1


def _regularity(counts: list[int]) -> float:
    """Return the share of the records that have the usual number of cells; half of it where the header has not."""
    usual = _usual_width(counts)
    if usual == 1:
        return 0.0
    return counts.count(usual) / len(counts) / (1 if counts[0] == usual else 2)


def _refuse_lines_above(path: Path, records: list[Record], text: str, separator: str) -> None:
    """Raise UserError where titles or comments stand above the header, or where blanks separate the cells."""
    lines = [line.rstrip("\r\n") for line in io.StringIO(text, newline="")]
    first, width = records[0], _usual_width([len(record.cells) for record in records])
    narrow = len(first.cells) * 2 <= width
    comment = NO_HEADER.match(lines[first.line - 1]) and (len(first.cells) < width or first.cells[0].startswith("sep="))
    if narrow or comment:
        table = next((record for record in records[1:] if len(record.cells) == width), first)
        raise UserError(
            f"{path.name}: the first line must be the header, however: line {first.line} "
            f"({quoted(lines[first.line - 1])}) has {_cells(len(first.cells))}, and line {table.line} "
            f"({quoted(lines[table.line - 1])}) has {width}, separated by {separator_name(separator)}. "
            f"Delete what stands above line {table.line}, or give the right --separator."
        )
    bare = [lines[record.line - 1].strip() for record in records]
    if width == 1 and len(bare) > 1 and all(" " in line and not SEPARATORS.keys() & set(line) for line in bare):
        raise UserError(
            f"{path.name}: a character must separate the cells, however: line {first.line} "
            f"({quoted(lines[first.line - 1])}) has but blanks. Separate them by ',' or, where single blanks do so, "
            "give --separator ' '."
        )


def _refuse_data_as_header(path: Path, records: list[Record]) -> None:
    """Raise UserError where a number stands above numbers, unless such names count on: years, 0 to n-1."""
    header, rows = records[0], records[1:]
    numbers = [position for position, name in enumerate(header.cells) if _is_number(name)]
    names = [header.cells[position].strip(BLANKS) for position in numbers]
    if len(names) >= FEWEST_RISING and all(WHOLE.fullmatch(name) for name in names):
        steps = {int(after) - int(before) for before, after in pairwise(names)}
        if len(steps) == 1 and min(steps) > 0:
            return
    for position in numbers:
        below = [row.cells[position] for row in rows if position < len(row.cells)]
        if len(numbers) == len(header.cells) or any(_is_number(cell) for cell in below):
            raise UserError(
                f"{path.name}: the first line must be the header, however: line {header.line} holds "
                f"{quoted(header.cells[position])}, which looks like data. Give --no-header, or name it in words."
            )


def _is_number(cell: str) -> bool:
    return cell.strip(BLANKS)[:1] in {*"+-.,0123456789"} and any(CellRules(sign).is_number(cell) for sign in (".", ","))


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"
