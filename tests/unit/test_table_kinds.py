"""What a column is taken for, and in which words one is refused that is nothing of the kind."""

from collections.abc import Callable

import pytest

from tests.read_tables import ROWS, Value, decide, kind_of, read_table, refusal, table_with
from training.errors import UserError
from training.table.values import ColumnOptions

NUMERIC = ColumnOptions(numeric=("x",))
CATEGORY = ColumnOptions(category=("x",))


def among_numbers(word: Value) -> Callable[[int], Value]:
    """Numbers, but for the fourth value: line 5 of the file."""
    return lambda row: word if row == 3 else str(row * 0.25)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda row: row * 0.3, "number"),
        (lambda row: row % 2, "boolean"),
        (lambda row: None if row % 3 else row % 2, "boolean"),
        (lambda row: row % 3, "number"),
        (lambda row: "yes" if row % 3 else "No", "boolean"),
        (lambda row: "TRUE" if row % 3 else "false", "boolean"),
        (lambda row: "t" if row % 3 else "f", "boolean"),
        (lambda row: "1" if row % 3 else "0", "boolean"),
        (lambda row: "yes" if row % 3 else "false", "category"),
        (lambda row: "yes" if row % 3 else None, "category"),
        (lambda row: f"city {row % 7}", "category"),
        (lambda row: str(row % 5), "category"),
        (lambda row: f"A{row % 5}" if row % 3 else "7", "category"),
        (lambda row: 1.23456789e20 * row, "number"),
    ],
)
def test_the_kind_of_a_column(make: Callable[[int], Value], kind: str) -> None:
    assert kind_of(make) == kind


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("12%", "a percentage"),
        ("$1,200", "an amount with its currency"),
        ("1.200 €", "an amount with its currency"),
        ("(5)", "a number in brackets"),
        ("\u22125", "a minus that is not ASCII"),
        ("\u20135.5", "a minus that is not ASCII"),
        ("1_000", "a number with marks between its digits"),
        ("1\u00a0000", "a number with marks between its digits"),
        ("\uff11\uff12", "digits that are not ASCII"),
        ("inf", "an infinite number"),
        ("-Infinity", "an infinite number"),
        ("1e400", "a number beyond float64"),
    ],
)
def test_a_number_in_another_dress_is_named_with_its_line(word: str, what: str) -> None:
    line = refusal(among_numbers(word))
    assert "column 'x' must be numeric, however: line 5 holds " in line
    assert f", {what}. " in line
    assert "--missing" in line
    assert "--drop 'x'" in line


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("12,5%", "a percentage"),
        ("\u22125,5", "a minus that is not ASCII"),
        ("1.234,5", "a number with marks between its digits"),
        ("1.234", "a number with marks between its digits"),
        ("1 234,5", "a number with marks between its digits"),
        ("1,5e400", "a number beyond float64"),
        ("1e400", "a number beyond float64"),
    ],
)
def test_so_is_one_among_numbers_with_a_decimal_comma(word: str, what: str) -> None:
    line = refusal(lambda row: word if row == 3 else f"{row},25", decimal=",")
    assert f"column 'x' must be numeric, however: line 5 holds {word!r}, {what}. " in line


@pytest.mark.parametrize("word", ["1.870.880", "-12.345.678.901"])
def test_points_between_thousands_are_no_reason_to_take_the_others_as_decimals(word: str) -> None:
    line = refusal(lambda row: word if row == 3 else f"{row + 1}.627")
    assert f"line 5 holds '{word}', a number whose points part thousands. Write all numbers of the column with" in line
    assert "--drop 'x'" in line
    assert "--missing" not in line
    assert "--numeric" not in line


def test_a_column_of_nothing_but_thousands_is_refused_too() -> None:
    for decimal, mark in ((",", "."), (".", ",")):
        line = refusal(lambda row, by=f"{mark}234{decimal}5": f"{row % 7}{by}", decimal=decimal)  # type: ignore[misc]
        assert f"line 2 holds '0{mark}234{decimal}5', a number with marks between its digits" in line


def test_a_column_of_nothing_but_percentages_is_refused_too() -> None:
    assert "line 2 holds '0%', a percentage" in refusal(lambda row: f"{row % 7}%")


def test_words_in_a_column_of_numbers_are_named_with_their_lines() -> None:
    words = {3: "n.a.", 9: "unknown", 20: "n.a."}
    line = refusal(lambda row: words.get(row, str(row)))
    assert "line 5 holds 'n.a.', line 11 holds 'unknown' (3 of 60 values are words)" in line
    assert "--missing 'n.a.' --missing 'unknown' where that means no value" in line
    assert "--numeric 'x'" in line
    assert "--category 'x'" in line


def test_a_decimal_comma_is_a_number_where_the_file_has_them() -> None:
    assert "line 5 holds 'x'" in refusal(lambda row: "x" if row == 3 else f"{row},5", decimal=",")


def test_numeric_takes_words_for_missing_and_counts_them() -> None:
    decided = decide(table_with(among_numbers("n.a.")), options=NUMERIC)
    assert decided.features[1].kind == "number"
    (suspect,) = [suspect for suspect in decided.suspects if suspect.kind == "words"]
    assert suspect.sentence == "'x' has words in 1 rows, which count as missing."


