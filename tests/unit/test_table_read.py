"""What is read of a table: each cell's value, or one line that names the row that can't be read."""

import bz2
import csv
import datetime
import gzip
import io
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.contract.policies import MISSING_SPELLINGS
from tests.read_tables import values
from training.errors import UserError
from training.table.cells import CellRules
from training.table.csv import csv_file
from training.table.read import read
from training.table.values import ReadOptions, ReadTable

Read = Callable[..., ReadTable]
Refusal = Callable[..., str]


@pytest.fixture
def table(tmp_path: Path) -> Read:
    def read_content(content: str | bytes | pa.Table, **options: object) -> ReadTable:
        path = tmp_path / "data.csv"
        if isinstance(content, pa.Table):
            pa.parquet.write_table(content, path, row_group_size=2)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read(path, ReadOptions(**options))  # type: ignore[arg-type]

    return read_content


@pytest.fixture
def refusal(table: Read) -> Refusal:
    def refused(content: str | bytes | pa.Table, **options: object) -> str:
        with pytest.raises(UserError) as caught:
            table(content, **options)
        line = str(caught.value)
        assert "\n" not in line
        assert "however: " in line
        return line

    return refused


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 200)
    monkeypatch.setattr(csv_file, "BYTES_FOR_EACH_COLUMN", 0)


def columns(table: ReadTable) -> dict[str, list[object]]:
    return {column.name: values(column) for column in table.columns}


ROWS = "".join(f"{row},{row / 2},w{row % 3}\n" for row in range(300))
"""More than a small block."""


def test_numbers_words_and_gaps_are_told_apart(table: Read) -> None:
    read_in = table("a, b ,y\n1, 2.5,x\n , NA , z \n-3e2,+.5,\n")
    assert columns(read_in) == {"a": [1, None, -300], "b": [2.5, None, 0.5], "y": ["x", "z", None]}
    assert (read_in.source, read_in.rows, read_in.decimal) == ("data.csv", 3, ".")


@pytest.mark.parametrize("blank", ["\u00a0", "\u2007", "\u202f", "\u200b", "\ufeff"])
def test_blanks_beyond_ascii_around_names_and_values_part_none_of_them(table: Read, blank: str) -> None:
    content = f"a{blank},{blank}b,y\n1{blank},{blank}x,yes\n{blank}NA,x{blank},yes{blank}\n{blank}\n3,NA{blank},no\n"
    read_in = table(content)
    assert columns(read_in) == {"a": [1, None, 3], "b": ["x", "x", None], "y": ["yes", "yes", "no"]}
    assert read_in.place(2) == "line 5"
    assert columns(table(f"a,b\n1{blank}000,x\n2,z\n"))["a"] == [f"1{blank}000", "2"]
    parquet = pa.table({f"a{blank}": ["yes", f"yes{blank}"]})
    assert columns(table(parquet)) == {"a": ["yes", "yes"]}


@pytest.mark.parametrize("spelling", MISSING_SPELLINGS)
def test_each_spelling_of_a_missing_value_is_one(table: Read, spelling: str) -> None:
    assert columns(table(f'a,b\n1,x\n"{spelling}", {spelling} \n')) == {"a": [1, None], "b": ["x", None]}


def test_the_users_spellings_are_missing_too_even_numbers(table: Read) -> None:
    assert columns(table("a,b,c\n?,-999,?\n1,2,x\n", missing=("?", " -999 "))) == {
        "a": [None, 1],
        "b": [None, 2],
        "c": [None, "x"],
    }
    parquet = pa.table({"b": [-999, 2], "c": ["?", "x"], "d": [1.5, -math.inf]})
    assert columns(table(parquet, missing=("?", "-999", "-inf"))) == {
        "b": [None, 2],
        "c": [None, "x"],
        "d": [1.5, None],
    }


def test_a_column_without_any_value_is_one_of_numbers(table: Read) -> None:
    assert columns(table("a,b\n1,NA\n2,\n")) == {"a": [1, 2], "b": [None, None]}


NO_NUMBERS = [
    "1_000",
    "0x10",
    "12%",
    "$1,200",
    "(5)",
    "1\N{NO-BREAK SPACE}000",
    "\N{FULLWIDTH DIGIT NINE}",
    "\N{MINUS SIGN}5",
    "inf",
    "-Infinity",
    "1e400",
    "NAN",
    "9007199254740993",
    "-18446744073709551615",
    "1e",
    ".",
    "+-5",
    "--1",
    "1 2",
    "1.2.3",
]


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_a_cell_that_is_no_number_makes_its_column_words_as_they_stand(table: Read, cell: str) -> None:
    assert columns(table(f'a,b\n1.50,7\n"{cell}",8\n')) == {"a": ["1.50", cell], "b": [7, 8]}
    assert not CellRules().is_number(cell)


