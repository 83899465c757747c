"""The rows and columns of a CSV file, or one line that names the row that can't be read."""

import csv
import io

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.read_tables import MANY_ROWS, Read, Refusal, columns


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


@pytest.mark.usefixtures("small_blocks")
def test_a_word_in_a_late_block_turns_the_whole_column(table: Read) -> None:
    read_in = columns(table("a,b,c\n" + MANY_ROWS + "x,,NA\n"))
    assert read_in["a"] == [*(str(row) for row in range(300)), "x"]
    assert read_in["b"] == [*(row / 2 for row in range(300)), None]
    assert read_in["c"] == [*(f"w{row % 3}" for row in range(300)), None]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("row", "cells"), [("1,2", 2), ("1,2,3,4", 4), ("x", 1), ("# note", 1)])
def test_a_row_of_another_length_is_named_by_its_line(refusal: Refusal, row: str, cells: int) -> None:
    line = refusal("a,b,c\n" + MANY_ROWS + f"\n \n{row}\n1,2,3\n")
    assert f"each row must have 3 cells separated by ',', as the first line has, however: line 304 has {cells}." in line


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_blank_lines_are_no_rows_but_count_as_lines(table: Read, encoding: str) -> None:
    read_in = table(("\na,b,c\r\n\r\n" + MANY_ROWS.replace("\n", "\r\n  \r\n\r\n")).encode(encoding))
    assert read_in.rows == 300
    assert [read_in.place(row) for row in (0, 1, 299)] == ["line 4", "line 7", "line 901"]


def test_a_row_begins_where_its_quoted_lines_do(table: Read) -> None:
    read_in = table('a,"b\nc"\n1,"x\ny"\n2,z\n')
    assert columns(read_in) == {"a": [1, 2], "b\nc": ["x\ny", "z"]}
    assert [read_in.place(0), read_in.place(1)] == ["line 3", "line 5"]


@pytest.mark.usefixtures("small_blocks")
def test_a_byte_that_is_not_utf_8_in_a_late_row_is_named_by_its_line(refusal: Refusal) -> None:
    line = refusal(("a,b,c\n" + MANY_ROWS + "1,2,café\n").encode("latin-1"))
    assert "line 302 holds the byte 0xe9" in line
    assert "0xe9, cp1252 or latin-1 for" in line
    assert "Give --encoding cp1252" in line


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("rows", ["", MANY_ROWS])
def test_a_header_that_comes_again_is_named_by_its_line(refusal: Refusal, table: Read, rows: str) -> None:
    content = "a,b,2001\n" + rows + "1,2,x\n a,b,2001\n3,4,z\n"
    line = refusal(content)
    assert f"line {rows.count(chr(10)) + 3} repeats it ('a,b,2001'). Delete that line" in line
    assert table(content, header=False).rows == rows.count("\n") + 4
    assert columns(table("a,b,c\n1,b,x\n2,b,y\n"))["b"] == ["b", "b"]


@pytest.mark.usefixtures("small_blocks")
def test_a_quote_that_is_never_closed_swallows_no_rows(refusal: Refusal) -> None:
    content = "a,b,c\n" + MANY_ROWS + '1,2,"x\n' + "4,5,6\n" * 10
    for options in ({}, {"drop": ("c",)}):
        assert "opened in line 302 or below is not closed" in refusal(content, **options)
    assert "opened in line 302 or below is not closed" in refusal(content + MANY_ROWS)
    assert "opened in line 302 or below is not closed" in refusal("a,b,c\n" + MANY_ROWS + '"1,2,x\n' + "4,5,6\n" * 10)
    assert "line 302 has 2." in refusal("a,b,c\n" + MANY_ROWS + '"1\n2",x\n')


def test_a_quote_that_closes_within_a_later_cell_merges_no_rows(refusal: Refusal) -> None:
    assert "opened in line 2 or below is closed within a cell" in refusal('a,b\n1,"x\n5,x\n7,"y z"\n8,9\n')


LATE = "".join(f"{row},w{row % 3}\n" for row in range(60_000))
"""More than a head."""


@pytest.mark.parametrize("rows", ["", LATE])
def test_a_quote_that_a_backslash_is_to_keep_is_refused_wherever_it_stands(refusal: Refusal, rows: str) -> None:
    line = refusal("a,b\n" + rows + '7,"12\\" pipe"\n')
    number = rows.count("\n") + 2
    assert f"quotes must stand around whole cells, however: one that is opened in line {number} or below" in line


@pytest.mark.parametrize("cell", ['"abc"def', '"1"2', '"1" 2'])
def test_a_quote_within_a_cell_is_refused_in_the_first_rows_though_it_leaves_no_trace(
    refusal: Refusal, cell: str
) -> None:
    assert "one that is opened in line 3 or below is closed within a cell" in refusal(f"a,b\n1,2\n3,{cell}\n")


def test_quotes_in_their_places_are_read(table: Read) -> None:
    read_in = columns(table('a,b\n"x" ,"12"" pipe"\n"y, "\t,5" pipe\n z,"" \n' + LATE))
    assert read_in["a"][:3] == ["x", "y,", "z"]
    assert read_in["b"][:3] == ['12" pipe', '5" pipe', None]


def test_a_quote_behind_a_blank_is_refused(refusal: Refusal) -> None:
    assert "a quote must directly follow ',', however: a cell is ' \"x\"'" in refusal('a, b\n1, "x"\n2, "y"\n')


@pytest.mark.usefixtures("small_blocks")
def test_a_row_longer_than_a_block_is_refused(refusal: Refusal) -> None:
    assert "a row must fit 200 bytes" in refusal("a,b,c\n" + MANY_ROWS + "1,2," + "z" * 500 + "\n")


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
