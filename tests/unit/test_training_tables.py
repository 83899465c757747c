"""A user's table: every fault is named by file, column and row, and nothing is guessed."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from training.errors import UserError
from training.preprocessing import split_table
from training.tables import DataTable, fingerprint, read_table

GOOD = "a,b,y\n" + "".join(f"{row},{row * 0.5},{row % 2}\n" for row in range(60))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "data.csv"
    path.write_text(text)
    return path


def refusal(tmp_path: Path, text: str, target: str = "y") -> str:
    with pytest.raises(UserError) as caught:
        read_table(write(tmp_path, text), target=target, task="auto")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_good_table_keeps_its_columns_its_digits_and_its_classes(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "t,b,y\n1700000000.123456,2,no\n1000.0001,3,yes\n"), target="y", task="auto")
    assert (table.raw_names, table.raw.dtype) == (["t", "b"], np.dtype(np.float64))
    assert table.raw[:, 0].tolist() == [1700000000.123456, 1000.0001]
    assert (table.classes, table.target.tolist(), table.task) == (("no", "yes"), [0.0, 1.0], "classification")


def test_parquet_reads_as_csv_does(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pa.parquet.write_table(pa.csv.read_csv(write(tmp_path, GOOD)), path)
    from_parquet = read_table(path, target="y", task="auto")
    from_csv = read_table(write(tmp_path, GOOD), target="y", task="auto")
    assert fingerprint(from_parquet) == fingerprint(from_csv)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.csv"):
        read_table(tmp_path / "nowhere.csv", target="y", task="auto")


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"a,b\n1,2\n3\n"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("data.csv", "data.parquet"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="readable CSV or Parquet"):
            read_table(tmp_path / name, target="y", task="auto")


def test_an_unknown_target_is_answered_with_the_columns_there_are(tmp_path: Path) -> None:
    assert "'z' is none of a, b, y" in refusal(tmp_path, GOOD, target="z")


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    assert "header alone" in refusal(tmp_path, "a,b,y\n")


def test_a_column_that_stands_twice_is_named(tmp_path: Path) -> None:
    assert "'a' stands 2 times" in refusal(tmp_path, "a,a,y\n1,2,0\n3,4,1\n")


def test_a_table_of_the_target_alone_is_refused(tmp_path: Path) -> None:
    assert "the only one" in refusal(tmp_path, "y\n1\n0\n")


@pytest.mark.parametrize("text", ["n/a", "NA", "-", "12,5", "abc"])
def test_text_in_a_numeric_column_is_named_with_its_row(tmp_path: Path, text: str) -> None:
    line = refusal(tmp_path, f'a,b,y\n1,2,0\n3,"{text}",1\n')
    assert f"column 'b' must be numeric, however: row 3 holds '{text}'" in line


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_nan_and_infinity_are_named_with_their_row(tmp_path: Path, value: str) -> None:
    assert "row 3" in refusal(tmp_path, f"a,b,y\n1,2,0\n3,{value},1\n")


def test_a_gap_is_named_with_its_row(tmp_path: Path) -> None:
    assert "column 'a' must have a value in every row, however: row 3" in refusal(tmp_path, "a,b,y\n1,2,0\n,4,1\n")
    assert "column 'y'" in refusal(tmp_path, "a,b,y\n1,2,0\n3,4,\n5,6,1\n")


def test_a_boolean_column_is_refused(tmp_path: Path) -> None:
    assert "column 'b' must be numeric" in refusal(tmp_path, "a,b,y\n1,true,0\n3,false,1\n")


def test_a_range_that_float64_cannot_hold_is_refused(tmp_path: Path) -> None:
    assert "'b' spans more" in refusal(tmp_path, "a,b,y\n1,1e308,0\n3,-1e308,1\n")


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    assert "at least two values" in refusal(tmp_path, "a,y\n1,1\n2,1\n3,1\n")


def test_a_few_whole_numbers_are_ambiguous_until_the_task_is_given(tmp_path: Path) -> None:
    text = "a,y\n" + "".join(f"{row},{row % 5}\n" for row in range(50))
    assert "--task" in refusal(tmp_path, text)
    assert read_table(write(tmp_path, text), target="y", task="regression").task == "regression"
    with pytest.raises(UserError, match="exactly two classes"):
        read_table(write(tmp_path, text), target="y", task="classification")


def test_text_of_three_kinds_is_refused(tmp_path: Path) -> None:
    assert "exactly two values" in refusal(tmp_path, "a,y\n1,x\n2,y\n3,z\n")


def test_the_larger_number_is_the_positive_class(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a,y\n1,2\n2,1\n3,2\n"), target="y", task="auto")
    assert (table.classes, table.target.tolist()) == (("1", "2"), [1.0, 0.0, 1.0])


def table_of(rows: int, positives: int) -> DataTable:
    target = np.zeros(rows)
    target[:positives] = 1
    return DataTable(
        "made",
        [RawFeature(name="a", minimum=0, maximum=rows)],
        np.arange(rows, dtype=float)[:, None],
        "y",
        target,
        "classification",
        ("no", "yes"),
    )


def test_the_split_is_stratified_complete_and_repeatable() -> None:
    parts = split_table(table_of(1000, 200), test_fraction=0.25, seed=3)
    assert (len(parts.test), parts.test.target.mean()) == (250, 0.2)
    everything = np.concatenate([parts.train.raw, parts.validation.raw, parts.test.raw])
    assert sorted(everything.ravel()) == list(range(1000))
    again = split_table(table_of(1000, 200), test_fraction=0.25, seed=3)
    np.testing.assert_array_equal(parts.test.raw, again.test.raw)
    assert (split_table(table_of(1000, 200), test_fraction=0.25, seed=4).test.raw != parts.test.raw).any()


@pytest.mark.parametrize(("rows", "positives"), [(10, 5), (100, 1), (100, 2)])
def test_a_table_too_small_to_split_is_refused(rows: int, positives: int) -> None:
    with pytest.raises(UserError, match="Add rows"):
        split_table(table_of(rows, positives), test_fraction=0.2, seed=0)
