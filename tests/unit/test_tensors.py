"""Bodies of the Open Inference Protocol -> rows: each rule with what its refusal must say."""

import json

import numpy as np
import pytest

from service.codec.infer_request import Reader
from service.codec.problems import Problem
from service.codec.rows import raw_input
from tests.infer_bodies import FEATURES, FLAT, GOOD, NAMES, WELL, binary, body, read
from tests.raw_columns import number_columns

RAW = raw_input(number_columns(NAMES), max_rows=4)


def refusal(data: bytes, header_length: bytes | None = None) -> Problem:
    with pytest.raises(Problem) as caught:
        read(data, header_length)
    assert "however" in caught.value.detail
    return caught.value


@pytest.mark.parametrize("data", [FLAT, GOOD])
def test_flat_and_nested_data_become_the_rows(data: object) -> None:
    rows = read(body(data))
    assert (rows.dtype.name, rows.flags.c_contiguous) == ("float32", True)
    np.testing.assert_array_equal(rows, GOOD)


@pytest.mark.parametrize("data", [FLAT, GOOD])
def test_what_is_only_unusual_is_read_too(data: object) -> None:
    """More brackets: read by the parser that looks closely."""
    np.testing.assert_array_equal(read(b'{"id": "[[", ' + body(data)[1:]), GOOD)


def test_numbers_are_looked_for_in_data_and_nowhere_else() -> None:
    decoy = json.dumps({"id": '"data": [1, 2, 3, 4, 5, 6]'}).encode()[:-1] + b", "
    elsewhere = b'{"parameters": {"data": [9, 9, 9, 9, 9, 9]}, '
    for before in (decoy, elsewhere):
        np.testing.assert_array_equal(read(before + body(FLAT)[1:]), GOOD)
        assert "null" in refusal(before + body([None] * 6)[1:]).detail
        assert "neither" in refusal(before + body(None)[1:]).detail
    np.testing.assert_array_equal(read(body(GOOD).replace(b'"data"', b'"\\u0064ata"')), GOOD)
    shape_comes_next = json.dumps({"inputs": [{"parameters": {"a": '"data'}, **WELL}]}).encode()
    assert b'"data"' in shape_comes_next[: shape_comes_next.index(b"[1, 3]")]
    np.testing.assert_array_equal(read(shape_comes_next), [[1, 2, 3]])


def test_requests_that_differ_beside_their_numbers_are_not_taken_for_each_other() -> None:
    reader = Reader(FEATURES)
    for sent in ("a", "b", "a"):
        for rows in (1, 2, 1):
            data = json.dumps({"id": sent}).encode()[:-1] + b", " + body([0.5] * 3 * rows, (rows, 3))[1:]
            request = reader.read(data, None)
            assert (request.echo, request.rows.tolist()) == ({"id": sent}, [[0.5] * 3] * rows)


@pytest.mark.parametrize("twice", [b'"id": "a", "id": "b", ', b'"inputs": [], '])
def test_a_member_that_stands_twice_is_refused_whoever_reads(twice: bytes) -> None:
    for data in (FLAT, GOOD):
        assert "stands twice" in refusal(b"{" + twice + body(data)[1:]).detail


def test_binary_rows_are_read_wherever_they_begin() -> None:
    for spaces in range(9):
        data, _ = binary(np.array(GOOD, "<f4"))
        length = str(data.index(b"}]}") + 3 + spaces).encode()
        rows = read(data.replace(b"}]}", b"}]}" + b" " * spaces, 1), length)
        assert rows.flags.aligned
        np.testing.assert_array_equal(rows, GOOD)


def test_raw_values_keep_the_digits_that_float32_has_no_room_for() -> None:
    values = np.array([[1000.0001, 1e300, 1732406400.123456]])
    as_json = body(values.tolist(), (1, 3), name="raw", datatype="FP64")
    np.testing.assert_array_equal(read(as_json, expected=RAW), values)
    np.testing.assert_array_equal(read(*binary(values, name="raw", datatype="FP64"), RAW), values)


@pytest.mark.parametrize("datatype", ["FP64", "FP16", "INT32", "BYTES", "fp32", None, 32])
def test_another_datatype_is_refused_and_the_right_one_named(datatype: object) -> None:
    problem = refusal(body(FLAT, datatype=datatype))
    assert (problem.rule, "FP32" in problem.detail, "float32" in problem.detail) == ("datatype", True, True)


@pytest.mark.parametrize(
    "shape", [[2, 2], [3, 2], [6], [1, 2, 3], [], None, "23", [2.0, 3], [True, 3], [[2], [3]], {}, [2, -3], [2, 2**63]]
)
def test_another_shape_is_refused_and_the_right_width_named(shape: object) -> None:
    for data in (FLAT, GOOD):
        problem = refusal(body(data, shape))
        assert (problem.rule, "[rows, 3]" in problem.detail) == ("shape", True)


