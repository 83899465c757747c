"""What the columns of a Parquet file become."""

import datetime
import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.read_tables import Read, Refusal, columns, values


def test_a_parquet_files_types_decide_what_is_text(table: Read) -> None:
    content = pa.table({"code": ["02134", "10115"], "number": [1, 2]})
    assert columns(table(content, text=("code", "number"))) == {"code": ["02134", "10115"], "number": [1, 2]}


PARQUET = {
    "integer": (pa.array([1, None, 3], pa.int8()), [1, None, 3]),
    "unsigned": (pa.array([1, 2**40, 3], pa.uint64()), [1, 2**40, 3]),
    "decimal": (pa.array([Decimal("1.5"), None, Decimal(-2)], pa.decimal128(9, 2)), [1.5, None, -2]),
    "half": (pa.array(np.array([1.5, np.nan, 2], np.float16)), [1.5, None, 2]),
    "boolean": (pa.array([True, None, False]), ["true", None, "false"]),
    "words": (pa.array([" x", "NA", "12"]), ["x", None, "12"]),
    "large_words": (pa.array(["x", None, "y"], pa.large_string()), ["x", None, "y"]),
    "dictionary": (pa.array(["x", None, "y"]).dictionary_encode(), ["x", None, "y"]),
    "coded_numbers": (pa.array([7, None, 9]).dictionary_encode(), [7, None, 9]),
    "nothing": (pa.nulls(3), [None, None, None]),
    "infinite": (pa.array([1.5, math.inf, None]), ["1.5", "inf", None]),
    "rounded": (pa.array([1, 2, 2**53 + 1]), ["1", "2", "9007199254740993"]),
    "rounded_decimal": (
        pa.array([Decimal(2**53 + 1), None, None], pa.decimal128(20, 0)),
        ["9007199254740993", None, None],
    ),
    "exact_decimal": (pa.array([Decimal(2**60), None, Decimal("0.5")], pa.decimal128(21, 1)), [2**60, None, 0.5]),
    "long_decimal": (
        pa.array([Decimal(10**33 + 1), None, Decimal(1)], pa.decimal256(50, 2)),
        [f"{10**33 + 1}.00", None, "1.00"],
    ),
    "long_exact_decimal": (pa.array([Decimal(2**120), None, None], pa.decimal256(50, 0)), [2**120, None, None]),
    "date": (pa.array([datetime.date(2020, 1, 2), None, None]), ["2020-01-02", None, None]),
    "instant": (
        pa.array([1, None, None], pa.timestamp("s", tz="Europe/Berlin")),
        ["1970-01-01 00:00:01.000", None, None],
    ),
    "duration": (pa.array([1, None, None], pa.duration("s")), ["1 s", None, None]),
    "__index_level_0__": (pa.array([0, 1, 2]), [0, 1, 2]),
}


@pytest.mark.parametrize("name", PARQUET)
def test_parquet_types_are_numbers_or_words(table: Read, name: str) -> None:
    array, expected = PARQUET[name]
    read_in = table(pa.table({name: array, "b": [1, 2, 3]}))
    assert columns(read_in) == {name: expected, "b": [1, 2, 3]}
    assert (read_in.found, read_in.place(2)) == ("Parquet", "row 3")


@pytest.mark.parametrize("array", [pa.array([[1], [2]]), pa.array([{"x": 1}, {"x": 2}]), pa.array([b"x", b"y"])])
def test_a_parquet_column_of_another_type_is_refused_unless_dropped(
    table: Read, refusal: Refusal, array: pa.Array
) -> None:
    content = pa.table({"odd": array, "b": [1, 2]})
    line = refusal(content)
    assert f"'odd' is of type '{str(array.type)[:4]}" in line
    assert "Give --drop 'odd'" in line
    assert values(table(content, drop=("odd",)).columns[1]) == [1, 2]


def test_a_parquet_table_without_rows_or_columns_or_with_a_name_twice_is_refused(refusal: Refusal) -> None:
    assert "a table must have columns, however: it has none" in refusal(pa.table({}))
    assert "must have rows" in refusal(pa.table({"a": pa.array([], pa.int64())}))
    assert "'a' stands 2 times" in refusal(pa.table([pa.array([1]), pa.array([2])], names=["a", "a "]))
