"""CSV with a header -> rows of a table, and answers -> CSV."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.codec.columns import Columns
from service.codec.decode import decode_csv
from service.codec.encode import encode_csv
from service.codec.problems import Problem
from service.codec.rows import Input, features_input, raw_input
from tests.raw_columns import AGE, INCOME, mixed_columns, number_columns

MISSING = ("", "NA", "?")
TABLE = raw_input(mixed_columns(missing=MISSING), max_rows=4)
PLAIN = raw_input(number_columns(("a", "b")), max_rows=4)
NAN = np.nan
HEADER = "city,age, income ,member,active,plan\n"


def refusal(text: str | bytes, expected: Input = TABLE) -> Problem:
    with pytest.raises(Problem) as caught:
        decode_csv(text if isinstance(text, bytes) else text.encode(), expected)
    return caught.value


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_names_may_stand_in_any_order_and_blanks_around_cells(bom: str, end: str) -> None:
    lines = [bom + HEADER.strip(), "Rom,30,52e3,yes,1, pro ", "", '"Oslo, N", 18.5 ,NA,No,?,']
    rows = decode_csv(end.join(lines).encode(), TABLE)
    np.testing.assert_array_equal(rows, [[30, 52e3, 1, 1, 2, 1], [18.5, NAN, 0, NAN, 1, NAN]])


@pytest.mark.parametrize(("cell", "code"), [("1", 1), ("0", 0), ("1.0", 1), ("0.0", 0), ("true", 1)])
def test_a_boolean_of_numbers_is_written_as_training_could_read_it(cell: str, code: float) -> None:
    row = decode_csv(f"{HEADER}Rom,30,1,yes,{cell},pro\n".encode(), TABLE)
    assert row[0, 3] == code
    assert refusal(f"{HEADER}Rom,30,1,yes,2.0,pro\n").rule == "boolean"


def test_a_line_of_blanks_is_no_row() -> None:
    assert len(decode_csv(f"{HEADER}  \nRom,30,1,yes,1,pro\n \t\n".encode(), TABLE)) == 1


def test_of_one_column_a_blank_cell_is_a_row_and_an_empty_line_is_none() -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["income"], [30], [None], [18.5]])
    assert text.getvalue().split() == ["income", "30", '""', "18.5"]
    one = raw_input(Columns([INCOME]), max_rows=4)
    for body in (text.getvalue(), "\n \nincome\n30\n\n  \n18.5\n\n"):
        np.testing.assert_array_equal(decode_csv(body.encode(), one), [[30], [NAN], [18.5]])


@pytest.mark.parametrize("blank", ["\u00a0", "\u2007", "\u202f", "\u200b", "\ufeff"])
def test_blanks_beyond_ascii_are_stripped_as_in_training(blank: str) -> None:
    text = (
        HEADER.strip().replace(",", f"{blank},") + f"{blank}\nRom{blank},{blank}30,1{blank},yes{blank},1,pro{blank}\n"
    )
    np.testing.assert_array_equal(decode_csv((text + blank).encode(), TABLE), [[30, 1, 1, 1, 2, 1]])
    assert refusal(f"{HEADER}Rom,3{blank}0,1,yes,1,pro\n").rule == "number"


@pytest.mark.parametrize("written", ["-999", "-999.0", " -9.99E2"])
def test_a_missing_number_is_one_however_it_is_written_as_in_training(written: str) -> None:
    table = raw_input(mixed_columns(missing=(*MISSING, "-999")), max_rows=4)
    row = decode_csv(f"{HEADER}Rom,30,{written},yes,{written},{written}\n".encode(), table)
    np.testing.assert_array_equal(row, [[30, NAN, 1, NAN, 2, NAN]])
    assert refusal(f"{HEADER}Rom,{written},1,yes,1,pro\n", table).rule == "missing"
    assert decode_csv(f"{HEADER}Rom,30,-999.5,yes,1,pro\n".encode(), table)[0, 1] == -999.5


WRONG_NUMBERS = {
    "number": ["12%", "$1,200", "(5)", "1_000", "\u22125", "\uff11\uff12", "1 000", "0x1"],
    "missing": ["NA", "", "?"],
    "finite": ["1e400", "-inf", "Infinity", "nan"],
}


@pytest.mark.parametrize(("rule", "cell"), [(rule, cell) for rule, cells in WRONG_NUMBERS.items() for cell in cells])
def test_what_is_no_number_is_refused_with_row_name_and_value(rule: str, cell: str) -> None:
    plain = Columns([AGE, INCOME.model_copy(update={"missing_share": 0.0})], missing=MISSING)
    problem = refusal(f'age,income\n1,2\n3,"{cell}"\n', raw_input(plain, 4))
    (fault,) = problem.faults
    assert (problem.status, problem.rule, fault.row, fault.name, fault.value) == (422, rule, 1, "income", cell)
    assert "JSON" not in problem.detail


@pytest.mark.parametrize("cell", ["1", "-1.5", "+.5", "1.", "1E-3", " 7 "])
def test_numbers_are_read_as_python_reads_them(cell: str) -> None:
    assert decode_csv(f"b,a\n{cell},0\n".encode(), PLAIN).tolist() == [[0, float(cell)]]


@pytest.mark.parametrize(
    ("header", "word"),
    [
        ("city,age,income,member,active", "lacks 'plan'"),
        (HEADER.strip() + ",ctiy", "names 'ctiy', which is no column"),
        (HEADER.strip() + ",id", "left out in training: leave it out"),
        (HEADER.strip() + ",churn", "is the target: leave it out"),
        (HEADER.strip() + ",age", "names 'age' 2 times"),
        ("city;age;income;member;active;plan", "separated by commas"),
        ("30,52e3,yes,1,Rom,pro", "the first line must name every column"),
        ("", "lacks 'age'"),
    ],
)
def test_a_header_must_name_every_column_and_no_other(header: str, word: str) -> None:
    problem = refusal(header + "\nRom,30,1,yes,1,pro\n" if header else "")
    assert (problem.status, problem.rule) == (422, "header")
    assert word in problem.detail


@pytest.mark.parametrize(
    ("text", "status", "rule"),
    [
        (HEADER, 422, "row-count"),
        (HEADER + "Rom,30,1,yes,1,pro\n" * 5, 422, "row-count"),
        (HEADER + "Rom,30,1,yes,1\n", 422, "width"),
        (HEADER + "Paris,30,1,yes,1,pro\n", 422, "category"),
        (HEADER + "Rom,30,1,oui,1,pro\n", 422, "boolean"),
        (HEADER + 'Rom,30,1,"yes" x,1,pro\n', 400, "csv"),
        (HEADER + 'Rom,30,1,"yes', 400, "csv"),
        (HEADER.encode() + b"Rom,30,1,yes,1,\xff\n", 400, "csv"),
        (HEADER.encode("utf-16"), 400, "csv"),
    ],
)
def test_a_table_that_breaks_a_rule_is_refused(text: str | bytes, status: int, rule: str) -> None:
    problem = refusal(text)
    assert (problem.status, problem.rule) == (status, rule)
    assert "however" in problem.detail


def test_features_do_not_come_as_csv() -> None:
    assert refusal("a\n1\n", features_input(("a",), 4)).status == 415


@given(st.text(max_size=60), st.sampled_from(["", HEADER, "age\n"]))
def test_any_text_is_decoded_or_refused(text: str, prefix: str) -> None:
    try:
        assert not np.isinf(decode_csv((prefix + text).encode("utf-8", "surrogatepass"), TABLE)).any()
    except Problem as problem:
        assert 400 <= problem.status < 500
        problem.body(release="r", request_id=b"1")


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_an_answer_keeps_every_bit(values: list[float]) -> None:
    array = np.array(values, np.float32)
    lines = encode_csv(array, ["prediction"], None).decode().splitlines()
    assert lines[0] == "prediction"
    assert np.array(lines[1:], np.float32).tobytes() == array.tobytes()


def test_an_answer_has_a_column_for_each_class_and_one_for_the_label() -> None:
    table = encode_csv(np.array([[0.25, 0.75], [1, 0]], np.float32), ["a", 'b, "c"'], ['b, "c"', "a"]).decode()
    assert table.endswith("\r\n")
    assert list(csv.reader(io.StringIO(table))) == [
        ["a", 'b, "c"', "label"],
        ["0.25", "0.75", 'b, "c"'],
        ["1.0", "0.0", "a"],
    ]
