"""Bytes in, checked float arrays out. Pure: no sockets, no clocks, no models.

Every rule of the contract for rows is here, and nothing is repaired: a row that breaks a rule is refused
with its place. JSON is checked on the fast path by what its bytes can't hold (text, true, false, null) and
by NumPy's own shape rule; only a body that fails there is walked through value by value to find the place.
"""

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from service.contract import FEATURES, RAW
from service.problems import Problem, malformed, unprocessable

SMALL = 1e30
"""Far below the largest square of a float32."""

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
    rows = _member(body, expected)
    if _holds_numbers_alone(body):
        try:
            return check_array(np.array(rows, np.float64), expected)
        except (ValueError, TypeError):
            pass  # ragged or too deep: the walk below names the place
    return check_rows(rows, expected)


def _holds_numbers_alone(body: bytes) -> bool:
    """Whether neither text nor true, false or null stands behind the first bracket, by a byte that each of them has.

    Four searches for one byte take 0.6 us in a row of 230 numbers; a look at the type of each value takes 7 us.
    """
    first = body.find(b"[")
    return (
        body.find(b'"', first) < 0
        and body.find(b"t", first) < 0
        and body.find(b"f", first) < 0
        and body.find(b"n", first) < 0
    )


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
        fact = sorted(document) if isinstance(document, dict) else _kind(document)
        raise unprocessable(
            f"the body must be an object with the one member '{expected.key}', however: {fact}.", rule="members"
        )
    return document[expected.key]


def check_rows(rows: object, expected: Input) -> Rows:
    """Walk through a list of lists, refuse the first value that breaks a rule, convert the rest. Raises Problem 422."""
    if not isinstance(rows, list):
        raise unprocessable(f"'{expected.key}' must be a list of rows, however: {_kind(rows)}.", rule="rows")
    _check_count(len(rows), expected)
    for index, row in enumerate(rows):
        _check_row(index, row, expected)
    return check_array(np.array(rows, np.float64), expected)


def _check_row(index: int, row: object, expected: Input) -> None:
    if not isinstance(row, list):
        raise unprocessable(
            f"every row must be a list of {expected.width} numbers, however: row {index} is {_kind(row)}.",
            rule="rows",
            row=index,
        )
    if len(row) != expected.width:
        raise _wrong_width(len(row), expected, row=index)
    for column, value in enumerate(row):
        if type(value) not in (int, float):
            raise unprocessable(
                f"every value must be a JSON number, however: row {index}, column {column} is {_kind(value)}.",
                rule="number",
                row=index,
                column=column,
            )


def check_array(values: Rows, expected: Input) -> Rows:
    """(n, width) numbers -> the same in the input's dtype, C-contiguous. Raises Problem 422, ValueError if not 2-D."""
    if values.ndim != 2:
        raise ValueError(f"an array of {values.ndim} dimensions")
    _check_count(len(values), expected)
    if values.shape[1] != expected.width:
        raise _wrong_width(values.shape[1], expected, row=0)
    if not (are_small(values) or max(values.max(), -values.min()) <= expected.limit):
        raise _not_finite(values, expected)
    return np.ascontiguousarray(values, expected.dtype)


def are_small(values: NDArray[np.floating[Any]]) -> bool:
    """Whether all values are finite and of ordinary size, by their sum of squares: NaN and infinity spread to it.

    A fifth of the time of looking for the extremes. False says nothing: values may be large, and finite all the same.
    """
    flat = values.ravel(order="K")
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.dot(flat, flat) <= SMALL)


def _not_finite(values: Rows, expected: Input) -> Problem:
    row, column = (int(place) for place in np.argwhere(~(np.abs(values) <= expected.limit))[0])
    return unprocessable(
        f"every value must be finite as {np.dtype(expected.dtype).name}, however: row {row}, column {column} is "
        f"{float(values[row, column])!r}.",
        rule="finite",
        row=row,
        column=column,
    )


def _check_count(rows: int, expected: Input) -> None:
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
    _check_count(shape[0], expected)
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


def _kind(value: object) -> str:
    """Name a JSON value's kind for an error message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return f"text ({value[:20]!r})"
    return str(orjson.dumps(value), "ascii")
