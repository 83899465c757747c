"""A tensor for each column -> rows: in JSON and binary, with gaps, and every part that may be wrong."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.codec.column_tensors import ColumnsReader, describe_inputs, make_reader
from service.codec.columns import Columns
from service.codec.infer_request import Reader
from service.codec.problems import Problem
from service.codec.rows import Rows, raw_input
from tests.raw_columns import ACTIVE, AGE, FLAG, INCOME, mixed_columns

COLUMNS = mixed_columns()
TABLE = raw_input(COLUMNS, max_rows=4)
READER = ColumnsReader(TABLE, COLUMNS)
GAPS = Reader(raw_input(Columns([AGE, INCOME]), max_rows=4))
FLAGS = Reader(raw_input(Columns([FLAG, ACTIVE]), max_rows=4))
NAN = np.nan
CODED = [[30, 52e3, 1, 1, 2, 1], [18.5, NAN, 0, NAN, 1, NAN]]


def column(name: str, datatype: str, data: list[Any], *, shape: Any = None, **members: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data, **members}


def inputs() -> list[dict[str, Any]]:
    """Two rows, as MLServer's client sends a table, with the columns in another order."""
    return [
        column("plan", "BYTES", ["pro", ""], shape=[2, 1], parameters={"content_type": "str"}),
        column("city", "BYTES", [["Rom"], ["Oslo, N"]], shape=[2, 1]),
        column("age", "FP64", [30, 18.5]),
        column("income", "INT64", [52000, None]),
        column("member", "BYTES", ["yes", "No"]),
        column("active", "BOOL", [True, None]),
    ]


def read(tensors: Any, behind: bytes = b"", reader: Any = READER) -> Rows:
    head = json.dumps({"id": "7", "inputs": tensors}).encode()
    request = reader.read(head + behind, str(len(head)).encode())
    assert request.echo == {"id": "7"}
    rows: Rows = request.rows
    return rows


def refusal(tensors: Any, behind: bytes = b"") -> Problem:
    with pytest.raises(Problem) as caught:
        read(tensors, behind)
    return caught.value


def changed(name: str, /, **members: Any) -> list[dict[str, Any]]:
    return [tensor | members if tensor["name"] == name else tensor for tensor in inputs()]


def texts(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def binary(name: str, datatype: str, content: bytes, rows: int = 2) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [rows], "parameters": {"binary_data_size": len(content)}}


def test_columns_come_in_any_order_in_json() -> None:
    np.testing.assert_array_equal(read(inputs()), CODED)
    np.testing.assert_array_equal(read(changed("income", data=[52000, NAN], datatype="FP64")), CODED)


def test_columns_come_behind_the_json_in_their_order() -> None:
    contents = {
        "plan": ("BYTES", texts(b"pro", b"")),
        "city": ("BYTES", texts(b"Rom", b"Oslo, N")),
        "age": ("FP64", np.array([30, 18.5], "<f8").tobytes()),
        "income": ("FP64", np.array([52e3, NAN], "<f8").tobytes()),
        "member": ("BOOL", b"\x01\x00"),
        "active": ("BYTES", texts(b"True", b"")),
    }
    tensors = [binary(name, datatype, content) for name, (datatype, content) in contents.items()]
    np.testing.assert_array_equal(read(tensors, b"".join(content for _, content in contents.values())), CODED)
    mixed = [tensor if tensor["name"] != "city" else tensors[1] for tensor in inputs()]
    np.testing.assert_array_equal(read(mixed, contents["city"][1]), CODED)


@pytest.mark.parametrize(("datatype", "dtype"), [("FP32", "<f4"), ("INT64", "<i8"), ("INT32", "<i4")])
def test_numbers_come_in_the_types_of_data_frames(datatype: str, dtype: str) -> None:
    content = np.array([52e3, 60e3], dtype).tobytes()
    in_json = changed("income", datatype=datatype, data=[52000, 60000])
    behind = [tensor if tensor["name"] != "income" else binary("income", datatype, content) for tensor in inputs()]
    for tensors, rest in ((in_json, b""), (behind, content)):
        assert read(tensors, rest)[:, 1].tolist() == [52000, 60000]


def test_a_tensor_for_each_column_is_described_and_one_for_numbers_alone() -> None:
    assert [tensor["datatype"] for tensor in describe_inputs(TABLE)] == [
        "FP64",
        "FP64",
        "BOOL",
        "BOOL",
        "BYTES",
        "BYTES",
    ]
    numbers = raw_input(Columns([AGE, INCOME]), 4)
    assert describe_inputs(numbers) == [{"name": "raw", "datatype": "FP64", "shape": [-1, 2]}]
    assert isinstance(make_reader(TABLE), ColumnsReader)
    assert isinstance(make_reader(numbers), Reader)


