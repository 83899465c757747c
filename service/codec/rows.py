"""The rules for rows of numbers, and where they are broken. Pure.

Nothing is repaired: a row that breaks a rule is refused with its place, and with it the first of all others that do.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.codec.columns import Columns
from service.codec.problems import MOST_FAULTS, Fault, Problem, kind_of, unprocessable
from service.contract.names import FEATURES, RAW

SMALL = 1e30
"""Far below the largest square of a float32."""

Rows = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Input:
    """What a route takes: the JSON key, the columns, their dtype, and how many rows at once."""

    key: str
    names: tuple[str, ...]
    width: int
    dtype: type[np.floating[Any]]
    max_rows: int
    columns: Columns | None = None
    """Of a table, whose rows also come by name and as text; None for features."""
    cells: Columns | None = None
    """The columns, where rows do not come as numbers alone."""
    is_fixed: bool = False
    """Whether no setting allows more rows."""

    @property
    def limit(self) -> float:
        """Largest finite value of the dtype."""
        return float(np.finfo(self.dtype).max)


def features_input(names: Sequence[str], max_rows: int) -> Input:
    """Rows of features: finite as float32."""
    return Input(FEATURES, tuple(names), len(names), np.float32, max_rows)


def raw_input(columns: Columns, max_rows: int) -> Input:
    """Rows of a table: numbers finite as float64, those of booleans 0 or 1."""
    cells = None if columns.numbers_alone else columns
    return Input(RAW, columns.names, len(columns.names), np.float64, max_rows, columns, cells)


def check_rows(rows: object, expected: Input) -> Rows:
    """Walk through a list of lists, refuse the values that break a rule, convert the rest. Raises Problem 422."""
    if not isinstance(rows, list):
        raise unprocessable(
            f"'{expected.key}' must be a list of rows, however: {kind_of(rows)}. Send [[...], ...].", rule="rows"
        )
    check_count(len(rows), expected)
    found = (fault for index, row in enumerate(rows) for fault in _faults_of(index, row, expected))
    if faults := list(itertools.islice(found, MOST_FAULTS + 1)):
        raise refuse(faults, expected)
    return check_array(np.array(rows, np.float64), expected)


def _faults_of(index: int, row: object, expected: Input) -> Iterator[Fault]:
    if not isinstance(row, list):
        yield Fault("rows", index, fact=f"is {kind_of(row)}")
    elif len(row) != expected.width:
        yield wrong_width(index, len(row))
    else:
        for column, value in enumerate(row):
            if type(value) not in (int, float):
                yield Fault("number", index, column, expected.names[column], value, f"is {kind_of(value)}")


def wrong_width(row: int, found: int) -> Fault:
    """Fault of a row that holds so many values."""
    return Fault("width", row, fact=f"holds {found}")


def refuse(faults: list[Fault], expected: Input, *, text: bool = False) -> Problem:
    """Return the problem of rows with these faults, of which there is at least one: 422, in the words of the first.

    text: whether the cells were text, as those of CSV are.
    """
    first, *others = faults
    rule, remedy = _words_of(first, expected, text=text)
    more = f" (and {len(others)}{' or more' if len(faults) > MOST_FAULTS else ''} other places)" if others else ""
    detail = f"{rule}, however: {first.place} {first.fact}{more}. {remedy}"
    return unprocessable(detail, rule=first.rule, faults=faults[:MOST_FAULTS])


def _words_of(fault: Fault, expected: Input, *, text: bool) -> tuple[str, str]:
    """Return the rule that is broken, and what to do."""
    columns = expected.columns
    gaps = columns is not None and columns.gaps.any()
    return {
        "rows": (
            f"every row must be a list of {expected.width} {'values' if expected.cells else 'numbers'}",
            "Send [[...], ...].",
        ),
        "records": ("every record must be an object of names and values", "Send [{...}, ...]."),
        "names": (
            f"every record must name each of the {expected.width} columns and no other",
            "GET /models lists the columns.",
        ),
        "width": (
            f"every row of '{expected.key}' must hold exactly {expected.width} values",
            "GET /models lists the columns in their order.",
        ),
        "number": ("every number must be digits with a decimal point", "Write 1200.5, without thousands or unit.")
        if text
        else (
            "every value must be a JSON number",
            "Send a number, or null where the column may have gaps."
            if gaps
            else "Send numbers, without quotes and without gaps.",
        ),
        "whole": ("every value of a tensor of integers must be a whole number of 64 bits", "Send the tensor as FP64."),
        "boolean": ("a yes or no must be written as training has it", _boolean_remedy(fault, expected)),
        "text": ("a category's value must be text", "Send its level, in quotes."),
        "category": (
            "a category's value must be a level that training saw",
            "Correct it, or serve with ARCHSCALE_UNKNOWN_CATEGORY=ignore.",
        ),
        "missing": (
            "a value may be missing only where its column had gaps in training",
            "Fill it in, or leave the row out.",
        ),
        "finite": (
            f"every value must be finite as {np.dtype(expected.dtype).name}",
            "Correct it or leave the row out.",
        ),
        "overflow": (
            "a row's answer must be finite",
            "Keep values near the range of the training data (see GET /models).",
        ),
        "out-of-range": (
            "every value must lie in the range that its column had in training",
            "Correct it, or serve with ARCHSCALE_OUT_OF_RANGE=allow or clip.",
        ),
    }[fault.rule]


def _boolean_remedy(fault: Fault, expected: Input) -> str:
    if expected.columns is None or fault.column is None:
        return ""
    column = expected.columns.columns[fault.column]
    written = [f"{level!r}" for level in column.levels] or ["0", "1"]
    return f"Send true, false, {' or '.join(written)}."


def check_array(values: Rows, expected: Input) -> Rows:
    """(n, width) numbers -> the same in the input's dtype, C-contiguous. Raises Problem 422, ValueError if not 2-D."""
    if values.ndim != 2:
        raise ValueError(f"an array of {values.ndim} dimensions")
    check_count(len(values), expected)
    if values.shape[1] != expected.width:
        raise refuse([wrong_width(0, values.shape[1])], expected)
    return narrow(values, expected)


