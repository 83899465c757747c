"""Bytes in, checked float arrays out. Pure: no sockets, no clocks, no models.

Every rule of the contract for rows is here, and nothing is repaired: a row that breaks a rule is refused
with its place. simdjson reads JSON numbers straight into an array; a body in which it finds anything but
rows of numbers is read again by orjson and walked through value by value to find the place.

What that strictness costs (make bench-decoding): 0.7 us of a row's 6, and 4 % of 64 rows.
"""

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import simdjson
from numpy.typing import NDArray

from service.contract import FEATURES, RAW
from service.problems import Problem, malformed, unprocessable

SMALL = 1e30
"""Far below the largest square of a float32."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""simdjson passes over it, orjson refuses it (RFC 8259, section 8.1: JSON has none)."""

# simdjson.cpp's error codes as pysimdjson 7.0.2 raises them (util.cpp); ValueError covers bad UTF-8.
SIMDJSON_ERRORS = (ValueError, TypeError, KeyError, RuntimeError)

Rows = NDArray[np.floating[Any]]

# Format versions 1 and 2 carry all that plain float arrays need; version 3 is for field names in UTF-8.
NPY_HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
NPY_DTYPES = ("<f4", "<f8")


@dataclass(frozen=True)
class Input:
    """What a route takes: the JSON key, the columns, and the largest magnitude its dtype can hold."""

    key: str
    width: int
    dtype: type[np.floating[Any]]
    max_rows: int

    @property
    def limit(self) -> float:
        """Largest finite value of the dtype."""
        return float(np.finfo(self.dtype).max)


def features_input(width: int, max_rows: int) -> Input:
    """Rows of features: finite as float32."""
    return Input(FEATURES, width, np.float32, max_rows)


def raw_input(width: int, max_rows: int) -> Input:
    """Rows of raw values: finite as float64."""
    return Input(RAW, width, np.float64, max_rows)


def decode_json(body: bytes, expected: Input) -> Rows:
    """``{key: [[number, ...], ...]}`` -> (n, width) of the input's dtype. Raises Problem 400 or 422."""
    numbers = _numbers(body, expected)
    if numbers is None:
        return check_rows(_member(body, expected), expected)
    rows = numbers.reshape(-1, expected.width)
    check_count(len(rows), expected)
    # JSON numbers are finite as float64, or simdjson would have refused them.
    return rows if expected.dtype is np.float64 else narrow(rows, expected)


def _numbers(body: bytes, expected: Input) -> Rows | None:
    """All numbers of a body that is well formed, row after row; None for a body that has to be looked at closely.

    A parser for each body: one that is kept would hold on to 14 bytes for each byte of the largest that it has read.
    """
    try:
        document = simdjson.Parser().parse(body)
        if not isinstance(document, simdjson.Object) or len(document) != 1 or body.startswith(BYTE_ORDER_MARK):
            return None
        rows = document[expected.key]
        if not isinstance(rows, simdjson.Array):
            return None
        # Text, true, false, null and objects end in TypeError here, at any depth; lists are flattened.
        numbers = np.frombuffer(rows.as_buffer(of_type="d"))
        return numbers if are_rows(rows, expected.width) and has_brackets(body, len(rows) + 1) else None
    except SIMDJSON_ERRORS:
        return None


def are_rows(rows: simdjson.Array, width: int) -> bool:
    """Whether ``rows``, of which only lists and numbers are known, is a list of lists of ``width`` members."""
    for row in rows:
        if not isinstance(row, simdjson.Array) or len(row) != width:
            return False
    return len(rows) > 0


def has_brackets(body: bytes, count: int) -> bool:
    """Whether a body with at least ``count`` opening brackets has no more: no lists are in it but those that are known.

    They are looked for one by one: ``bytes.count`` takes eight times as long.
    """
    bracket = -1
    for _ in range(count):
        bracket = body.find(b"[", bracket + 1)
    return body.find(b"[", bracket + 1) < 0


def _member(body: bytes, expected: Input) -> Any:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise malformed(
            f"the body must be JSON (RFC 8259: no NaN, no Infinity, no trailing text), however: {error}. "
            f'Send {{"{expected.key}": [[...], ...]}}.',
            rule="json",
        ) from None
    if not isinstance(document, dict) or document.keys() != {expected.key}:
        fact = sorted(document) if isinstance(document, dict) else kind(document)
        raise unprocessable(
            f"the body must be an object with the one member '{expected.key}', however: {fact}.", rule="members"
        )
    return document[expected.key]


def check_rows(rows: object, expected: Input) -> Rows:
    """Walk through a list of lists, refuse the first value that breaks a rule, convert the rest. Raises Problem 422."""
    if not isinstance(rows, list):
        raise unprocessable(f"'{expected.key}' must be a list of rows, however: {kind(rows)}.", rule="rows")
    check_count(len(rows), expected)
    for index, row in enumerate(rows):
        _check_row(index, row, expected)
    return check_array(np.array(rows, np.float64), expected)


