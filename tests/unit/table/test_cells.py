"""What a cell is: a number, a word, or nothing; in which decimal sign."""

import math

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.codec.columns import Columns
from service.contract.policies import MISSING_SPELLINGS
from tests.raw_columns import INCOME
from tests.read_tables import MANY_ROWS, Read, Refusal, columns
from training.table.cells import CellRules
from training.table.values import ReadOptions


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


MIXED_NUMBERS = "-999.0,x,\n1,-9.99e2,\n-999,7,000\n-998,-999,y\n"


@pytest.mark.parametrize("blocks", ["one", "several"])
def test_a_missing_number_is_one_however_it_is_written_among_words_too(
    table: Read, request: pytest.FixtureRequest, blocks: str
) -> None:
    if blocks == "several":
        request.getfixturevalue("small_blocks")
    read_in = columns(table("a,b,c\n" + MIXED_NUMBERS * 100, missing=("-999", "0")))
    expected: dict[str, list[object]] = {
        "a": [None, 1, None, -998],
        "b": ["x", None, "7", None],
        "c": [None, None, None, "y"],
    }
    assert read_in == {name: values * 100 for name, values in expected.items()}
    comma = table("a;b\n-99,90;-99,900\n1;x\n-0;y\n", decimal=",", missing=("-99,9", "0"))
    assert columns(comma) == {"a": [None, 1, None], "b": [None, "x", "y"]}
    strings = pa.table({"a": ["-999.0", "x"], "b": ["1", "-999"]})
    assert columns(table(strings, missing=("-999",))) == {"a": [None, "x"], "b": ["1", None]}


NUMBERS_AND_WORDS = st.text(alphabet="0129+-.eE x", max_size=6)


@given(NUMBERS_AND_WORDS, st.lists(NUMBERS_AND_WORDS.map(str.strip), max_size=3))
def test_a_cell_is_missing_here_where_the_service_takes_it_for_missing(cell: str, missing: list[str]) -> None:
    columns_of_service = Columns([INCOME], missing=(*MISSING_SPELLINGS, *missing))
    coded = columns_of_service.columns[0].code_text(cell, columns_of_service.missing)
    here = CellRules(missing=tuple(missing)).words(pa.array([cell])).null_count == 1
    assert here == (isinstance(coded, float) and math.isnan(coded))


@pytest.mark.parametrize("given", ["-9,9", "-9.9"])
def test_a_missing_number_may_have_a_point_and_the_service_knows_it(table: Read, given: str) -> None:
    strings = pa.table({"a": ["-9,90", "1,5"], "b": [-9.9, 1.5]})
    for content in ("a;b\n-9,90;-9,9\n1,5;1,5\n", strings):
        assert columns(table(content, decimal=",", missing=(given,)))["b"] == [None, 1.5]
        assert columns(table(content, decimal=",", missing=(given,)))["a"] in ([None, 1.5], [None, "1,5"])
    kept = ReadOptions(decimal=",", missing=(given, "?")).kept_missing
    assert set(kept) == {given, "?", "-9.9"}
    service = Columns([INCOME], missing=(*MISSING_SPELLINGS, *kept))
    assert math.isnan(float(str(service.columns[0].code_text("-9.9", service.missing))))


def test_a_missing_number_has_the_decimal_sign_of_its_file(table: Read) -> None:
    read_in = table("a;b\n-99,9;x\n1,5;y\n", decimal=",", missing=("-99,9",))
    assert columns(read_in) == {"a": [None, 1.5], "b": ["x", "y"]}


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
    content = "a;b;c\n" + MANY_ROWS.replace(",", ";").replace(".0;", ";").replace(".5;", ";") + f"7;{cell};x.y\n8;;z\n"
    line = refusal(content)
    assert f"column 'b' holds '{cell}' in line 302, and every point in a number stands before three digits" in line
    assert "Give --decimal ." in line
    assert columns(table(content, decimal="."))["b"][-2:] == [float(cell), None]
    assert columns(table(content.replace(";", ",")))["b"][-2:] == [float(cell), None]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_points_are_in_doubt_wherever_no_comma_separates(table: Read, refusal: Refusal, separator: str) -> None:
    content = "a;b\n1;2.627\n2;107\n3;361\n4;16.244\n".replace(";", separator)
    assert "column 'b' holds '2.627' in line 2" in refusal(content)
    assert columns(table(content, decimal="."))["b"] == [2.627, 107, 361, 16.244]


@pytest.mark.parametrize("clear", ["0.5", "1.23", "1.2345", "1234.567", "0.123", "7.", "1.5e3", "1.230"])
def test_one_number_with_a_clear_decimal_point_is_enough(table: Read, refusal: Refusal, clear: str) -> None:
    content = f"a;b\n1.234;{clear}\n2.000;8\n"
    if clear == "1.230":
        assert "'1.234' in line 2" in refusal(content)
    else:
        assert columns(table(content))["a"] == [1.234, 2]


def test_decimal_commas_of_a_parquet_file_are_asked_about_too(table: Read, refusal: Refusal) -> None:
    content = pa.table({"a": ["1,5", "2,5", "3"], "b": [1, 2, 3]})
    line = refusal(content)
    assert "column 'a' holds '1,5' in row 1. Give --decimal , and --numeric 'a' where that comma is the" in line
    for decimal in (",", "."):
        assert columns(table(content, decimal=decimal))["a"] == ["1,5", "2,5", "3"]
    assert columns(table(content, text=("a",)))["a"] == ["1,5", "2,5", "3"]


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
    read_in = table("a,b,c\n" + MANY_ROWS + f"{cell},0,\n08,0,\n")
    assert [column.padded_row for column in read_in.columns] == [300 if found else 301, None, None]
    assert columns(read_in)["a"][300:] == [float(cell.strip()), 8]