@pytest.mark.parametrize("cell", ["9007199254740992", "1000000000000000000", "-0", "007", "5.", "1E+5", "1e-400", "+1"])
def test_a_number_that_float64_holds_is_one(table: Read, cell: str) -> None:
    assert columns(table(f"a,b\n{cell},1\n"))["a"] == [float(cell)]
    assert CellRules().is_number(cell)


@given(st.text(alphabet="0123456789+-.,eE_ xinfa", max_size=8))
def test_what_is_no_number_by_pythons_rule_is_none_here(cell: str) -> None:
    try:
        python = math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        python = False
    assert CellRules().is_number(cell) == python
    assert CellRules(",").is_number(cell.replace(".", ";").replace(",", ".").replace(";", ",")) == python


def test_a_decimal_comma_is_proposed_and_read_where_it_is_given(table: Read, refusal: Refusal) -> None:
    content = "a;b\nx;1,5\ny;2\nz;-,5\n"
    line = refusal(content)
    assert "column 'b' holds '1,5' in line 2" in line
    assert "Give --decimal ," in line
    read_in = table(content, decimal=",")
    assert (columns(read_in)["b"], read_in.decimal) == ([1.5, 2, -0.5], ",")
    assert read_in.found.endswith('decimal ","')
    assert columns(table(content, decimal="."))["b"] == ["1,5", "2", "-,5"]


@pytest.mark.parametrize("cells", ["1.234,5;1.000,0", "1,234;12,345"])
def test_a_comma_that_may_part_thousands_is_not_guessed(refusal: Refusal, cells: str) -> None:
    assert "--decimal ," in refusal("a;b\n" + cells + "\n")


def test_a_point_under_a_decimal_comma_is_not_guessed_either(refusal: Refusal) -> None:
    assert "column 'b' holds '1.234' in line 3" in refusal("a;b\n1,5;2\n2,5;1.234\n", decimal=",")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("cell", ["1.234", " -12.000 ", "1.100"])
def test_points_that_may_part_thousands_are_not_guessed(table: Read, refusal: Refusal, cell: str) -> None:
    content = "a;b;c\n" + ROWS.replace(",", ";").replace(".0;", ";").replace(".5;", ";") + f"7;{cell};x.y\n8;;z\n"
    line = refusal(content)
    assert f"column 'b' holds '{cell}' in line 302, and every point in a number stands before three digits" in line
    assert "Give --decimal ." in line
    assert columns(table(content, decimal="."))["b"][-2:] == [float(cell), None]
    assert columns(table(content.replace(";", ",")))["b"][-2:] == [float(cell), None]


@pytest.mark.parametrize("clear", ["0.5", "1.23", "1.2345", "1234.567", "0.123", "7.", "1.5e3", "1.230"])
def test_one_number_with_a_clear_decimal_point_is_enough(table: Read, refusal: Refusal, clear: str) -> None:
    content = f"a;b\n1.234;{clear}\n2.000;8\n"
    if clear == "1.230":
        assert "'1.234' in line 2" in refusal(content)
    else:
        assert columns(table(content))["a"] == [1.234, 2]


def test_words_with_a_comma_here_and_there_are_words(table: Read) -> None:
    assert columns(table('a,b\n1,"x, y"\n2,z\n3,"1,5"\n'))["b"] == ["x, y", "z", "1,5"]


def test_another_decimal_sign_is_refused(refusal: Refusal) -> None:
    assert "--decimal must be" in refusal("a,b\n1,2\n", decimal=";")


def test_a_column_that_is_named_as_text_keeps_its_digits_as_they_stand(table: Read) -> None:
    content = "zip,a\n02134, 1.0\n 10115 ,\nNA,01\n"
    assert columns(table(content))["zip"] == [2134, 10115, None]
    read_in = table(content, text=("zip", "a", "none"))
    assert columns(read_in) == {"zip": ["02134", "10115", None], "a": ["1.0", None, "01"]}
    assert columns(table("a;b\n1,5;2\n2,5;1\n", text=("a",))) == {"a": ["1,5", "2,5"], "b": [2, 1]}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("007", True),
        ("00 ", True),
        (" 07", True),
        ("07\u00a0", True),
        ("0", False),
        ("0.5", False),
        ("0e1", False),
        ("-0", False),
    ],
)
def test_the_first_number_with_zeros_in_front_is_found(table: Read, cell: str, *, found: bool) -> None:
    read_in = table("a,b,c\n" + ROWS + f"{cell},0,\n08,0,\n")
    assert [column.padded_row for column in read_in.columns] == [300 if found else 301, None, None]
    assert columns(read_in)["a"][300:] == [float(cell.strip()), 8]


