"""Rows whose cells are numbers, text, yes and no, or missing, by position or by name -> what the graphs take.

Good rows are read with a look-up for each cell; rows over which that stumbles are read again closely, to find where all
faults are. Pure.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from service.codec.columns import MOST_LEVELS, Columns, Wrong
from service.codec.problems import MOST_FAULTS, SHOWN_CHARACTERS, Fault, kind_of, unprocessable
from service.codec.rows import Input, Rows, check_count, refuse, wrong_width

FEW_ROWS = 4
"""So many are read row by row, in a quarter of the time for one; 64 are read column by column in half of it."""

Row = TypeVar("Row")
ReadRow = list[float | Fault]
"""A row's numbers; a fault in the place of a cell, or of the row."""


def check_cells(rows: object, columns: Columns, expected: Input, *, finite: bool = True) -> Rows:
    """Rows by position -> (n, d) float64. finite: whether all numbers are known to be. Raises Problem 422."""
    if not isinstance(rows, list):
        raise unprocessable(
            f"'{expected.key}' must be a list of rows, however: {kind_of(rows)}. Send [[...], ...].", rule="rows"
        )
    check_count(len(rows), expected)
    width = expected.width
    if finite and all(type(row) is list and len(row) == width for row in rows):
        coded = code_columns(rows, columns)
        if coded is not None:
            return coded
    return code_closely(rows, lambda index, row: _read_row(index, row, columns), expected)


def check_records(records: object, columns: Columns, expected: Input, *, finite: bool = True) -> Rows:
    """Rows by name -> (n, d) float64. finite: whether all numbers are known to be. Raises Problem 422."""
    if not isinstance(records, list):
        raise unprocessable(
            f"'records' must be a list of records, however: {kind_of(records)}. Send [{{...}}, ...].", rule="records"
        )
    check_count(len(records), expected)
    rows = _pick(records, columns) if finite else None
    coded = None if rows is None else code_columns(rows, columns)
    if coded is not None:
        return coded
    return code_closely(records, lambda index, record: _read_record(index, record, columns), expected)


def _pick(records: list[dict[str, object]], columns: Columns) -> list[tuple[object, ...]] | None:
    """Return the values of records that name every column and nothing else; None if one of them does not."""
    try:
        rows = list(map(columns.pick, records))
    except (KeyError, TypeError, IndexError):
        return None
    width = len(columns.names)
    return rows if all(len(record) == width for record in records) else None


def code_columns(rows: Sequence[Sequence[object]], columns: Columns) -> Rows | None:
    """Rows as wide as the table -> (n, d) float64; None if a cell is not what its column holds."""
    try:
        coded = _row_by_row(rows, columns) if len(rows) <= FEW_ROWS else _column_by_column(rows, columns)
    except KeyError:
        return None
    return coded


def _row_by_row(rows: Sequence[Sequence[object]], columns: Columns) -> Rows | None:
    coded: list[object] = []
    for row in rows:
        for (types, codes), cell in zip(columns.takes, row, strict=True):
            if type(cell) not in types:
                return None
            coded.append(codes[cell] if codes else cell)  # type: ignore[index]
    return np.array(coded, np.float64).reshape(len(rows), len(columns.takes))  # null becomes NaN


def _column_by_column(rows: Sequence[Sequence[object]], columns: Columns) -> Rows | None:
    coded: list[Sequence[object]] = []
    for (types, codes), cells in zip(columns.takes, zip(*rows, strict=True), strict=True):
        if not types.issuperset(map(type, cells)):
            return None
        coded.append([codes[cell] for cell in cells] if codes else cells)
    return np.ascontiguousarray(np.array(coded, np.float64).T)


def code_closely(
    rows: Iterable[Row], read: Callable[[int, Row], ReadRow], expected: Input, *, text: bool = False
) -> Rows:
    """Read rows one by one -> (n, d) float64. text: whether their cells are text alone. Raises Problem 422."""
    coded: list[ReadRow] = []
    faults: list[Fault] = []
    for index, row in enumerate(rows):
        coded.append(read(index, row))
        faults += [cell for cell in coded[-1] if isinstance(cell, Fault)]
        if len(faults) > MOST_FAULTS:
            break
    if faults:
        raise refuse(faults[: MOST_FAULTS + 1], expected, text=text)
    return np.array(coded, np.float64)


def place_cells(index: int, cells: Sequence[object], codes: Iterable[float | Wrong], columns: Columns) -> ReadRow:
    """Return a row's numbers, and in the place of each cell that is wrong its fault."""
    read: ReadRow = []
    for place, (code, cell) in enumerate(zip(codes, cells, strict=True)):
        if isinstance(code, Wrong):
            column = columns.columns[place]
            levels = column.levels[:MOST_LEVELS] if code.rule == "category" else ()
            read.append(Fault(code.rule, index, place, column.name, cell, code.fact, levels))
        else:
            read.append(code)
    return read


def _read_row(index: int, row: object, columns: Columns) -> ReadRow:
    if not isinstance(row, list):
        return [Fault("rows", index, fact=f"is {kind_of(row)}")]
    if len(row) != len(columns.names):
        return [wrong_width(index, len(row))]
    codes = (column.code(cell) for column, cell in zip(columns.columns, row, strict=True))
    return place_cells(index, row, codes, columns)


def _read_record(index: int, record: object, columns: Columns) -> ReadRow:
    if not isinstance(record, dict):
        return [Fault("records", index, fact=f"is {kind_of(record)}")]
    if record.keys() != columns.places.keys():
        return [
            Fault("names", index, name=name[:SHOWN_CHARACTERS], fact=fact)
            for name, fact in wrong_names(record, columns)[: MOST_FAULTS + 1]
        ]
    return _read_row(index, [record[name] for name in columns.names], columns)


def wrong_names(names: Iterable[str], columns: Columns) -> list[tuple[str, str]]:
    """Return each name that is no column or is lacking, with what is wrong with it."""
    known = set(names)
    more = [
        (name, f"names {name[:SHOWN_CHARACTERS]!r}, which {columns.outside.get(name, 'is no column of the table')}")
        for name in known - columns.places.keys()
    ]
    return sorted(more) + [(name, f"lacks {name!r}") for name in columns.names if name not in known]
