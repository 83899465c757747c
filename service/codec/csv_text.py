"""CSV with a header -> rows of a table, by name in any order. Pure."""

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterator

from service.codec.cells import ReadRow, code_closely, place_cells, wrong_names
from service.codec.columns import Columns
from service.codec.problems import SHOWN_CHARACTERS, Problem, malformed, unprocessable
from service.codec.rows import Input, Rows, check_count, wrong_width
from service.contract.policies import BLANKS

Line = list[str]


def decode_table(body: bytes, columns: Columns, expected: Input) -> Rows:
    """CSV in UTF-8, separated by commas, with a header -> (n, d) float64. Raises Problem 400 or 422."""
    lines = _read_lines(body)
    header = [name.strip(BLANKS) for name in next((line for line in lines if not _is_blank(line)), [])]
    _check_header(header, columns)
    if len(header) > 1:
        lines = (line for line in lines if not _is_blank(line))
    rows = list(itertools.islice(lines, expected.max_rows))
    check_count(len(rows) + sum(1 for _ in lines), expected)
    order = [header.index(name) for name in columns.names]
    return code_closely(rows, lambda index, row: _read_line(index, row, order, columns), expected, text=True)


def _read_lines(body: bytes) -> Iterator[Line]:
    """Yield the lines that hold something: of one column the blank cell is a row, an empty line is none."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise malformed(
            f"the body must be CSV in UTF-8, however: byte {error.start} is 0x{body[error.start]:02x}. Convert it.",
            rule="csv",
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from (line for line in reader if line)
    except csv.Error as error:
        raise malformed(
            f"the body must be CSV (RFC 4180), however: line {reader.line_num}: {error}. Quote a cell that holds a "
            "comma, a quote or a line break, and double the quotes in it.",
            rule="csv",
        ) from None


def _is_blank(line: Line) -> bool:
    return len(line) == 1 and not line[0].strip(BLANKS)


def _check_header(header: Line, columns: Columns) -> None:
    name, times = next(iter(Counter(header).most_common(1)), ("", 0))
    if times > 1:
        raise _wrong_header(f"it names {name[:SHOWN_CHARACTERS]!r} {times} times")
    if wrong := wrong_names(header, columns):
        more = f" (and {len(wrong) - 1} other names)" if len(wrong) > 1 else ""
        raise _wrong_header(f"it {wrong[0][1]}{more}")


def _wrong_header(fact: str) -> Problem:
    return unprocessable(
        f"the first line must name every column of the table once and no other, separated by commas, however: {fact}. "
        "GET /models lists the columns.",
        rule="header",
    )


def _read_line(index: int, line: Line, order: list[int], columns: Columns) -> ReadRow:
    if len(line) != len(order):
        return [wrong_width(index, len(line))]
    cells = [line[place] for place in order]
    codes = (column.code_text(cell, columns.missing) for column, cell in zip(columns.columns, cells, strict=True))
    return place_cells(index, cells, codes, columns)
