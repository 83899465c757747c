"""A look at the first lines of a text, once: encoding, quote, separator, header. What stays in doubt is refused."""

import io
import re
from dataclasses import dataclass, replace
from pathlib import Path

from service.contract.policies import BLANKS
from training.errors import UserError, quoted
from training.table.csv.charset import decode, encoded_length, encoding_name, find_encoding, refuse_control_characters
from training.table.csv.header import refuse_data_as_header, refuse_lines_above, usual_width
from training.table.csv.lines import Record, read_records
from training.table.formats import Compression, Head, refuse_foreign_text
from training.table.values import ReadOptions

SEPARATORS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}
"""What separates cells, and its name in messages and after ``--separator``."""
ALL_IN_QUOTES = re.compile(r"\s*'[^',;\t|]*'([,;\t|]'[^',;\t|]*')+\s*")
"""A first line all of whose cells stand in single quotes."""
LOOKED_AT = 100
"""Records that are looked at."""
CLEARLY_REGULAR = 0.5
"""A separator by which more of the records have as many cells as the header is a rival of one that parts fewer."""


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
    lines = [line.rstrip("\r\n") for line in io.StringIO(text, newline="")]
    if len(records[0].cells) == 1 and not options.separator:
        _refuse_blanks(path, records, lines)
    refuse_lines_above(path, records, lines, separator_name(separator))
    refuse_data_as_header(path, records)
    header = records[0]
    refuse_control_characters(path, header.cells, encoding)
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


def _regularity(counts: list[int]) -> float:
    """Return the share of the records that have the usual number of cells; half of it where the header has not."""
    usual = usual_width(counts)
    if usual == 1:
        return 0.0
    return counts.count(usual) / len(counts) / (1 if counts[0] == usual else 2)


def _refuse_blanks(path: Path, records: list[Record], lines: list[str]) -> None:
    """Raise UserError where each line has blanks, and none of the separators."""
    bare = [lines[record.line - 1].strip() for record in records]
    if len(bare) > 1 and all(" " in line and not SEPARATORS.keys() & set(line) for line in bare):
        raise UserError(
            f"{path.name}: a character must separate the cells, however: line {records[0].line} ({quoted(bare[0])}) "
            "has but blanks. Separate them by ',' or, where single blanks do so, give --separator ' '."
        )
