"""Rows of text, yes and no, numbers and gaps: by position and by name, what they become, and what each refusal says."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.codec import decode
from service.codec.columns import Columns, code_examples
from service.codec.decode import decode_json, decode_npy
from service.codec.encode import encode_npy
from service.codec.problems import MOST_FAULTS, Problem
from service.codec.rows import Input, raw_input
from service.contract.card import RawFeature
from tests.raw_columns import ACTIVE, AGE, FLAG, INCOME, MEMBER, MIXED, mixed_columns, number_columns

TABLE = raw_input(mixed_columns(), max_rows=64)
LENIENT = raw_input(mixed_columns(unknown="ignore"), max_rows=64)
GAPS = raw_input(Columns([AGE, INCOME]), max_rows=4)
PLAIN = raw_input(number_columns(("a", "b")), max_rows=4)
FLAGS = raw_input(Columns([AGE, FLAG]), max_rows=4)
NAN = np.nan
ROW: list[Any] = [30, 52e3, "Yes", True, "Rom", "pro"]
ROWS: list[list[Any]] = [ROW, [18.5, None, "No", None, "Oslo, N", None]]
CODED = [[30, 52e3, 1, 1, 2, 1], [18.5, NAN, 0, NAN, 1, NAN]]


def body(rows: object, key: str = "raw") -> bytes:
    return json.dumps({key: rows}).encode()


def records(rows: list[list[Any]]) -> list[dict[str, Any]]:
    """The rows by name, with the names in another order."""
    return [dict(reversed(list(zip(TABLE.names, row, strict=True)))) for row in rows]


def changed(place: int, cell: object) -> list[Any]:
    return [*ROW[:place], cell, *ROW[place + 1 :]]


def refusal(data: bytes, expected: Input = TABLE) -> Problem:
    with pytest.raises(Problem) as caught:
        decode_json(data, expected)
    return caught.value


@pytest.mark.parametrize("rows", [1, 2, 64])
def test_rows_by_position_and_by_name_become_what_the_graphs_take(rows: int) -> None:
    sent, expected = (ROWS * rows)[:rows], (CODED * rows)[:rows]
    for data in (body(sent), body(records(sent), "records")):
        decoded = decode_json(data, TABLE)
        np.testing.assert_array_equal(decoded, expected)
        assert (decoded.dtype.name, decoded.flags.c_contiguous) == ("float64", True)


@pytest.mark.parametrize("cell", ["Yes", "yes", "YES", "yEs", True])
def test_yes_is_written_as_training_has_it_in_any_case_or_as_true(cell: object) -> None:
    assert decode_json(body([changed(2, cell)]), TABLE)[0, 2] == 1


@pytest.mark.parametrize("cell", [1, 1.0, True])
def test_a_yes_that_training_had_in_numbers_is_written_as_a_number_too(cell: object) -> None:
    assert decode_json(body([changed(3, cell)]), TABLE)[0, 3] == 1
    in_numbers = Columns([MEMBER.model_copy(update={"levels": ["0", "1"]})])
    assert decode_json(body([[cell]]), raw_input(in_numbers, 4)) == 1


@pytest.mark.parametrize(
    ("place", "cell", "rule", "word"),
    [
        (0, "30", "number", "row 1, column 0 ('age') is text ('30')"),
        (0, True, "number", "is true"),
        (0, None, "missing", "('age') is null"),
        (0, [30], "number", "is a list of 1"),
        (0, float("nan"), "finite", "('age') is nan"),
        (1, float("inf"), "finite", "('income') is inf"),
        (2, "ja", "boolean", "Send true, false, 'No' or 'Yes'"),
        (2, 1, "boolean", "is 1"),
        (2, None, "missing", "('member') is null"),
        (3, 2, "boolean", "Send true, false, 0 or 1"),
        (3, "yes", "boolean", "is text ('yes')"),
        (4, "Paris", "category", "is text ('Paris'), and training saw 'Bonn', 'Oslo, N', 'Rom'"),
        (4, "rom", "category", "ARCHSCALE_UNKNOWN_CATEGORY=ignore"),
        (4, 2, "text", "is 2"),
        (4, float("nan"), "text", "is nan"),
        (4, None, "missing", "('city') is null"),
        (5, {"a": 1}, "text", "is an object"),
    ],
)
def test_a_cell_that_its_column_does_not_hold_is_refused_with_row_name_and_value(
    place: int, cell: object, rule: str, word: str
) -> None:
    for data in (body([ROW, changed(place, cell)]), body(records([ROW, changed(place, cell)]), "records")):
        problem = refusal(data)
        (fault,) = problem.faults
        assert (problem.status, problem.rule) == (422, rule)
        assert (fault.row, fault.column, fault.name) == (1, place, TABLE.names[place])
        assert word in problem.detail
        assert ", however: " in problem.detail
        assert "\n" not in problem.detail


def test_an_unknown_level_is_told_with_those_that_are_known() -> None:
    levels = [f"level {place}" for place in range(30)]
    many = Columns([RawFeature(name="c", minimum=0, maximum=29, kind="category", levels=levels)])
    problem = refusal(body([["other"]]), raw_input(many, 4))
    assert problem.faults[0].members()["levels"] == levels[:20]
    assert "'level 19' and 10 more" in problem.detail


def test_an_unknown_level_is_coded_apart_where_it_is_to_be_ignored() -> None:
    rows = [ROW, changed(4, "Paris")]
    for data in (body(rows), body(records(rows), "records")):
        assert decode_json(data, LENIENT)[:, 4].tolist() == [2, -1]
    assert refusal(body([changed(4, 7)]), LENIENT).rule == "text"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"ctiy": "Rom"}, "names 'ctiy', which is no column of the table"),
        ({"id": 7}, "names 'id', which was left out in training: leave it out"),
        ({"churn": "gone"}, "names 'churn', which is the target: leave it out"),
    ],
)
def test_a_name_that_is_no_column_is_refused_by_name(change: dict[str, Any], word: str) -> None:
    problem = refusal(body([*records([ROW]), {**records([ROW])[0], **change}], "records"))
    assert (problem.rule, problem.faults[0].row, [problem.faults[0].name]) == ("names", 1, list(change))
    assert word in problem.detail


def test_a_name_that_is_lacking_is_refused_by_name() -> None:
    record = records([ROW])[0]
    del record["plan"], record["age"]
    problem = refusal(body([record], "records"))
    assert [fault.name for fault in problem.faults] == ["age", "plan"]
    assert "row 0 lacks 'age' (and 1 other places)" in problem.detail


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (body([]), "row-count"),
        (body([ROW] * 65), "row-count"),
        (body([ROW[:-1]]), "width"),
        (body([records([ROW])[0]]), "rows"),
        (body(7), "rows"),
        (body([ROW], "records"), "records"),
        (body(records([ROW])[0], "records"), "records"),
        (body([], "records"), "row-count"),
        (b'{"raw": [], "records": []}', "members"),
        (b"{}", "members"),
        (b'{"raw": [[NaN]], "raw": [["x"', "json"),
        (b'{"raw": NaN', "json"),
        (b'\xef\xbb\xbf{"raw": []}', "json"),
    ],
)
def test_a_body_of_another_form_is_refused(data: bytes, rule: str) -> None:
    assert refusal(data).rule == rule


def test_at_most_twenty_faults_are_listed_of_rows_that_are_all_wrong() -> None:
    problem = refusal(body([changed(0, None)] * 64))
    assert len(problem.faults) == MOST_FAULTS
    assert "20 or more other places" in problem.detail


def test_a_plain_table_is_read_by_name_too_and_refused_as_ever_by_position() -> None:
    assert decode_json(b'{"records": [{"b": 2, "a": 1}]}', PLAIN).tolist() == [[1, 2]]
    assert refusal(b'{"raw": [[1, null]]}', PLAIN).rule == "number"
    assert refusal(b'{"records": [{"b": null, "a": 1}]}', PLAIN).rule == "missing"


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
def test_what_is_not_finite_is_told_with_its_place(literal: bytes) -> None:
    for data in (
        b'{"raw": [[1, 2], [1, %b]]}' % literal,
        b'{"records": [{"a": 1, "b": 2}, {"a": 1, "b": %b}]}' % literal,
    ):
        problem = refusal(data, PLAIN)
        assert (problem.status, problem.rule) == (422, "finite")
        assert (problem.faults[0].row, problem.faults[0].name) == (1, "b")
    assert refusal(b'{"raw": [[1, 2]], "more": %b}' % literal, PLAIN).rule == "members"
    assert refusal(b'{"raw": [[%b, "\\ud800"]]}' % literal, PLAIN).rule == "json"


def test_numbers_alone_may_have_gaps() -> None:
    np.testing.assert_array_equal(decode_json(body([[20, None], [30, 1]]), GAPS), [[20, NAN], [30, 1]])
    np.testing.assert_array_equal(decode_npy(encode_npy(np.array([[20, NAN]], np.float32)), GAPS), [[20, NAN]])
    assert decode_json(body([[20, 5]]), GAPS).tolist() == [[20, 5]]
    assert refusal(body([[None, 5]]), GAPS).rule == "missing"
    with pytest.raises(Problem, match="row 0, column 0"):
        decode_npy(encode_npy(np.array([[NAN, NAN]], np.float32)), GAPS)
    with pytest.raises(Problem, match="row 0, column 1"):
        decode_npy(encode_npy(np.array([[1, np.inf]], np.float32)), GAPS)


def test_yes_and_no_that_training_had_in_numbers_are_read_as_numbers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "orjson", None)
    decoded = decode_json(body([[20, 1], [30, 0.0]]), FLAGS)
    assert (decoded.tolist(), decoded.dtype.name) == ([[20, 1], [30, 0]], "float64")


def test_and_written_as_true_and_false_as_well() -> None:
    for data in (body([[20, True], [30, 0]]), body([{"flag": 1, "age": 20}, {"age": 30, "flag": False}], "records")):
        assert decode_json(data, FLAGS).tolist() == [[20, 1], [30, 0]]
    assert decode_json(body([[None, True], [30, None]]), raw_input(Columns([INCOME, ACTIVE]), 4)).shape == (2, 2)


@pytest.mark.parametrize(
    ("cell", "rule", "fact"),
    [
        (2, "boolean", "is 2. Send true, false, 0 or 1."),
        (0.5, "boolean", "is 0.5"),
        (-1, "boolean", "is -1"),
        ("1", "boolean", "is text ('1')"),
        (None, "missing", "is null"),
    ],
)
def test_a_number_that_is_neither_yes_nor_no_is_refused_with_row_name_and_value(
    cell: object, rule: str, fact: str
) -> None:
    for data in (body([[20, 1], [30, cell]]), body([{"flag": 1, "age": 20}, {"age": 30, "flag": cell}], "records")):
        problem = refusal(data, FLAGS)
        assert (problem.status, problem.rule) == (422, rule)
        (fault,) = problem.faults
        assert (fault.row, fault.column, fault.name, fault.value) == (1, 1, "flag", cell)
        assert f"row 1, column 1 ('flag') {fact}" in problem.detail
    assert refusal(body([[True, 1]]), FLAGS).detail.endswith("Send numbers, without quotes and without gaps.")


def test_a_file_of_numbers_holds_a_yes_as_1_and_no_text() -> None:
    expected = raw_input(Columns([AGE, ACTIVE]), 4)
    array = np.array([[20, 1], [30, NAN]], np.float32)
    np.testing.assert_array_equal(decode_npy(encode_npy(array), expected), array)
    with pytest.raises(Problem, match=r"row 0, column 1 \('active'\)") as caught:
        decode_npy(encode_npy(array * 2), expected)
    assert caught.value.rule == "boolean"
    with pytest.raises(Problem, match="'city' holds text") as caught:
        decode_npy(encode_npy(np.ones((1, 6), np.float32)), TABLE)
    assert caught.value.status == 415


def test_a_cards_rows_may_hold_what_a_request_may_not() -> None:
    coded = code_examples(MIXED, [[30.0, None, "maybe", None, "Paris", None], [None, 1.0, "no", False, None, "pro"]])
    np.testing.assert_array_equal(coded, [[30, NAN, -1, NAN, -1, NAN], [NAN, 1, 0, 0, NAN, 1]])


def test_what_the_graphs_take_is_told_as_a_person_would_write_it() -> None:
    columns = mixed_columns()
    assert columns.natural(CODED[0]) == [30, 52e3, True, True, "Rom", "pro"]
    assert columns.natural([*CODED[1][:4], -1, NAN]) == [18.5, None, False, None, None, None]


cells = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3) | st.sampled_from(["Rom", "pro"])
json_values = st.recursive(
    cells,
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(TABLE.names) | st.text(max_size=3), inner)
    ),
    max_leaves=12,
)


def decoded_or_refused(data: bytes, expected: Input) -> None:
    try:
        rows = decode_json(data, expected)
    except Problem as problem:
        assert 400 <= problem.status < 500
        problem.body(release="r", request_id=b"1")
    else:
        assert not np.isinf(rows).any()


@given(json_values, st.sampled_from(["raw", "records"]), st.sampled_from([TABLE, LENIENT, GAPS, PLAIN, FLAGS]))
def test_any_json_is_decoded_or_refused(value: object, key: str, expected: Input) -> None:
    decoded_or_refused(body(value, key), expected)


@given(st.lists(st.tuples(*[cells] * 6).map(list), max_size=3), st.sampled_from([TABLE, LENIENT]))
def test_any_rows_are_read_alike_by_position_and_by_name(rows: list[list[Any]], expected: Input) -> None:
    def outcome(data: bytes) -> object:
        try:
            return decode_json(data, expected).tobytes()
        except Problem as problem:
            return problem.rule, problem.faults

    assert outcome(body(rows)) == outcome(body(records(rows), "records"))


@given(st.binary(max_size=100), st.sampled_from([b"", b'{"raw": [[', b'{"records": [{"age": ']))
def test_any_bytes_are_decoded_or_refused(data: bytes, prefix: bytes) -> None:
    decoded_or_refused(prefix + data, TABLE)