def test_a_parquet_files_types_decide_what_is_text(table: Read) -> None:
    content = pa.table({"code": ["02134", "10115"], "number": [1, 2]})
    assert columns(table(content, text=("code", "number"))) == {"code": ["02134", "10115"], "number": [1, 2]}


@pytest.mark.usefixtures("small_blocks")
def test_a_word_in_a_late_block_turns_the_whole_column(table: Read) -> None:
    read_in = columns(table("a,b,c\n" + ROWS + "x,,NA\n"))
    assert read_in["a"] == [*(str(row) for row in range(300)), "x"]
    assert read_in["b"] == [*(row / 2 for row in range(300)), None]
    assert read_in["c"] == [*(f"w{row % 3}" for row in range(300)), None]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("row", "cells"), [("1,2", 2), ("1,2,3,4", 4), ("x", 1), ("# note", 1)])
def test_a_row_of_another_length_is_named_by_its_line(refusal: Refusal, row: str, cells: int) -> None:
    line = refusal("a,b,c\n" + ROWS + f"\n \n{row}\n1,2,3\n")
    assert f"each row must have 3 cells separated by ',', as the first line has, however: line 304 has {cells}." in line


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_blank_lines_are_no_rows_but_count_as_lines(table: Read, encoding: str) -> None:
    read_in = table(("\na,b,c\r\n\r\n" + ROWS.replace("\n", "\r\n  \r\n\r\n")).encode(encoding))
    assert read_in.rows == 300
    assert [read_in.place(row) for row in (0, 1, 299)] == ["line 4", "line 7", "line 901"]


def test_a_row_begins_where_its_quoted_lines_do(table: Read) -> None:
    read_in = table('a,"b\nc"\n1,"x\ny"\n2,z\n')
    assert columns(read_in) == {"a": [1, 2], "b\nc": ["x\ny", "z"]}
    assert [read_in.place(0), read_in.place(1)] == ["line 3", "line 5"]


@pytest.mark.usefixtures("small_blocks")
def test_a_byte_that_is_not_utf_8_in_a_late_row_is_named_by_its_line(refusal: Refusal) -> None:
    line = refusal(("a,b,c\n" + ROWS + "1,2,café\n").encode("latin-1"))
    assert "line 302 holds the byte 0xe9" in line
    assert "--encoding latin-1" in line


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("rows", ["", ROWS])
def test_a_header_that_comes_again_is_named_by_its_line(refusal: Refusal, table: Read, rows: str) -> None:
    content = "a,b,2001\n" + rows + "1,2,x\n a,b,2001\n3,4,z\n"
    line = refusal(content)
    assert f"line {rows.count(chr(10)) + 3} repeats it ('a,b,2001'). Delete that line" in line
    assert table(content, header=False).rows == rows.count("\n") + 4
    assert columns(table("a,b,c\n1,b,x\n2,b,y\n"))["b"] == ["b", "b"]


@pytest.mark.usefixtures("small_blocks")
def test_a_quote_that_is_never_closed_swallows_no_rows(refusal: Refusal) -> None:
    content = "a,b,c\n" + ROWS + '1,2,"x\n' + "4,5,6\n" * 10
    for options in ({}, {"drop": ("c",)}):
        assert "opened in line 302 or below is not closed" in refusal(content, **options)
    assert "opened in line 302 or below is not closed" in refusal(content + ROWS)
    assert "opened in line 302 or below is not closed" in refusal("a,b,c\n" + ROWS + '"1,2,x\n' + "4,5,6\n" * 10)
    assert "line 302 has 2." in refusal("a,b,c\n" + ROWS + '"1\n2",x\n')


def test_a_quote_that_closes_within_a_later_cell_merges_no_rows(refusal: Refusal) -> None:
    assert "opened in line 2 or below is closed within a cell" in refusal('a,b\n1,"x\n5,x\n7,"y z"\n8,9\n')


def test_a_quote_behind_a_blank_is_refused(refusal: Refusal) -> None:
    assert "a quote must directly follow ',', however: a cell is ' \"x\"'" in refusal('a, b\n1, "x"\n2, "y"\n')


@pytest.mark.usefixtures("small_blocks")
def test_a_row_longer_than_a_block_is_refused(refusal: Refusal) -> None:
    assert "a row must fit 200 bytes" in refusal("a,b,c\n" + ROWS + "1,2," + "z" * 500 + "\n")


