"""A table of several files: one table, whatever the order of the columns; or one line that names the file."""

import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.read_tables import columns, values
from training.errors import UserError
from training.table.read import read
from training.table.values import ReadOptions

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Write:
    """Write files into a folder, texts as they are and tables as Parquet."""

    def write(**contents: str | pa.Table) -> Path:
        for name, content in contents.items():
            path = tmp_path / name.replace("_", ".")
            if isinstance(content, pa.Table):
                pa.parquet.write_table(content, path)
            else:
                path.write_text(content)
        return tmp_path

    return write


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(UserError) as caught:
        read(path, ReadOptions(**options))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_are_one_table_in_the_order_of_their_names_whatever_that_of_their_columns(folder: Write) -> None:
    path = folder(b_csv="y,a\nno,3\n", a_csv="a,y\n1,yes\n2,no\n", c_csv="a;y\n4.5;x\n")
    for table in (read(path, ReadOptions()), read(path / "*.csv", ReadOptions())):
        assert columns(table) == {"a": [1, 2, 3, 4.5], "y": ["yes", "no", "no", "x"]}
        assert [table.place(row) for row in range(4)] == [
            "a.csv, line 2", "a.csv, line 3", "b.csv, line 2", "c.csv, line 2",
        ]  # fmt: skip
    assert table.source == "*.csv"


def test_a_shard_without_rows_is_passed_over(folder: Write) -> None:
    empty, full = pa.table({"a": pa.array([], pa.int64())}), pa.table({"a": [1.5, None]})
    table = read(folder(a_parquet=full, b_parquet=empty, c_parquet=full), ReadOptions())
    assert columns(table) == {"a": [1.5, None, 1.5, None]}
    assert table.place(2) == "c.parquet, row 1"


def test_a_word_in_a_late_file_makes_a_column_of_words_of_all(folder: Write) -> None:
    table = read(folder(a_csv="a,b\n1,2\n3,4\n", b_csv="a,b\nx,6\n"), ReadOptions())
    assert columns(table) == {"a": ["1", "3", "x"], "b": [2, 4, 6]}
    assert table.place(2) == "b.csv, line 2"


@pytest.mark.parametrize(
    ("late", "words"),
    [
        ("a\n1\n", "b.csv: all files of a table must have the same columns, however: it lacks 'y', unlike a.csv"),
        ("a,y,z\n1,2,3\n", "b.csv: .* it has 'z' as well, unlike a.csv"),
        ("a,y,\n1,2,\n", "b.csv: .* it has 1 at its end without a name, and a.csv has 0"),
        ("", "b.csv: .* the file is empty"),
        ('{"a": 1}', "b.csv: .* this is JSON"),
        ("a,y\n1,2\n3\n", "b.csv: each row must have 2 cells .* line 3 has 1"),
        (
            pa.table({"a": [1.0], "y": [2.0]}),
            "b.csv: all files .* one format, however: it is Parquet, and a.csv is CSV",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named(folder: Write, late: str | pa.Table, words: str) -> None:
    assert re.search(words, refusal(folder(a_csv="a,y\n1,2\n", b_csv=late)))


def test_columns_that_are_dropped_may_be_missing_from_a_file(folder: Write) -> None:
    table = read(folder(a_csv="a,id\n1,x\n", b_csv="a\n2\n"), ReadOptions(drop=("id",)))
    assert values(table.columns[0]) == [1, 2]


def test_a_folder_and_a_pattern_without_a_table_are_refused(folder: Write) -> None:
    path = folder(notes_md="none")
    assert "no file in" in refusal(path)
    assert "none matches" in refusal(path / "*.csv")


def test_numbers_and_text_of_two_files_are_words_that_the_kinds_decide_on(folder: Write) -> None:
    table = read(folder(a_parquet=pa.table({"a": [1, 2]}), b_parquet=pa.table({"a": ["x", None]})), ReadOptions())
    assert columns(table) == {"a": ["1", "2", "x", None]}
