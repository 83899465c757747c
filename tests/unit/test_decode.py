"""Bytes -> checked arrays: each rule of the contract, with the place that the refusal must name."""

import gc
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from service.codec.columns import Columns
from service.codec.decode import decode_json, decode_npy
from service.codec.problems import Fault, Problem
from service.codec.rows import Input, Rows, features_input, raw_input
from service.contract.card import RawFeature
from tests.decoding import FEATURES, GOOD, NAMES, npy

RAW = raw_input(Columns(RawFeature(name=name, minimum=0, maximum=1) for name in NAMES), max_rows=4)


def body(rows: object, key: str = "features") -> bytes:
    return json.dumps({key: rows}).encode()


def refusal(data: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        decode_json(data, FEATURES)
    return caught.value


def first_fault(data: bytes) -> Fault:
    return refusal(data).faults[0]


def test_good_rows_become_a_contiguous_array_of_the_inputs_dtype() -> None:
    features, raw = decode_json(body(GOOD), FEATURES), decode_json(body(GOOD, "raw"), RAW)
    assert (features.dtype.name, raw.dtype.name) == ("float32", "float64")
    assert features.flags.c_contiguous
    np.testing.assert_array_equal(features, GOOD)
    np.testing.assert_array_equal(raw, GOOD)


def test_whole_numbers_and_white_space_are_json_numbers_too() -> None:
    np.testing.assert_array_equal(decode_json(b' {"features" :\n[[1, -2,3e1]] } ', FEATURES), [[1, -2, 30]])


def test_whole_numbers_of_any_size_are_rounded_to_the_nearest_float() -> None:
    body_of_large = b'{"raw": [[9007199254740993, 18446744073709551616, -123456789012345678901234567890]]}'
    assert decode_json(body_of_large, RAW).tolist() == [[9007199254740992.0, 2.0**64, -1.2345678901234568e29]]


def test_a_key_may_be_spelt_with_escapes_and_brackets_may_stand_nowhere_else() -> None:
    np.testing.assert_array_equal(decode_json(b'{"\\u0066eatures": [[1, 2, 3]]}', FEATURES), [[1, 2, 3]])
    assert refusal(b'{"feat[ures": [[1, 2, 3]]}').rule == "members"


def test_a_raw_value_keeps_the_digits_that_float32_has_no_room_for() -> None:
    assert decode_json(b'{"raw": [[1000.0001, 1e300, 1732406400.123456]]}', RAW).tolist() == [
        [1000.0001, 1e300, 1732406400.123456]
    ]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1.5", "text"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        ([1.0], "a list"),
        ([], "a list"),
        ({"a": 1}, "an object"),
    ],
)
def test_anything_but_a_number_is_refused_with_its_row_and_column(value: object, kind: str) -> None:
    problem = refusal(body([GOOD[0], [1.0, value, 3.0]]))
    fault = problem.faults[0]
    assert (problem.status, fault.row, fault.column, fault.name) == (422, 1, 1, "width")
    assert kind in problem.detail
    assert "row 1, column 1 ('width')" in problem.detail


@pytest.mark.parametrize("rows", [[[True, True, True]], [["1", "2", "3"]], [[None, None, None]]])
def test_a_row_of_one_wrong_type_alone_is_refused(rows: object) -> None:
    assert [(fault.row, fault.column) for fault in refusal(body(rows)).faults] == [(0, 0), (0, 1), (0, 2)]


@pytest.mark.parametrize("width", [2, 4])
def test_a_row_of_another_width_is_refused_and_names_the_row(width: int) -> None:
    problem = refusal(body([GOOD[0], [1.0] * width]))
    assert (problem.rule, problem.faults[0].row) == ("width", 1)
    assert f"row 1 holds {width}" in problem.detail


