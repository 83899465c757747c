"""Bytes in, checked float arrays out. Pure: no sockets, no clocks, no models.

simdjson reads JSON numbers straight into an array; a body in which it finds anything but rows of numbers is read
again by orjson and walked through value by value to find the place (``service.codec.rows``). Rows that hold other
things than numbers, and rows by name, are read by orjson at once (``service.codec.cells``).

What the strictness costs (make bench-decoding): 2 us of a row's 8, and 8 % of 64 rows.
"""

import contextlib
import functools
import io
import json
import math
from collections.abc import Set
from http import HTTPStatus
from typing import Any

import numpy as np
import orjson
import simdjson

from service.codec.cells import check_cells, check_records
from service.codec.csv_text import decode_table
from service.codec.problems import SHOWN_CHARACTERS, Problem, kind_of, malformed, unprocessable
from service.codec.rows import (
    Input,
    Rows,
    check_array,
    check_count,
    check_rows,
    mark_wrong_booleans,
    narrow,
    refuse,
    wrong_width,
)
from service.contract.names import RAW, RECORDS

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""simdjson passes over it, orjson refuses it (RFC 8259, section 8.1: JSON has none)."""

# simdjson.cpp's error codes as pysimdjson 7.0.2 raises them (util.cpp); ValueError covers bad UTF-8.
SIMDJSON_ERRORS = (ValueError, TypeError, KeyError, RuntimeError)

LONGEST_WHOLE = 19
"""Digits of a whole number that 64 bits may not hold."""

# Format versions 1 and 2 carry all that plain float arrays need; version 3 is for field names in UTF-8.
NPY_HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
NPY_DTYPES = ("<f4", "<f8")
REMEMBERED_HEADERS = 64
"""Of at most 10,000 bytes each: NumPy reads no longer ones."""


def decode_json(body: bytes, expected: Input) -> Rows:
    """``{key: [[number, ...], ...]}`` -> (n, width) of the input's dtype. Raises Problem 400 or 422.

    Rows of a table also come as ``{"records": [{name: value, ...}, ...]}``.
    """
    numbers = _numbers(body, expected) if expected.cells is None else None
    if numbers is None:
        return _decode_closely(body, expected)
    rows = numbers.reshape(-1, expected.width)
    check_count(len(rows), expected)
    if mark_wrong_booleans(rows, expected) is not None:
        return _decode_closely(body, expected)  # says which it is, as it was sent
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


def _decode_closely(body: bytes, expected: Input) -> Rows:
    """Read what simdjson did not, or say what is wrong with it."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if (document := read_not_finite(body)) is not None:
            read_members(document, expected, finite=False)  # says where the number is, unless it is none of a row's
        # Held by no name here: with its traceback that would be a cycle, and keep the body until garbage is collected.
        raise malformed(
            f"the body must be JSON (RFC 8259: no NaN, no Infinity, no trailing text), however: {error}. "
            f"Send {_form(expected)}.",
            rule="json",
        ) from None
    check_twins(body, document)
    return read_members(document, expected)


def check_twins(body: bytes, document: object) -> None:
    """Raise Problem 422 if an object of a body names a member twice, of which orjson keeps the last."""
    # As many colons as members, and there is no twin; more, and they may stand in text.
    if body.count(b":") > _count_members(document):
        with contextlib.suppress(ValueError, RecursionError):
            json.loads(body, object_pairs_hook=_without_twins)


def _count_members(document: object) -> int:
    """Return how many members the object has, and those in its lists."""
    if not isinstance(document, dict):
        return 0
    rows = (row for value in document.values() if isinstance(value, list) for row in value if isinstance(row, dict))
    return len(document) + sum(map(len, rows))


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise unprocessable(
            f"an object must name each member once, however: {twin[:SHOWN_CHARACTERS]!r} stands twice. Leave one out.",
            rule="members",
        )
    return members


def read_not_finite(body: bytes) -> Any:
    """Return the JSON of a body in which NaN, Infinity or 1e400 stand for numbers; None if it is none for all that."""
    try:
        document = json.loads(body.decode(), parse_int=_read_whole)
        orjson.dumps(document)  # refuses what an answer could not repeat: half of a surrogate pair, a thousand levels
    except (ValueError, RecursionError, orjson.JSONEncodeError):
        return None
    return document


