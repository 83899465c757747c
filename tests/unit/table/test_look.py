"""What a look at a file finds, and what is refused because it is foreign or stays in doubt."""

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.read_tables import Read, Refusal
from training.errors import UserError, quoted
from training.table.read import read
from training.table.values import ReadOptions, ReadTable


def names(table: ReadTable) -> list[str]:
    return [column.name for column in table.columns]


def tar_of(content: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("data.csv")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def parquet_of(**columns: object) -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), sink)
    return sink.getvalue()


TABLE = b"a,b,y\n1,2.5,x\n3,4.5,z\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (TABLE, "CSV, UTF-8, separated by ','"),
        (TABLE.replace(b",", b";"), "CSV, UTF-8, separated by ';'"),
        (TABLE.replace(b",", b"\t"), "CSV, UTF-8, separated by tab"),
        (TABLE.replace(b",", b"|"), "CSV, UTF-8, separated by '|'"),
        (TABLE.replace(b"\n", b"\r\n"), "CSV, UTF-8, separated by ','"),
        (TABLE.replace(b"\n", b"\r"), "CSV, UTF-8, separated by ','"),
        (b"\xef\xbb\xbf" + TABLE, "CSV, UTF-8, separated by ','"),
        (TABLE.decode().encode("utf-16"), "CSV, UTF-16, separated by ','"),
        (b"\xfe\xff" + TABLE.decode().encode("utf-16-be"), "CSV, UTF-16, separated by ','"),
        (b"'a','b','y'\n1,2.5,'x'\n3,4.5,'z'\n", "CSV, UTF-8, separated by ',', quoted by '"),
        (gzip.compress(TABLE), "CSV, UTF-8, separated by ',', compressed by gzip"),
        (gzip.compress(TABLE[:12]) + gzip.compress(TABLE[12:]), "CSV, UTF-8, separated by ',', compressed by gzip"),
        (bz2.compress(TABLE), "CSV, UTF-8, separated by ',', compressed by bz2"),
        (parquet_of(a=[1.0, 3.0], b=[2.5, 4.5], y=["x", "z"]), "Parquet"),
    ],
)
def test_what_is_certain_is_found_whatever_the_file_is_called(table: Read, content: bytes, found: str) -> None:
    looked = table(content)
    assert (looked.found, looked.rows, names(looked)) == (found, 2, ["a", "b", "y"])
    numbers, words = looked.columns[1].numbers, looked.columns[2].words
    assert numbers is not None
    assert words is not None
    assert (numbers.tolist(), words.to_pylist()) == ([2.5, 4.5], ["x", "z"])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04....", "a zip archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook"),
        (lzma.compress(TABLE), "compressed by xz"),
        (tar_of(TABLE), "a tar archive"),
        (gzip.compress(tar_of(TABLE)), "a tar archive"),
        (gzip.compress(parquet_of(a=[1])), "a Parquet file inside gzip"),
        (b'{"a": 1, "b": 2}', "JSON"),
        (b' [{"a": 1}]', "JSON"),
        (b"<!DOCTYPE html><table>", "HTML or XML"),
        (b"@relation iris\n@attribute a real\n", "an ARFF file"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
    ],
)
@pytest.mark.parametrize("name", ["data.csv", "data.parquet"])
def test_a_foreign_format_is_named_whatever_the_file_is_called(
    refusal: Refusal, content: bytes, kind: str, name: str
) -> None:
    if name == "data.parquet" and kind in {"JSON", "HTML or XML", "an ARFF file"}:
        kind = "must be Parquet"
    assert kind in refusal(content, name)


def test_text_named_parquet_is_refused_by_its_beginning(refusal: Refusal) -> None:
    line = refusal(TABLE, "data.parquet")
    assert "must be Parquet, however: it begins with 'a,b,y\\n1,2.5,x" in line
    assert "rename it to .csv" in line


