"""Bytes in, checked float arrays out. Pure: no sockets, no clocks, no models.

simdjson reads JSON numbers straight into an array; a body in which it finds anything but rows of numbers is read
again by orjson and walked through value by value to find the place (``service.codec.rows``).

What the strictness costs (make bench-decoding): 2 us of a row's 8, and 8 % of 64 rows.
"""

import io
import math
from typing import Any

import numpy as np
import orjson
import simdjson

from service.codec.problems import malformed, unprocessable
from service.codec.rows import Input, Rows, check_array, check_count, check_rows, kind_of, narrow, refuse, wrong_width

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""simdjson passes over it, orjson refuses it (RFC 8259, section 8.1: JSON has none)."""

# simdjson.cpp's error codes as pysimdjson 7.0.2 raises them (util.cpp); ValueError covers bad UTF-8.
SIMDJSON_ERRORS = (ValueError, TypeError, KeyError, RuntimeError)

# Format versions 1 and 2 carry all that plain float arrays need; version 3 is for field names in UTF-8.
NPY_HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
NPY_DTYPES = ("<f4", "<f8")


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
        fact = sorted(document) if isinstance(document, dict) else kind_of(document)
        raise unprocessable(
            f"the body must be an object with the one member '{expected.key}', however: {fact}. "
            f'Send {{"{expected.key}": [[...], ...]}}.',
            rule="members",
        )
    return document[expected.key]


def decode_npy(body: bytes, expected: Input) -> Rows:
    """Read a ``.npy`` file: 2-D, float32 or float64, little-endian, C or Fortran order -> (n, width).

    The header is trusted for nothing: what it claims must be exactly what the body holds. Raises Problem 400 or 422.
    """
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        shape, fortran_order, dtype = NPY_HEADER_READERS[version](stream)
    except Exception:  # NumPy reads it as Python: among others TokenError, RecursionError, MemoryError (2.4)
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
    if len(shape) != 2 or bool in map(type, shape):
        raise unprocessable(f"a .npy array must have 2 dimensions, however: shape {shape}.", rule="npy-shape")
    check_count(shape[0], expected)
    if shape[1] != expected.width:
        raise refuse([wrong_width(0, shape[1])], expected)


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