def _read_whole(digits: str) -> float:
    """Return an integer where orjson has one, and a float beyond."""
    return int(digits) if len(digits) < LONGEST_WHOLE else float(digits)


def read_members(document: object, expected: Input, *, finite: bool = True) -> Rows:
    """Members of a body -> (n, width) of the input's dtype. finite: whether all numbers are known to be.

    Raises Problem 422.
    """
    columns = expected.columns
    keys = document.keys() if isinstance(document, dict) else set()
    if columns is not None and keys == {RECORDS}:
        return check_records(document[RECORDS], columns, expected, finite=finite)  # type: ignore[index]
    if keys != {expected.key}:
        fact = sorted(document) if isinstance(document, dict) else kind_of(document)
        either = "" if columns is None else f" or '{RECORDS}'"
        raise unprocessable(
            f"the body must be an object with the one member '{expected.key}'{either}, however: {fact}. "
            f"Send {_form(expected)}{_other_route(keys, expected)}.",
            rule="members",
        )
    rows = document[expected.key]  # type: ignore[index]
    if columns is None or columns.plain:
        return check_rows(rows, expected)
    return check_cells(rows, columns, expected, finite=finite)


def _form(expected: Input) -> str:
    """Say what a body looks like."""
    by_position = f'{{"{expected.key}": [[...], ...]}}'
    return by_position if expected.columns is None else f'{by_position} or {{"{RECORDS}": [{{...}}, ...]}}'


def _other_route(keys: Set[str], expected: Input) -> str:
    """Say where the body belongs that came to a route of features with raw values."""
    raw = expected.columns is None and bool(keys) and keys <= {RAW, RECORDS}
    return "; raw values belong to the route that ends in /raw" if raw else ""


def decode_csv(body: bytes, expected: Input) -> Rows:
    """Read CSV with a header -> (n, width). Raises Problem 400, 415 or 422."""
    if expected.columns is None:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"CSV must hold raw values, however: this route takes '{expected.key}'. Send it to a route of raw values.",
            rule="media-type",
        )
    return decode_table(body, expected.columns, expected)


def decode_npy(body: bytes, expected: Input) -> Rows:
    """Read a ``.npy`` file: 2-D, float32 or float64, little-endian, C or Fortran order -> (n, width).

    The header is trusted for nothing: what it claims must be exactly what the body holds. Raises Problem 400, 415 of a
    table with text, or 422.
    """
    if expected.cells is not None and expected.cells.texts:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "a .npy file must hold numbers alone, however: column "
            f"{expected.cells.texts[0]!r} holds text. Send JSON or CSV.",
            rule="media-type",
        )
    start = _npy_data_start(body)
    try:
        shape, fortran_order, dtype = _parse_npy_header(body[:start])
    except Exception:  # NumPy reads it as Python: among others TokenError, RecursionError, MemoryError (2.4)
        raise malformed(
            "the body must be a .npy file of format version 1 or 2, however: its header can't be read. "
            "Write it with numpy.save.",
            rule="npy",
        ) from None
    _check_npy_header(shape, dtype, expected)
    return check_array(_read_npy_data(body, start, shape, dtype, fortran_order=fortran_order), expected)


def _npy_data_start(body: bytes) -> int:
    """Return where the header of a ``.npy`` file says that it ends."""
    length_bytes = 2 if body[6:7] == b"\1" else 4  # of format version 1, and of the later ones
    start = np.lib.format.MAGIC_LEN + length_bytes
    return start + int.from_bytes(body[np.lib.format.MAGIC_LEN : start], "little")


@functools.lru_cache(maxsize=REMEMBERED_HEADERS)
def _parse_npy_header(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether in Fortran order, and dtype. Raises whatever NumPy does.

    A client sends the same header again and again, and NumPy reads it as Python: 20 us, nearly what 64 rows take.
    """
    stream = io.BytesIO(header)
    version = np.lib.format.read_magic(stream)
    return NPY_HEADER_READERS[version](stream)


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