def test_numeric_needs_some_number() -> None:
    assert "--numeric must name a column that holds numbers" in refusal(lambda row: "ab"[row % 2], options=NUMERIC)


def test_category_makes_levels_of_numbers() -> None:
    (feature,) = decide(table_with(lambda row: row % 3), options=CATEGORY).features[1:]
    assert (feature.kind, feature.levels) == ("category", ["0", "1", "2"])
    assert kind_of(among_numbers("n.a."), options=CATEGORY) == "category"


@pytest.mark.parametrize("text", ["inf", "-inf", "1e400"])
def test_an_infinite_number_is_named_with_its_line(text: str) -> None:
    line = refusal(lambda row: float(text) if row == 3 else row * 0.3)
    assert f"column 'x' must be finite, however: line 5 holds {float(text)}, or a number beyond float64" in line


def test_a_range_that_float64_cannot_hold_is_refused() -> None:
    assert "it spans more than" in refusal(lambda row: 1e308 if row % 2 else -1e308 + row)


def test_whole_numbers_beyond_2_to_the_53_are_refused_until_they_may_be_rounded() -> None:
    line = refusal(lambda row: 9_007_199_254_740_993 + 2 * (row % 11))
    assert "line 2 holds about 9007199254740992" in line
    assert "--drop 'x'" in line
    decided = decide(table_with(lambda row: 9_007_199_254_740_993 + 2 * (row % 11)), options=NUMERIC)
    assert [suspect.kind for suspect in decided.suspects] == ["rounded"]


def test_whole_numbers_that_the_reader_left_as_words_are_refused_alike() -> None:
    def long(row: int) -> str:
        return str(9_007_199_254_740_993 + 2 * (row % 11))

    assert "line 2 holds '9007199254740993', and whole numbers beyond 2**53" in refusal(long)
    assert "whole numbers beyond 2**53" in refusal(lambda row: f"{10**33 + row % 11}.00")
    assert kind_of(long, options=NUMERIC) == "number"
    assert kind_of(long, options=CATEGORY) == "category"
    among = "line 3 holds '9007199254740994', and whole numbers beyond 2**53"
    assert among in refusal(lambda row: str(9_007_199_254_740_993 + row) if row % 2 else f"{row},5", decimal=",")


def test_a_word_in_the_first_row_alone_may_be_the_header() -> None:
    hint = "Or delete what stands above line 2 if that is the header."
    assert refusal(lambda row: str(row) if row else "age").endswith(hint)
    assert hint not in refusal(lambda row: "age" if row in {0, 7} else str(row))
    table = read_table({"Report": ["age", *(str(row) for row in range(ROWS))]})
    with pytest.raises(UserError, match="or delete what stands above line 2 if that is the header"):
        decide(table, "age")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("it's", r"'it\'s'"),
        ("[red]", "'[red]'"),
        ("two\nlines", r"'two\nlines'"),
        (" a", "' a'"),
        ("no\u00a0break", r"'no\xa0break'"),
        ("n" * 1000, f"'{'n' * 60}…'"),
    ],
)
def test_a_difficult_name_is_shown_in_one_line(name: str, shown: str) -> None:
    table = read_table({"a": [row % 7 for row in range(ROWS)], name: [f"text {row}" for row in range(ROWS)]})
    with pytest.raises(UserError) as caught:
        decide(table)
    assert f"column {shown} must" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "options"),
    [
        ("--drop", ColumnOptions(drop=("b",))),
        ("--category", ColumnOptions(category=("b",))),
        ("--numeric", ColumnOptions(numeric=("b",))),
    ],
)
def test_names_that_are_given_must_be_there(option: str, options: ColumnOptions) -> None:
    with pytest.raises(UserError, match=f"{option} must name a column, however: 'b' is none of 'a', ' y'"):
        decide(read_table({"a": [1, 2], " y": [3, 4]}), options=options)


def test_the_target_must_be_there_and_a_blank_in_a_name_is_seen() -> None:
    with pytest.raises(UserError, match="--target must name a column, however: 'y' is none of 'a', ' y'"):
        decide(read_table({"a": [1, 2], " y": [3, 4]}), "y")


def test_the_target_alone_is_no_table() -> None:
    with pytest.raises(UserError, match="'y' is the only one"):
        decide(read_table({"y": [1, 2]}), "y")


def test_a_dropped_column_is_not_looked_at() -> None:
    decided = decide(table_with(among_numbers("12%")), options=ColumnOptions(drop=("x",)))
    assert [feature.name for feature in decided.features] == ["a"]
    assert [(left.name, left.reason) for left in decided.left_out] == [("x", "--drop")]


def test_numbers_as_text_of_which_most_stand_alone_may_be_taken_as_numbers() -> None:
    assert "Give --numeric 'x' to take them as numbers, --drop 'x', or --category 'x'" in refusal(
        lambda row: f"{row}.5"
    )
    assert kind_of(lambda row: f"{row}.5", NUMERIC) == "number"
    assert "--numeric" not in refusal(lambda row: f"text {row}")
