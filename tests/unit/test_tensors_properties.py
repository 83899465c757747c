"""Bodies of the Open Inference Protocol -> rows, and answers -> bytes: what holds of any of them."""

import json
from typing import Any

import numpy as np
import orjson
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from service.codec.decode import decode_json
from service.codec.infer_request import Inference, Reader
from service.codec.problems import Problem
from service.codec.tensors import write
from tests.infer_bodies import FEATURES, FLAT, GOOD, WELL, binary, body, read

READER = Reader(FEATURES)
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.just(3)), elements=finite))
def test_flat_nested_binary_and_the_other_routes_bodies_are_the_same_rows(array: np.ndarray) -> None:
    expected = decode_json(json.dumps({"features": array.tolist()}).encode(), FEATURES).tobytes()
    assert read(body(array.tolist(), array.shape)).tobytes() == expected
    assert read(body(array.ravel().tolist(), array.shape)).tobytes() == expected
    assert read(*binary(array)).tobytes() == expected


def answered_or_refused(data: bytes, header_length: bytes | None) -> None:
    try:
        request: Inference = READER.read(data, header_length)
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
