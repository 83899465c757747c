"""Files of numpy.save -> checked arrays: what a header claims is trusted for nothing."""

import io
import struct

import numpy as np
import pytest

from service.codec.decode import decode_npy
from service.codec.problems import Problem
from tests.decoding import FEATURES, GOOD, npy


def npy_refusal(data: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        decode_npy(data, FEATURES)
    return caught.value


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_is_read_in_both_precisions_and_orders(dtype: str, order: str) -> None:
    array = np.array(GOOD, dtype, order=order)  # type: ignore[call-overload]
    decoded = decode_npy(npy(array), FEATURES)
    np.testing.assert_array_equal(decoded, GOOD)
    assert decoded.flags.c_contiguous


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f2", "<i8", "?", "<c8", "U3"])
def test_npy_of_another_dtype_is_refused(dtype: str) -> None:
    assert npy_refusal(npy(np.ones((1, 3)).astype(dtype))).rule == "npy-dtype"


def test_npy_of_objects_is_refused_and_never_unpickled() -> None:
    assert npy_refusal(npy(np.array([[print, 1, 2]], object), allow_pickle=True)).rule == "npy-dtype"


def test_npy_of_a_shape_that_is_no_number_of_rows_is_refused() -> None:
    assert npy_refusal(header("(True, 3)") + b"\0" * 24).rule == "npy-shape"


@pytest.mark.parametrize("shape", [(3,), (1, 1, 3), ()])
def test_npy_of_other_than_two_dimensions_is_refused(shape: tuple[int, ...]) -> None:
    assert npy_refusal(npy(np.ones(shape))).rule == "npy-shape"


def test_npy_breaks_the_same_rules_as_json() -> None:
    assert npy_refusal(npy(np.ones((1, 4)))).rule == "width"
    assert npy_refusal(npy(np.ones((0, 3)))).rule == "row-count"
    assert npy_refusal(npy(np.ones((5, 3)))).rule == "row-count"
    for value in (np.nan, np.inf, -np.inf, 1e39):
        problem = npy_refusal(npy(np.array([[0.0, 0, 0], [0, value, 0]])))
        assert [(fault.rule, fault.row, fault.column) for fault in problem.faults] == [("finite", 1, 1)]


def header(shape: str, dtype: str = "<f8") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def test_npy_that_claims_more_than_it_holds_is_refused_without_allocating() -> None:
    assert npy_refusal(header("(1000000000000, 3)")).rule == "row-count"
    assert npy_refusal(header("(2, 3)") + b"\0" * 24).rule == "npy-length"
    assert npy_refusal(npy(np.ones((1, 3))) + b"more").rule == "npy-length"
    assert npy_refusal(header("(-1, 3)")).rule == "row-count"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"PK\x03\x04",
        b"\x93NUMPY\x03\x00" + b"\0" * 20,
        header("(1, 3)")[:30],
        header("'x'"),
        header("(1, 3"),
        header("(" * 5000),
    ],
)
def test_a_body_without_an_npy_header_is_malformed(data: bytes) -> None:
    assert npy_refusal(data).status == 400


def test_a_header_that_is_remembered_says_nothing_of_the_rows_behind_it() -> None:
    for rows in ([[1.0, 2, 3]], [[4.0, 5, 6]], [[7.0, 8, 9], [10, 11, 12]]):
        np.testing.assert_array_equal(decode_npy(npy(np.array(rows)), FEATURES), rows)


def test_a_header_of_the_second_version_is_read() -> None:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array(GOOD), version=(2, 0))
    np.testing.assert_array_equal(decode_npy(stream.getvalue(), FEATURES), GOOD)