@pytest.mark.parametrize("content", [b"", b"\n\n", gzip.compress(b"")])
def test_an_empty_file_is_refused(refusal: Refusal, content: bytes) -> None:
    assert "the file is empty" in refusal(content)


@pytest.mark.parametrize("content", [gzip.compress(TABLE * 9)[:40], b"PAR1....", bz2.compress(TABLE)[:20]])
def test_a_broken_file_is_refused_in_its_readers_words(refusal: Refusal, content: bytes) -> None:
    assert "a table must be a readable CSV or Parquet file" in refusal(content)


def test_an_empty_folder_and_a_missing_file_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--data must name files, however: no file in"):
        read(tmp_path, ReadOptions())
    with pytest.raises(UserError, match="--data must name a file"):
        read(tmp_path / "nowhere.csv", ReadOptions())


@pytest.mark.parametrize("content", ["a,b;c\nx,y;z\n", "a b;c,d\nx y;p,q\n"])
def test_two_separators_that_fit_are_both_proposed(refusal: Refusal, table: Read, content: str) -> None:
    assert "Give --separator ',' or --separator ';'." in refusal(content)
    assert len(table(content, separator=";").columns) == 2


def test_a_separator_in_a_quoted_name_or_a_few_cells_is_no_doubt(table: Read) -> None:
    assert names(table('"a;b";c\n1;2\n')) == ["a;b", "c"]
    assert names(table("a,b\nx;y,1\nz,2\n")) == ["a", "b"]
    assert names(table("height, cm\tweight, kg\n180\t80\n170\t60\n")) == ["height, cm", "weight, kg"]


@pytest.mark.parametrize("separator", ["tab", "\\t", "\t"])
def test_tab_has_three_spellings(table: Read, separator: str) -> None:
    assert names(table("a\tb\n1\t2\n", separator=separator)) == ["a", "b"]


@pytest.mark.parametrize("separator", [",,", "é", "1", '"', "."])
def test_a_separator_that_cannot_be_one_is_refused(refusal: Refusal, separator: str) -> None:
    assert f"however: {quoted(separator)}" in refusal(TABLE, separator=separator)


def test_blanks_between_cells_are_proposed_as_separator(refusal: Refusal, table: Read) -> None:
    assert "--separator ' '" in refusal("a b c\n1 2 3\n4 5 6\n")
    assert names(table("a b c\n1 2 3\n4 5 6\n", separator=" ")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "above", ["Report of 2020\n\n", "# by hand, on a ship\n", "% comment\n", "sep=,\n", "Title\nSubtitle, of two\n"]
)
def test_lines_above_the_header_are_named_with_the_line_of_the_header(refusal: Refusal, above: str) -> None:
    line = refusal(above + "a,b,c\n1,2,3\n4,5,6\n")
    assert "line 1 (" in line
    assert f"Delete what stands above line {above.count(chr(10)) + 1}" in line


def test_a_name_that_begins_like_a_comment_is_a_name(table: Read) -> None:
    assert names(table("#,a\n1,2\n")) == ["#", "a"]


def test_one_column_of_decimal_commas_is_refused_with_both_lines(refusal: Refusal) -> None:
    assert "line 1 ('a') has 1 cell, and line 2 ('1,5') has 2" in refusal("a\n1,5\n2,5\n")


@pytest.mark.parametrize(
    "content",
    [
        "5.1,3.5,setosa\n4.9,3,setosa\n",
        "1,2\n3,4\n",
        "39, P, 7, 7\n50, Q, 8, 9\n",
        "x,7\ny,8\n",
        "x,s,y\nx,t,y\n",
    ],
)
def test_a_header_that_is_data_is_refused_with_the_option(refusal: Refusal, table: Read, content: str) -> None:
    assert "Give --no-header" in refusal(content)
    looked = table(content, header=False)
    assert (looked.rows, names(looked)[:2]) == (2, ["column_1", "column_2"])
    assert looked.place(0) == "line 1"
    assert "without a header" in looked.found


