"""The rules for rows of numbers, and where they are broken. Pure.

Nothing is repaired: a row that breaks a rule is refused with its place, and with it the first of all others that do.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from service.codec.problems import MOST_FAULTS, Fault, Problem, unprocessable
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

    @property
    def limit(self) -> float:
        """Largest finite value of the dtype."""
        return float(np.finfo(self.dtype).max)


def features_input(names: Sequence[str], max_rows: int) -> Input:
    """Rows of features: finite as float32."""
    return Input(FEATURES, tuple(names), len(names), np.float32, max_rows)


def raw_input(names: Sequence[str], max_rows: int) -> Input:
    """Rows of raw values: finite as float64."""
    return Input(RAW, tuple(names), len(names), np.float64, max_rows)


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


def refuse(faults: list[Fault], expected: Input) -> Problem:
    """Return the problem of rows with these faults, of which there is at least one: 422, in the words of the first."""
    first, *others = faults
    rule, remedy = {
        "rows": (f"every row must be a list of {expected.width} numbers", "Send [[...], ...]."),
        "width": (
            f"every row of '{expected.key}' must hold exactly {expected.width} values",
            "GET /models lists the columns in their order.",
        ),
        "number": ("every value must be a JSON number", "Send numbers, without quotes and without gaps."),
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
    }[first.rule]
    more = f" (and {len(others)}{' or more' if len(faults) > MOST_FAULTS else ''} other places)" if others else ""
    detail = f"{rule}, however: {first.place} {first.fact}{more}. {remedy}"
    return unprocessable(detail, rule=first.rule, faults=faults[:MOST_FAULTS])


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
        raise unprocessable(
            f"a request must hold 1 to {expected.max_rows} rows, however: {rows}. "
            + ("Send at least one." if rows == 0 else "Split the request, or raise ARCHSCALE_MAX_ROWS."),
            rule="row-count",
        )


def narrow(values: Rows, expected: Input) -> Rows:
    """Return the values in the input's dtype, C-contiguous, if they are finite in it. Raises Problem 422."""
    if not (are_small(values) or max(values.max(), -values.min()) <= expected.limit):
        raise refuse_values("finite", values, ~(np.abs(values) <= expected.limit), expected)
    return np.ascontiguousarray(values, expected.dtype)


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


def kind_of(value: object) -> str:
    """Name a JSON value's kind for an error message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return f"text ({value[:20]!r})"
    return str(orjson.dumps(value), "ascii")
