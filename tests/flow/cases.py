"""Requests that break a rule of the HTTP contract, for a service trained on the breast-cancer table."""

import io
from typing import Any

import numpy as np

FEATURES, RAW = 495, 30
NPY = "application/x-npy"


def npy(values: Any, dtype: str = "<f4", order: Any = "C") -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array(values, dtype, order=order))
    return stream.getvalue()


def claim_rows(rows: int) -> bytes:
    """A ``.npy`` header that claims so many rows, and one row."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (rows, FEATURES)})
    return stream.getvalue() + b"\x00" * FEATURES * 4


def npy_of_objects() -> bytes:
    """An array of Python objects, which only a pickle can hold."""
    stream = io.BytesIO()
    np.save(stream, np.array([[None] * FEATURES], object), allow_pickle=True)
    return stream.getvalue()


BAD_ROWS: list[tuple[str, Any, int | None, int | None]] = [
    ("a row of 494 values", [[0.5] * FEATURES, [0.5] * (FEATURES - 1)], 1, None),
    ("a row of 496 values", [[0.5] * (FEATURES + 1)], 0, None),
    ("text", [[0.5] * 7 + ["1.5"] + [0.5] * (FEATURES - 8)], 0, 7),
    ("a boolean", [[True] + [0.5] * (FEATURES - 1)], 0, 0),
    ("null", [[0.5] * FEATURES, [0.5] * (FEATURES - 1) + [None]], 1, FEATURES - 1),
    ("more than float32 holds", [[0.5] * 9 + [1e40] + [0.5] * (FEATURES - 10)], 0, 9),
    ("no row", [], None, None),
    ("4,097 rows", [[0]] * 4097, None, None),
    ("a row that is no list", [[0.5] * FEATURES, 3], 1, None),
    ("a flat list", [0.5] * FEATURES, 0, None),
    ("a list too deep", [[[0.5] * FEATURES]], 0, None),
    ("an object", {"0": [0.5] * FEATURES}, None, None),
]


BAD_BODIES = [
    ("nothing", b"", 400),
    ("cut off", b'{"features": [[1, 2', 400),
    ("NaN", b'{"features": [[NaN]]}', 422),
    ("Infinity", b'{"features": [[Infinity]]}', 422),
    ("1e400", b'{"features": [[1e400]]}', 422),
    ("a member twice", b'{"features": [[1]], "features": [[2]]}', 422),
    ("not UTF-8", b"\xff\xfe\x00", 400),
    ("an unknown key", b'{"features": [[1]], "extra": 1}', 422),
    ("another key", b'{"raw": [[1]]}', 422),
    ("no key", b"{}", 422),
    ("a list", b"[[1]]", 422),
    ("a number", b"7", 422),
]


BAD_NPY = [
    ("big-endian", npy([[0.5] * FEATURES], ">f4"), 422),
    ("whole numbers", npy([[1] * FEATURES], "<i8"), 422),
    ("another width", npy([[0.5] * 3]), 422),
    ("one dimension", npy([0.5] * FEATURES), 422),
    ("NaN", npy([[np.nan] * FEATURES]), 422),
    ("cut off", npy([[0.5] * FEATURES])[:-4], 400),
    ("no header", b"\x00" * 64, 400),
    ("10^12 rows", claim_rows(10**12), 422),
    ("more rows than follow", claim_rows(4000), 400),
    ("objects", npy_of_objects(), 422),
]