def check_count(rows: int, expected: Input) -> None:
    """Raise Problem 422 if a request may not hold so many rows."""
    if not 1 <= rows <= expected.max_rows:
        more = "Split the request." if expected.is_fixed else "Split the request, or raise ARCHSCALE_MAX_ROWS."
        wanted = "1 row" if expected.max_rows == 1 else f"1 to {expected.max_rows} rows"
        raise unprocessable(
            f"a request must hold {wanted}, however: {rows}. " + ("Send at least one." if rows == 0 else more),
            rule="row-count",
        )


def narrow(values: Rows, expected: Input) -> Rows:
    """Return the values in the input's dtype, C-contiguous, if they are finite in it, and booleans 0 or 1.

    Raises Problem 422.
    """
    if not are_small(values):
        _check_finite(values, expected)
    wrong = mark_wrong_booleans(values, expected)
    if wrong is not None:
        raise refuse_values("boolean", values, wrong, expected)
    return np.ascontiguousarray(values, expected.dtype)


def _check_finite(values: Rows, expected: Input) -> None:
    limit = np.float64(expected.limit)  # a float would be cast to the values' dtype, with a warning (NumPy 2.4)
    if not max(values.max(), -values.min()) <= limit:
        wrong = ~(np.abs(values) <= limit)
        if expected.columns is not None:
            wrong &= ~(np.isnan(values) & expected.columns.gaps)
        if wrong.any():
            raise refuse_values("finite", values, wrong, expected)


def mark_wrong_booleans(values: Rows, expected: Input) -> NDArray[np.bool_] | None:
    """Mark the values, (n, width), that stand in boolean columns and are not 0, 1 or NaN; None where there are none."""
    if expected.columns is None or not expected.columns.booleans.size:
        return None
    places = expected.columns.booleans
    flags = values.take(places, axis=1)  # for one row a quarter of the time of values[:, places]
    right = flags == flags.astype(bool)
    if right.all():
        return None
    wrong = np.zeros(values.shape, bool)
    wrong[:, places] = ~(right | np.isnan(flags))
    return wrong if wrong.any() else None


def refuse_values(rule: str, values: Rows, wrong: NDArray[np.bool_], expected: Input) -> Problem:
    """Return the problem of the values, (n, width), that ``wrong``, (n, width), marks: at least one."""
    places = itertools.islice(zip(*np.nonzero(wrong), strict=True), MOST_FAULTS + 1)
    faults = [_fault_at(rule, values, int(row), int(column), expected) for row, column in places]
    return refuse(faults, expected)


def _fault_at(rule: str, values: Rows, row: int, column: int, expected: Input) -> Fault:
    value = float(values[row, column])
    return Fault(rule, row, column, expected.names[column], value, f"is {value!r}")


def are_small(values: NDArray[np.floating[Any]]) -> bool:
    """Whether all values are finite and of ordinary size, by their sum of squares: NaN and infinity spread to it.

    A fifth of the time of looking for the extremes. False says nothing: values may be large, and finite all the same.
    ``vdot`` and not ``dot``, which warns of what it overflows (NumPy 2.4), and silencing it takes twice the time.
    """
    return bool(np.vdot(values, values) <= SMALL)