@pytest.mark.parametrize("data", [[20, NAN, 30, 1], [[20, None], [30, 1]]])
def test_numbers_alone_have_gaps_in_one_tensor(data: list[Any]) -> None:
    tensor = {"name": "raw", "datatype": "FP64", "shape": [2, 2], "data": data}
    np.testing.assert_array_equal(read([tensor], reader=GAPS), [[20, NAN], [30, 1]])
    array = np.array([[20, NAN], [30, 1]])
    sent = {**tensor, "data": None, "parameters": {"binary_data_size": array.nbytes}}
    np.testing.assert_array_equal(read([sent], array.tobytes(), reader=GAPS), array)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([0, 1, 1, 0.0], [[0, 1], [1, 0]]),
        ([[0, 1], [1, 0]], [[0, 1], [1, 0]]),
        ([False, True, 1, None], [[0, 1], [1, NAN]]),
    ],
)
def test_yes_and_no_in_numbers_are_one_tensor_too(data: list[Any], expected: list[list[float]]) -> None:
    flags = raw_input(Columns([FLAG, ACTIVE]), 4)
    assert describe_inputs(flags) == [{"name": "raw", "datatype": "FP64", "shape": [-1, 2]}]
    assert isinstance(make_reader(flags), Reader)
    tensor = {"name": "raw", "datatype": "FP64", "shape": [2, 2], "data": data}
    np.testing.assert_array_equal(read([tensor], reader=FLAGS), expected)
    array = np.array(expected, np.float64)
    sent = {**tensor, "data": None, "parameters": {"binary_data_size": array.nbytes}}
    np.testing.assert_array_equal(read([sent], array.tobytes(), reader=FLAGS), array)


@pytest.mark.parametrize("value", [2.0, 0.5])
def test_in_one_tensor_neither_yes_nor_no_is_refused_with_row_name_and_value(value: float) -> None:
    tensor = {"name": "raw", "datatype": "FP64", "shape": [2, 2]}
    array = np.array([[0, 1], [value, 0]])
    sent = {**tensor, "parameters": {"binary_data_size": array.nbytes}}
    for tensors, behind in (
        ([{**tensor, "data": array.tolist()}], b""),
        ([{**tensor, "data": array.ravel().tolist()}], b""),
        ([sent], array.tobytes()),
    ):
        with pytest.raises(Problem, match=r"row 1, column 0 \('flag'\) is ") as caught:
            read(tensors, behind, reader=FLAGS)
        assert (caught.value.status, caught.value.rule, caught.value.faults[0].value) == (422, "boolean", value)


@pytest.mark.parametrize(
    ("name", "members", "rule", "word"),
    [
        ("age", {"data": [30, "x"]}, "number", "row 1, column 0 ('age')"),
        ("age", {"data": [30, NAN]}, "missing", "row 1, column 0 ('age')"),
        ("age", {"data": [30, float("inf")]}, "finite", "row 1, column 0 ('age')"),
        ("city", {"data": ["Rom", "Paris"]}, "category", "training saw 'Bonn'"),
        ("city", {"data": ["Rom", ""]}, "missing", "('city')"),
        ("income", {"data": [52000, ""]}, "number", "('income')"),
        ("city", {"data": ["Rom", 2]}, "text", "is 2"),
        ("member", {"data": ["yes", "ja"]}, "boolean", "text ('ja')"),
        ("member", {"data": ["yes", "ja"], "datatype": "BOOL"}, "boolean", "text ('ja')"),
        ("age", {"datatype": "FP16"}, "datatype", "FP64 or FP32 or INT64 or INT32"),
        ("member", {"datatype": "FP64"}, "datatype", "BOOL or BYTES"),
        ("city", {"datatype": None}, "datatype", "BYTES"),
        ("city", {"shape": [2, 2]}, "shape", "[rows, 1]"),
        ("city", {"shape": [2.0]}, "shape", "[rows, 1]"),
        ("city", {"shape": "2"}, "shape", "[rows, 1]"),
        ("plan", {"shape": [1], "data": ["pro"]}, "shape", "'plan' must have as many rows as the others, 2"),
        ("active", {"shape": [1], "data": [True]}, "shape", "'active' must have as many rows as the others, 2"),
        ("age", {"data": [30.0, 18.5], "datatype": "INT64"}, "whole", "row 1, column 0 ('age') is 18.5"),
        ("income", {"data": [None, 1e19]}, "whole", "row 1, column 1 ('income') is 1e"),
        ("income", {"data": [None, float("inf")]}, "finite", "row 1, column 1 ('income')"),
        ("active", {"data": [True, 0.5]}, "boolean", "row 1, column 3 ('active') is 0.5"),
        ("active", {"data": [0, 0.5], "datatype": "INT64"}, "whole", "row 1, column 3 ('active') is 0.5"),
        ("plan", {"shape": [5]}, "row-count", "4 rows"),
        ("plan", {"shape": [-1]}, "row-count", "1 to 4"),
        ("city", {"data": ["Rom"]}, "data-size", "hold 2 values"),
        ("city", {"data": {"0": "Rom"}}, "data-size", "an object"),
        ("city", {"data": [["Rom", "Bonn"]]}, "data-size", "hold 2 values"),
        ("city", {"data": None}, "data", "neither"),
        ("city", {"parameters": {"binary_data_size": 3}}, "data", "both"),
        ("city", {"parameters": []}, "members", "'parameters'"),
        ("city", {"dtype": "BYTES"}, "members", "'dtype'"),
        ("city", {"name": "town"}, "inputs", "text ('town')"),
        ("city", {"name": "id"}, "inputs", "left out in training"),
        ("city", {"name": "plan"}, "inputs", "a second time"),
        ("city", {"name": ["city"]}, "inputs", "a list of 1"),
    ],
)
def test_a_part_that_breaks_a_rule_is_refused_and_named(
    name: str, members: dict[str, Any], rule: str, word: str
) -> None:
    problem = refusal(changed(name, **members))
    assert (problem.status, problem.rule) == (422, rule)
    assert word in problem.detail
    assert ", however: " in problem.detail