def test_a_shape_as_metadata_has_it_is_told_to_count() -> None:
    problem = refusal(body(FLAT, [-1, 3]))
    assert (problem.rule, "count the rows" in problem.detail) == ("shape", True)


@pytest.mark.parametrize("rows", [0, 5, 2**62])
def test_no_row_and_too_many_rows_are_refused(rows: int) -> None:
    assert refusal(body(FLAT, [rows, 3])).rule == "row-count"
    assert refusal(*binary(np.array(GOOD, "<f4"), shape=[rows, 3])).rule == "row-count"


@pytest.mark.parametrize("data", [FLAT[:-1], [*FLAT, 1.0], [], GOOD[:1], [*GOOD, GOOD[0]]])
def test_data_that_its_shape_does_not_hold_is_refused(data: object) -> None:
    assert refusal(body(data)).rule == "data-size"


@pytest.mark.parametrize(
    "data", [[[0.0, 0.5], [1.0, 1.0], [2.0, 3.0]], [[0.0, 0.5, 1.0, 1.0], [2.0, 3.0]], [FLAT], [[GOOD[0]], [GOOD[1]]]]
)
def test_nested_data_is_not_reshaped(data: object) -> None:
    assert 400 <= refusal(body(data)).status < 500


@pytest.mark.parametrize(
    ("value", "word"),
    [("1.5", "text"), (True, "true"), (None, "null"), ([1.0], "a list"), ([], "a list"), ({}, "an object")],
)
def test_anything_but_a_number_is_refused_with_its_place(value: object, word: str) -> None:
    for data in ([*FLAT[:4], value, 3.0], [GOOD[0], [1.0, value, 3.0]]):
        problem = refusal(body(data))
        assert (problem.status, problem.faults[0].row, problem.faults[0].column) == (422, 1, 1)
        assert word in problem.detail


@pytest.mark.parametrize("data", ["numbers", 7, {"0": 1.0}, True])
def test_data_that_is_no_list_is_refused(data: object) -> None:
    assert refusal(body(data)).status == 422


def test_what_float32_does_not_hold_is_refused_with_its_place() -> None:
    for data in ([*FLAT[:5], 1e39], [GOOD[0], [1.0, 2.0, -1e39]]):
        problem = refusal(body(data))
        assert (problem.rule, problem.faults[0].row, problem.faults[0].column) == ("finite", 1, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_in_binary_and_in_json(value: float) -> None:
    array = np.array([GOOD[0], [1.0, value, 3.0]], "<f4")
    problem = refusal(*binary(array))
    assert (problem.rule, problem.faults[0].row, problem.faults[0].column) == ("finite", 1, 1)
    problem = refusal(body(array.tolist()))
    assert (problem.rule, problem.faults[0].row, problem.faults[0].column) == ("finite", 1, 1)


@pytest.mark.parametrize("size", [0, 20, 28, -24, "24", None, True, 2**70])
def test_a_binary_size_that_is_not_the_shapes_is_refused(size: object) -> None:
    assert refusal(*binary(np.array(GOOD, "<f4"), parameters={"binary_data_size": size})).status == 422


def test_binary_data_that_is_cut_off_or_too_long_is_refused() -> None:
    data, length = binary(np.array(GOOD, "<f4"))
    for wrong in (data[:-1], data[:-24], data + b"\0"):
        problem = refusal(wrong, length)
        assert (problem.rule, "24 bytes" in problem.detail) == ("binary-size", True)
    assert refusal(data[: int(length)]).rule == "binary-size"


def test_numbers_in_both_places_or_in_neither_are_refused() -> None:
    array = np.array(GOOD, "<f4")
    assert "both" in refusal(*binary(array, data=FLAT)).detail
    for data in (FLAT, GOOD):
        assert "both" in refusal(body(data, parameters={"binary_data_size": 24})).detail
    assert "neither" in refusal(*binary(array, parameters={})).detail
    assert "neither" in refusal(body(None)).detail
    head = body(FLAT)
    assert refusal(head + b"\0" * 24, str(len(head)).encode()).rule == "data"


@pytest.mark.parametrize("length", [b"", b"-1", b"1.5", b"0x10", b"1_0", b"\xb2", b"9" * 14, b"9" * 5000])
def test_a_header_length_that_is_none_is_refused(length: bytes) -> None:
    assert refusal(body(FLAT), length).rule == "header-length"


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", body(FLAT) + b" x", b"\xef\xbb\xbf" + body(FLAT)],
)
def test_a_body_that_is_not_json_is_malformed(data: bytes) -> None:
    assert refusal(data).status == 400
    assert refusal(data, str(len(data)).encode()).status == 400


@pytest.mark.parametrize("depth", [10, 300, 5000, 200_000])
def test_lists_of_any_depth_are_refused_and_harm_nobody(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    for data in (deep, b'{"inputs": ' + deep + b"}", b'{"parameters": {"a": ' + deep + b"}, " + body("x")[1:]):
        assert 400 <= refusal(data).status < 500