def test_a_body_whose_rows_are_all_too_wide_is_not_reshaped() -> None:
    assert first_fault(body([[1.0, 2.0], [3.0, 4.0, 5.0, 6.0]])).row == 0
    assert first_fault(body([[1.0, 2.0, 3.0], 4.0, [5.0, 6.0]])).row == 1
    assert refusal(body([[1.0] * 6])).rule == "width"
    assert first_fault(body([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).row == 0


@pytest.mark.parametrize("number", ["1e39", "-1e39", "3.5e38"])
def test_a_feature_that_float32_holds_only_as_infinity_is_refused(number: str) -> None:
    problem = refusal(f'{{"features": [[0, 0, 0], [0, 0, {number}]]}}'.encode())
    assert [(fault.rule, fault.row, fault.column) for fault in problem.faults] == [("finite", 1, 2)]


def test_the_largest_float32_is_a_feature() -> None:
    assert np.isfinite(decode_json(b'{"features": [[3.4028234e38, -3.4028234e38, 0]]}', FEATURES)).all()


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
def test_what_json_has_no_number_for_is_named_by_its_place(literal: bytes) -> None:
    problem = refusal(b'{"features": [[1, 2, ' + literal + b"]]}")
    assert (problem.status, problem.rule, problem.faults[0].column) == (422, "finite", 2)


@pytest.mark.parametrize(
    "body",
    [
        b'{"features": [[1, 2, 3]], "features": [[4, 5, 6]]}',
        b'{"features": [["a:b", 2, 3]], "features": [[4, 5, 6]]}',
    ],
)
def test_a_member_that_is_given_twice_is_refused(body: bytes) -> None:
    problem = refusal(body)
    assert (problem.status, "'features' stands twice" in problem.detail) == (422, True)


def test_a_column_that_a_record_gives_twice_is_refused() -> None:
    body = b'{"records": [{"a": 1, "b": 2, "a": 3}]}'
    with pytest.raises(Problem, match="'a' stands twice"):
        decode_json(body, RAW)


@pytest.mark.parametrize("members", [{"raw": [], "records": []}, {"rows": []}, []])
def test_rows_of_a_table_come_by_position_or_by_name(members: object) -> None:
    with pytest.raises(Problem, match="the one member 'raw' or 'records', however: "):
        decode_json(json.dumps(members).encode(), RAW)


def test_an_input_of_one_row_asks_for_one() -> None:
    with pytest.raises(Problem, match=r"a request must hold 1 row, however: 2\. Split the request\.$"):
        decode_json(body(GOOD), replace(FEATURES, max_rows=1, is_fixed=True))


@pytest.mark.parametrize("literal", [b"01", b"0x1", b"1,", b"'1'"])
def test_what_is_not_a_number_of_rfc_8259_is_malformed(literal: bytes) -> None:
    assert refusal(b'{"features": [[1, 2, ' + literal + b"]]}").status == 400


@pytest.mark.parametrize(
    ("decode", "data"),
    [
        (decode_json, b'{"features": [[1, 2, '),
        (decode_json, b'{"features": [[1, 2, NaN]]}'),
        (decode_json, b'{"features": [["1", "2", "3"]]}'),
        (decode_json, b'{"features": [[1, 2]]}'),
        (decode_json, b'{"features": [], "features": [[1, 2, 3]]}'),
        (decode_json, b'{"rows": [[1, 2, 3]]}'),
        (decode_npy, b"\x93NUMPY"),
        (decode_npy, npy(np.array([[1.0, np.nan, 2.0]]))),
    ],
    ids=range(8),
)
def test_a_refusal_lets_go_of_the_body_at_once(decode: Callable[[bytes, Input], Rows], data: bytes) -> None:
    """Not when garbage is collected, many requests later: it may be large."""
    gc.disable()
    try:
        before = sys.getrefcount(data)
        with suppress(Problem):
            decode(data, FEATURES)
        assert sys.getrefcount(data) == before
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff\xfe", b'{"features": [[1,2,3]]} x', b'\xef\xbb\xbf{"features": [[1,2,3]]}']
)
def test_a_body_that_is_not_json_is_malformed(data: bytes) -> None:
    assert refusal(data).status == 400


@pytest.mark.parametrize(
    "data", [b"[]", b"1", b"null", b"{}", b'{"raw": [[1,2,3]]}', b'{"features": [[1,2,3]], "more": 1}']
)
def test_other_members_than_the_one_are_refused(data: bytes) -> None:
    assert refusal(data).rule == "members"


@pytest.mark.parametrize("key", ["raw", "records"])
def test_raw_values_among_features_are_told_their_route(key: str) -> None:
    assert str(refusal(json.dumps({key: []}).encode())).endswith("; raw values belong to the route that ends in /raw.")


@pytest.mark.parametrize("rows", [None, 1, "rows", {}, [1, 2, 3], [None], ["abc"], [[[1, 2, 3]]], [[[1], [2], [3]]]])
def test_what_is_no_list_of_rows_is_refused(rows: object) -> None:
    assert refusal(body(rows)).status == 422


def test_the_first_twenty_faults_are_listed_in_their_order_and_more_are_said() -> None:
    wide = features_input([f"f{n}" for n in range(30)], max_rows=4)
    with pytest.raises(Problem, match="and 20 or more other places") as caught:
        decode_json(body([[None] * 30]), wide)
    assert [fault.column for fault in caught.value.faults] == list(range(20))
    mixed = refusal(body([[1.0, "x"], [1.0, 2.0, None], 7]))
    assert [(fault.rule, fault.row) for fault in mixed.faults] == [("width", 0), ("number", 1), ("rows", 2)]


def test_no_row_and_too_many_rows_are_refused() -> None:
    assert refusal(body([])).rule == "row-count"
    assert refusal(body([GOOD[0]] * 5)).rule == "row-count"
    assert "ARCHSCALE_MAX_ROWS" in refusal(body([GOOD[0]] * 5)).detail
    assert len(decode_json(body([GOOD[0]] * 4), FEATURES)) == 4


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    for decode in (decode_json, decode_npy):
        for prefix in (b"", b'{"features": ', b"\x93NUMPY\x01\x00"):
            try:
                assert np.isfinite(decode(prefix + data, FEATURES)).all()
            except Problem as problem:
                assert 400 <= problem.status < 500


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_decoded_or_refused(value: object) -> None:
    try:
        rows = decode_json(body(value), FEATURES)
    except Problem as problem:
        assert 400 <= problem.status < 500
    else:
        assert rows.tolist() == np.array(value, np.float32).tolist()


@given(hnp.arrays(np.float32, (2, 3), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_json_and_npy_decode_to_the_same_bits(array: np.ndarray) -> None:
    from_json = decode_json(body(array.tolist()), FEATURES)
    np.testing.assert_array_equal(from_json.view(np.int32), decode_npy(npy(array), FEATURES).view(np.int32))