@pytest.mark.parametrize(
    ("tensors", "word"),
    [(None, "a list of 6 tensors"), ([], "'age' is lacking"), (["age"], "list of 6"), ({}, "list of 6")],
)
def test_inputs_must_be_the_columns(tensors: Any, word: str) -> None:
    assert word in refusal(tensors).detail


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (texts(b"Rom"), "it ends in text 1"),
        (texts(b"Rom", b"Bonn")[:-1], "it ends in text 1"),
        (texts(b"Rom", b"Bonn", b"Rom"), "7 bytes follow the last"),
        (texts(b"Rom", b"\xff"), "text 1 is none"),
        (struct.pack("<I", 2**32 - 1) + b"Rom", "it ends in text 0"),
    ],
)
def test_texts_behind_the_json_must_be_whole(content: bytes, word: str) -> None:
    tensors = [tensor if tensor["name"] != "city" else binary("city", "BYTES", content) for tensor in inputs()]
    assert word in refusal(tensors, content).detail


def test_bytes_behind_the_json_must_be_those_of_the_tensors() -> None:
    numbers = np.array([30, 18.5]).tobytes()
    tensors = [tensor if tensor["name"] != "age" else binary("age", "FP64", numbers) for tensor in inputs()]
    assert "4 follow the last" in refusal(tensors, numbers + b"more").detail
    assert refusal(tensors, numbers[:-1]).rule == "binary-size"
    tensors = [tensor if tensor["name"] != "age" else binary("age", "FP64", b"12345678") for tensor in inputs()]
    assert "as 16 bytes" in refusal(tensors, b"12345678").detail
    flags = [tensor if tensor["name"] != "member" else binary("member", "BOOL", b"\x01\x02") for tensor in inputs()]
    assert refusal(flags, b"\x01\x02").rule == "boolean"


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)
DATATYPES = st.sampled_from(["BYTES", "BOOL", "FP64", "INT64"])
tensors = st.fixed_dictionaries(
    {"name": st.sampled_from(COLUMNS.names), "datatype": DATATYPES | json_values, "shape": st.just([1]) | json_values},
    optional={
        "data": st.lists(json_values, max_size=2) | json_values,
        "parameters": st.fixed_dictionaries({"binary_data_size": json_values | st.integers(0, 9)}),
    },
)


@given(st.lists(tensors, max_size=6, unique_by=lambda tensor: str(tensor["name"])) | json_values, st.binary(max_size=9))
def test_any_request_is_read_or_refused(sent: Any, behind: bytes) -> None:
    try:
        assert not np.isinf(read(sent, behind)).any()
    except Problem as problem:
        assert 400 <= problem.status < 500
        problem.body(release="r", request_id=b"1")


@given(st.sampled_from(COLUMNS.names), tensors, st.binary(max_size=9))
def test_any_tensor_among_good_ones_is_read_or_refused(name: str, sent: dict[str, Any], behind: bytes) -> None:
    test = [sent | {"name": name} if tensor["name"] == name else tensor | {"shape": [2]} for tensor in inputs()]
    for content in (behind, b""):
        try:
            assert not np.isinf(read(test, content)).any()
        except Problem as problem:
            assert 400 <= problem.status < 500
            problem.body(release="r", request_id=b"1")