@pytest.mark.parametrize("content", ["a,b,\n1,2,\n3,4,NA\n", "a,b,,\n1,2,,\n3,4,,\n"])
def test_empty_columns_at_the_end_are_left_out_and_told(table: Read, content: str) -> None:
    read_in = table(content)
    assert columns(read_in) == {"a": [1, 3], "b": [2, 4]}
    assert "empty at the end left out" in read_in.found


def test_a_first_column_without_a_name_gets_pandas_name(table: Read) -> None:
    read_in = table(",a,b\n0,2,\n1,3,\n")
    assert columns(read_in) == {"Unnamed: 0": [0, 1], "a": [2, 3], "b": [None, None]}


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        ("a,a,y\n1,2,3\n", "'a' stands 2 times"),
        ("a, a,y\n1,2,3\n", "'a' stands 2 times"),
        ("a,,y\n1,2,3\n", "column 2 has none"),
        ("a,b,\n1,2,\n1,2,7\n", "line 3 holds '7' in it"),
        ("a,b,\n1,2,x\n", "line 2 holds 'x' in it"),
        ("a,b\n", "it has a header alone"),
        ("a,b\n\n \n", "it has a header alone"),
    ],
)
def test_names_that_cannot_be_kept_and_tables_without_rows_are_refused(
    refusal: Refusal, content: str, fact: str
) -> None:
    assert fact in refusal(content)


def test_strange_names_are_kept(table: Read) -> None:
    strange = ["a\nb", "[c]", "d'\"e", "x" * 1000, "größe", "f.g"]
    text = io.StringIO()
    csv.writer(text).writerows([strange, range(6)])
    assert columns(table(text.getvalue())) == {name: [number] for number, name in enumerate(strange)}
    assert columns(table(pa.table({name: [1] for name in strange}))) == {name: [1] for name in strange}


def test_dropped_columns_are_listed_without_values(table: Read, refusal: Refusal) -> None:
    dropped = table("a,b,c\n1,x,2\n", drop=("b",)).columns[1]
    assert (dropped.name, dropped.numbers, dropped.words) == ("b", None, None)
    assert "--drop leaves none" in refusal("a,b\n1,2\n", drop=("a", "b"))
    assert [column.numbers is None for column in table("a,a,y\n1,2,3\n", drop=("a",)).columns] == [True, True, False]


INSTANTS = ["1970-01-01 00:00:01.000", None, None]
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


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "zstd": zstd,
}
WORDS = st.text(st.characters(codec="latin-1", exclude_categories=["C", "Z"]), max_size=6).map(lambda text: f"w{text}")
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.none() | NUMBERS, st.none() | WORDS, NUMBERS), min_size=1, max_size=30),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    compression=st.sampled_from(list(COMPRESS)),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_a_table_is_read_as_it_was_written(
    rows: list[tuple[float | None, str | None, float]],
    separator: str,
    decimal: str,
    encoding: str,
    compression: str,
    line_end: str,
) -> None:
    def written(value: float | str | None) -> str:
        if isinstance(value, float):
            return repr(value).replace(".", decimal)
        return value or ""

    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=line_end)
    writer.writerow(["number", "word", "last"])
    writer.writerows([written(cell) for cell in row] for row in rows)
    options = ReadOptions(separator=separator, decimal=decimal, encoding="latin-1" if encoding == "latin-1" else None)
    with TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        path.write_bytes(COMPRESS[compression](text.getvalue().encode(encoding)))
        read_in = read(path, options)
        assert read_in.place(len(rows) - 1) == f"line {len(rows) + 1}"
    assert read_in.rows == len(rows)
    expected = zip(*rows, strict=True)
    assert [values(column) for column in read_in.columns] == [list(column) for column in expected]


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | NUMBERS, st.none() | WORDS), min_size=1, max_size=30))
def test_parquet_and_csv_read_alike(rows: list[tuple[float | None, str | None]]) -> None:
    numbers, words = (list(column) for column in zip(*rows, strict=True))
    content = pa.table(
        {"a": pa.array(numbers, pa.float64()), "b": pa.array(words, pa.string()), "c": [1.0] * len(rows)}
    )
    with TemporaryDirectory() as folder:
        parquet, text = Path(folder, "data.parquet"), Path(folder, "data.csv")
        pa.parquet.write_table(content, parquet)
        pa.csv.write_csv(content, text)
        from_parquet, from_csv = (columns(read(path, ReadOptions())) for path in (parquet, text))
    assert from_parquet == from_csv == {"a": numbers, "b": words, "c": [1.0] * len(rows)}