def _check_row(index: int, row: object, expected: Input) -> None:
    if not isinstance(row, list):
        raise unprocessable(
            f"every row must be a list of {expected.width} numbers, however: row {index} is {kind(row)}.",
            rule="rows",
            row=index,
        )
    if len(row) != expected.width:
        raise _wrong_width(len(row), expected, row=index)
    for column, value in enumerate(row):
        if type(value) not in (int, float):
            raise unprocessable(
                f"every value must be a JSON number, however: row {index}, column {column} is {kind(value)}.",
                rule="number",
                row=index,
                column=column,
            )


def check_array(values: Rows, expected: Input) -> Rows:
    """(n, width) numbers -> the same in the input's dtype, C-contiguous. Raises Problem 422, ValueError if not 2-D."""
    if values.ndim != 2:
        raise ValueError(f"an array of {values.ndim} dimensions")
    check_count(len(values), expected)
    if values.shape[1] != expected.width:
        raise _wrong_width(values.shape[1], expected, row=0)
    return narrow(values, expected)


def narrow(values: Rows, expected: Input) -> Rows:
    """Return the values in the input's dtype, C-contiguous, if they are finite in it. Raises Problem 422."""
    if not (are_small(values) or max(values.max(), -values.min()) <= expected.limit):
        raise _not_finite(values, expected)
    return np.ascontiguousarray(values, expected.dtype)


def are_small(values: NDArray[np.floating[Any]]) -> bool:
    """Whether all values are finite and of ordinary size, by their sum of squares: NaN and infinity spread to it.

    A fifth of the time of looking for the extremes. False says nothing: values may be large, and finite all the same.
    ``vdot`` and not ``dot``, which warns of what it overflows (NumPy 2.4), and silencing it takes twice the time.
    """
    return bool(np.vdot(values, values) <= SMALL)


def _not_finite(values: Rows, expected: Input) -> Problem:
    row, column = (int(place) for place in np.argwhere(~(np.abs(values) <= expected.limit))[0])
    return unprocessable(
        f"every value must be finite as {np.dtype(expected.dtype).name}, however: row {row}, column {column} is "
        f"{float(values[row, column])!r}.",
        rule="finite",
        row=row,
        column=column,
    )


def check_count(rows: int, expected: Input) -> None:
    """Raise Problem 422 for no row and for too many."""
    if not 1 <= rows <= expected.max_rows:
        raise unprocessable(
            f"a request must hold 1 to {expected.max_rows} rows, however: {rows}. "
            + ("Send at least one." if rows == 0 else "Split the request, or raise ARCHSCALE_MAX_ROWS."),
            rule="row-count",
        )


def _wrong_width(found: int, expected: Input, *, row: int) -> Problem:
    return unprocessable(
        f"every row of '{expected.key}' must hold exactly {expected.width} values, however: row {row} holds {found}.",
        rule="width",
        row=row,
    )


def decode_npy(body: bytes, expected: Input) -> Rows:
    """Read a ``.npy`` file: 2-D, float32 or float64, little-endian, C or Fortran order -> (n, width).

    The header is trusted for nothing: what it claims must be exactly what the body holds. Raises Problem 400 or 422.
    """
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        shape, fortran_order, dtype = NPY_HEADER_READERS[version](stream)
    except (ValueError, KeyError, EOFError, TypeError, SyntaxError):
        raise malformed(
            "the body must be a .npy file of format version 1 or 2, however: its header can't be read. "
            "Write it with numpy.save.",
            rule="npy",
        ) from None
    _check_npy_header(shape, dtype, expected)
    return check_array(_read_npy_data(body, stream.tell(), shape, dtype, fortran_order=fortran_order), expected)


def _check_npy_header(shape: tuple[int, ...], dtype: np.dtype[Any], expected: Input) -> None:
    if dtype.str not in NPY_DTYPES:
        raise unprocessable(
            f"a .npy array must be little-endian float32 or float64, however: {dtype.str!r}. Convert it with astype.",
            rule="npy-dtype",
        )
    if len(shape) != 2:
        raise unprocessable(f"a .npy array must have 2 dimensions, however: shape {shape}.", rule="npy-shape")
    check_count(shape[0], expected)
    if shape[1] != expected.width:
        raise _wrong_width(shape[1], expected, row=0)


def _read_npy_data(
    body: bytes, start: int, shape: tuple[int, ...], dtype: np.dtype[Any], *, fortran_order: bool
) -> Rows:
    wanted = math.prod(shape) * dtype.itemsize
    if len(body) - start != wanted:
        raise malformed(
            f"a .npy file must hold what its header claims, however: shape {shape} of {dtype.str} takes {wanted} "
            f"bytes and {len(body) - start} follow the header.",
            rule="npy-length",
        )
    return np.frombuffer(body, dtype, offset=start).reshape(shape, order="F" if fortran_order else "C")


def kind(value: object) -> str:
    """Name a JSON value's kind for an error message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return f"text ({value[:20]!r})"
    return str(orjson.dumps(value), "ascii")
