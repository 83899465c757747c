"""Bodies of the Open Inference Protocol -> rows, and answers -> bytes: each rule with what its refusal must say."""

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from service.codec.decode import decode_json
from service.codec.infer_request import Reader, Request
from service.codec.problems import Problem
from service.codec.rows import Input, Rows, features_input, raw_input
from service.codec.tensors import write

NAMES = ("height", "width", "depth")
FEATURES = features_input(NAMES, max_rows=4)
READER = Reader(FEATURES)
RAW = raw_input(NAMES, max_rows=4)
GOOD = [[0.0, 0.5, 1.0], [1.0, 2.0, 3.0]]
FLAT = [value for row in GOOD for value in row]


def body(data: object, shape: object = (2, 3), **members: object) -> bytes:
    """JSON of a request for FEATURES whose input has this data, or these other members."""
    tensor = {"name": "features", "datatype": "FP32", "shape": shape, "data": data, **members}
    return json.dumps({"inputs": [tensor]}).encode()


def binary(array: np.ndarray, **members: object) -> tuple[bytes, bytes]:
    """Body and header length of a request with a binary tensor, or these other members."""
    tensor: dict[str, object] = {"name": "features", "datatype": "FP32", "shape": array.shape}
    tensor |= {"parameters": {"binary_data_size": array.nbytes}, **members}
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + array.tobytes(), str(len(head)).encode()


def read(data: bytes, header_length: bytes | None = None, expected: Input = FEATURES) -> Rows:
    return Reader(expected).read(data, header_length).rows


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
    """More brackets, and members twice: read by the parser that looks closely."""
    with_brackets = b'{"id": "[[", ' + body(data)[1:]
    twice = b'{"inputs": [], ' + body(data)[1:]
    for unusual in (with_brackets, twice):
        np.testing.assert_array_equal(read(unusual), GOOD)


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


def test_of_a_member_that_stands_twice_the_last_counts_whoever_reads() -> None:
    assert Reader(FEATURES).read(b'{"id": "a", "id": "b", ' + body(FLAT)[1:], None).echo == {"id": "b"}


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


@pytest.mark.parametrize("rows", [0, -1, 5, 2**62])
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
    assert refusal(body(array.tolist())).status == 400


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
    [b"", b"{", b"\xff\xfe", body(FLAT) + b" x", b"\xef\xbb\xbf" + body(FLAT), body(FLAT).replace(b"0.5", b"NaN")],
)
def test_a_body_that_is_not_json_is_malformed(data: bytes) -> None:
    assert refusal(data).status == 400
    assert refusal(data, str(len(data)).encode()).status == 400


@pytest.mark.parametrize("depth", [10, 300, 5000, 200_000])
def test_lists_of_any_depth_are_refused_and_harm_nobody(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    for data in (deep, b'{"inputs": ' + deep + b"}", b'{"parameters": {"a": ' + deep + b"}, " + body("x")[1:]):
        assert 400 <= refusal(data).status < 500


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.just(3)), elements=finite))
def test_flat_nested_binary_and_the_other_routes_bodies_are_the_same_rows(array: np.ndarray) -> None:
    expected = decode_json(json.dumps({"features": array.tolist()}).encode(), FEATURES).tobytes()
    assert read(body(array.tolist(), array.shape)).tobytes() == expected
    assert read(body(array.ravel().tolist(), array.shape)).tobytes() == expected
    assert read(*binary(array)).tobytes() == expected


def answered_or_refused(data: bytes, header_length: bytes | None) -> None:
    try:
        request: Request = READER.read(data, header_length)
        assert np.isfinite(request.rows).all()
        write(request.echo, "prediction", request.rows[:, 0], binary=request.binary)
    except Problem as problem:
        assert 400 <= problem.status < 500
        orjson.dumps(problem.detail)


@given(st.binary(max_size=200), st.none() | st.binary(max_size=4) | st.integers(0, 300).map(lambda n: b"%d" % n))
def test_any_bytes_are_read_or_refused(data: bytes, header_length: bytes | None) -> None:
    for prefix in (b"", b'{"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": '):
        answered_or_refused(prefix + data, header_length)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=12,
)
MEMBERS = ("id", "parameters", "inputs", "outputs")
TENSOR_MEMBERS = ("name", "shape", "datatype", "parameters", "data")
WELL = {"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}


@example({"inputs": [[2.0**31]]}, {})  # a list in an object's place, whose item is too large for an index
@given(
    st.dictionaries(st.sampled_from(MEMBERS), json_values),
    st.dictionaries(st.sampled_from(TENSOR_MEMBERS), json_values),
)
def test_a_request_of_any_json_is_read_or_refused(members: dict[str, Any], tensor: dict[str, Any]) -> None:
    for document in ({"inputs": [{**WELL, **tensor}], **members}, members):
        data = json.dumps(document).encode()
        answered_or_refused(data, None)
        answered_or_refused(data, str(len(data)).encode())


def outcome(data: bytes) -> object:
    """What a body is read as, or the status that it is refused with."""
    try:
        request = READER.read(data, None)
    except Problem as problem:
        return problem.status
    return request.rows.tolist(), request.echo, request.binary


SOUND = [
    body(FLAT),
    body(GOOD),
    json.dumps({"id": "[[", "inputs": [{**WELL, "data": [[1, 2, 3]]}], "outputs": [{"name": "prediction"}]}).encode(),
    b'{"parameters": {"data": [7, 8, 9]}, ' + body(FLAT)[1:],
    b'{"id": "\\"data", ' + body(FLAT)[1:],
]
PIECES = [
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b'"',
    b"\\",
    b" ",
    b"0",
    b"1",
    b"e9",
    b"-",
    b".5",
    b"null",
    b'"data"',
    b"[]",
]


@given(
    st.sampled_from(SOUND),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 8), st.sampled_from([b"", *PIECES])), max_size=4),
)
def test_a_body_is_read_alike_at_a_glance_and_closely(data: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    """A key that is spelt with an escape is the same JSON, and is never read at a glance."""
    for at, length, piece in edits:
        data = data[:at] + piece + data[at + length :]
    assert outcome(data) == outcome(data.replace(b'"data"', b'"d\\u0061ta"'))


@given(st.lists(finite, min_size=1, max_size=20))
def test_an_answer_is_the_same_numbers_in_json_and_in_binary(values: list[float]) -> None:
    array = np.array(values, np.float32)
    head, nothing = write({"model_name": "m"}, "prediction", array, binary=False)
    body, length = write({"model_name": "m"}, "prediction", array, binary=True)
    tensor = json.loads(head)["outputs"][0]
    assert nothing is None
    assert (tensor["name"], tensor["datatype"], tensor["shape"]) == ("prediction", "FP32", [len(values)])
    assert np.array(tensor["data"], np.float32).tobytes() == body[length:] == array.tobytes()
    assert json.loads(body[:length])["outputs"][0]["parameters"] == {"binary_data_size": array.nbytes}