@pytest.mark.parametrize("header", [",0,1,2", "country,1990,1991,1992", "0,1,2,3", "x,2000,2010,2020"])
def test_names_that_count_on_are_a_header(table: Read, header: str) -> None:
    assert table(f"{header}\n7,1,2,9\n8,5,6,3\n").rows == 2


def test_bytes_that_are_not_utf_8_are_named_and_latin_1_is_proposed(refusal: Refusal, table: Read) -> None:
    content = "a,b\n1,café\n".encode("latin-1")
    line = refusal(content)
    assert "line 2 holds the byte 0xe9, cp1252 or latin-1 for '1,café'. Give --encoding cp1252" in line
    looked = table(content, encoding="latin-1")
    assert looked.found.startswith("CSV, Latin-1")
    assert looked.columns[1].words is not None
    assert looked.columns[1].words.to_pylist() == ["café"]


def test_a_header_that_is_not_utf_8_is_named(refusal: Refusal) -> None:
    assert "line 1 holds the byte 0xf6" in refusal("größe,b\n1,2\n".encode("latin-1"))


def test_a_byte_that_latin_1_does_not_print_is_one_of_windows(refusal: Refusal) -> None:
    assert "0x84, cp1252 for '1,„x“'. Give --encoding cp1252" in refusal("a,b\n1,„x“\n".encode("cp1252"))


def test_what_is_proposed_reads_the_rest_of_the_file_too(refusal: Refusal, table: Read) -> None:
    content = "a,b\n1,café\n2,ab€\n".encode("cp1252")
    assert "Give --encoding cp1252" in refusal(content)
    words = table(content, encoding="cp1252").columns[1].words
    assert words is not None
    assert words.to_pylist() == ["café", "ab€"]
    assert "Give --encoding latin-1" in refusal(b"a,b\n1,caf\xe9\n2,\x81\n")


@pytest.mark.parametrize("content", ["a,b\n1,ab€\n", "a,ab€\n1,x\n"])
def test_control_characters_that_latin_1_makes_are_refused(refusal: Refusal, content: str) -> None:
    line = refusal(content.encode("cp1252"), encoding="latin-1")
    assert "latin-1 has but control characters for a part of 'ab€'. Give --encoding cp1252" in line


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_proposed(refusal: Refusal, table: Read, encoding: str) -> None:
    content = TABLE.decode().encode(encoding)
    assert f"Give --encoding {encoding}." in refusal(content)
    assert names(table(content, encoding=encoding)) == ["a", "b", "y"]


def test_zeros_are_no_text(refusal: Refusal) -> None:
    assert "byte 4, in line 1, is zero" in refusal(b"\x01\x02\x03\x04\x00\x00\x05\x06")
    assert "byte 17, in line 3, is zero, which no UTF-8 text holds. Delete it" in refusal(TABLE.replace(b"4.5", b"4\0"))


def test_an_unknown_encoding_and_one_that_does_not_fit_are_refused(refusal: Refusal) -> None:
    assert "'klingon' is unknown" in refusal(TABLE, encoding="klingon")
    assert "'hex' is unknown" in refusal(TABLE, encoding="hex")
    assert "Leave --encoding out" in refusal(b"\xef\xbb\xbf" + TABLE, encoding="latin-1")
    assert "it holds no byte of zero, as UTF-16 has" in refusal(TABLE * 2, encoding="utf-16")


def test_a_first_line_without_an_end_is_refused(refusal: Refusal) -> None:
    assert "its first line does not end" in refusal('"a,b\n' + "1,2\n" * 2_000_000)


def test_names_in_messages_are_quoted_escaped_and_short() -> None:
    assert quoted("a b ") == "'a b '"
    assert quoted("a\nb'\"") == "'a\\nb\\'\"'"
    assert len(quoted("x" * 1000)) < 70
