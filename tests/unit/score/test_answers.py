"""`python -m training score`: files in, predictions out, and one line for whatever can't be answered."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from service.contract.card import Cell
from tests.mixed_release import ROWS
from tests.scoring import KNOWN, NAMES, Score, assert_close, expected, make_scorer, read, refusal, scoring, table, write
from training.score.file import Scorer

UNKNOWN = ("--unknown-category", "ignore")


@pytest.mark.parametrize("written", ["parquet", "csv"])
@pytest.mark.parametrize("given", ["parquet", "csv"])
def test_rows_are_answered_beside_the_columns_that_are_kept(
    score: Score, two: Scorer, tmp_path: Path, given: str, written: str
) -> None:
    rows = table(ROWS, row=range(len(ROWS)), note=["a, b"] * len(ROWS))
    data = write(tmp_path / f"rows.{given}", rows.select([*reversed(NAMES), "note", "row"]))
    output = tmp_path / f"out.{written}"
    printed = score("--data", data, "--output", output, "--keep", "row", "--keep", "note", *UNKNOWN)
    found = read(output)
    assert found.column_names == ["row", "note", "prediction", "label"]
    assert [int(row) for row in found["row"].to_pylist()] == list(range(len(ROWS)))
    assert set(found["note"].to_pylist()) == {"a, b"}
    assert_close(found["prediction"], expected(two.card, ROWS))
    said = ["here", "gone"]
    labels = found["label"].cast(pa.string()).to_pylist()
    assert labels == [said[int(value >= 0.51)] for value in expected(two.card, ROWS)]
    assert "values out of range (1), unknown levels (1)" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([data.name, output.name])


@pytest.mark.parametrize(
    ("target", "columns"),
    [
        ("three", ["prediction:a", "prediction:b, c", "prediction:d", "label"]),
        ("number", ["prediction"]),
    ],
)
def test_several_classes_have_a_column_each_and_a_number_has_no_label(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    target: str,
    columns: list[str],
) -> None:
    scorer = make_scorer(target)
    data, output = write(tmp_path / "rows.parquet", table(KNOWN)), tmp_path / "out.parquet"
    scoring(monkeypatch, capsys, scorer)("--data", data, "--output", output)
    found = read(output)
    assert found.column_names == columns
    numbers = np.stack([column.to_numpy() for column in found.columns[: len(columns) - (target == "three")]], axis=1)
    assert_close(numbers.squeeze(), expected(scorer.card, KNOWN))
    if target == "three":
        places = numbers.argmax(axis=1)
        assert found["label"].cast(pa.string()).to_pylist() == [["a", "b, c", "d"][place] for place in places]


def test_types_of_a_parquet_file_do_not_matter_where_its_values_can_be_read(
    score: Score, two: Scorer, tmp_path: Path
) -> None:
    rows = table(KNOWN)
    other = pa.table(
        {
            "age": rows["age"].cast(pa.float32()),
            "income": rows["income"].cast(pa.string()),
            "member": rows["member"].dictionary_encode(),
            "active": rows["active"].cast(pa.int8()),
            "city": rows["city"].cast(pa.large_string()),
            "plan": rows["plan"].dictionary_encode(),
            "tags": [["not", "read"]] * len(KNOWN),
        }
    )
    score("--data", write(tmp_path / "rows.parquet", other), "--output", tmp_path / "out.parquet")
    assert_close(read(tmp_path / "out.parquet")["prediction"], expected(two.card, KNOWN))


def test_options_of_reading_are_those_of_training(score: Score, two: Scorer, tmp_path: Path) -> None:
    lines = [";".join("weg" if cell is None else str(cell).replace(".", ",") for cell in row) for row in KNOWN]
    header = ";".join(NAMES)
    (tmp_path / "rows.txt").write_bytes("\n".join([header, *lines]).encode("utf-16"))
    score("--data", tmp_path / "rows.txt", "--output", tmp_path / "out.csv", "--decimal", ",", "--missing", "weg")
    assert_close(read(tmp_path / "out.csv")["prediction"], expected(two.card, KNOWN))


def test_out_of_range_values_are_clipped_or_refused_where_that_is_asked_for(
    score: Score, two: Scorer, tmp_path: Path
) -> None:
    row = KNOWN[0]
    data = write(tmp_path / "rows.csv", table([[500.0, *row[1:]], [90.0, *row[1:]]]))
    score("--data", data, "--output", tmp_path / "clipped.parquet", "--out-of-range", "clip")
    clipped, highest = read(tmp_path / "clipped.parquet")["prediction"].to_pylist()
    assert clipped == highest
    message = refusal(score, "--data", data, "--output", tmp_path / "out.csv", "--out-of-range", "reject")
    assert "rows.csv, line 2: column 'age' must lie between 18 and 90" in message
    assert not (tmp_path / "out.csv").exists()


CELLS: list[tuple[str, Cell | str, str]] = [
    ("age", None, "must have a value"),
    ("age", "old", "must be a number, however: it holds 'old'"),
    ("income", "1e999", "must be a number, however: it holds '1e999'"),
    ("member", "perhaps", "must be 'No' or 'Yes', however: it holds 'perhaps'"),
    ("member", "1", "must be 'No' or 'Yes', however: it holds '1'"),
    ("active", "2", "must be 'false' or 'true', however: it holds '2'"),
    ("city", None, "must have a value"),
    ("city", "Paris", "must hold a level that training saw ('Bonn', 'Oslo, N', 'Rom'), however: it holds 'Paris'"),
]


@pytest.mark.parametrize(("column", "cell", "said"), CELLS, ids=lambda value: str(value)[:12])
def test_a_cell_in_a_late_row_that_the_service_would_refuse_is_named(
    score: Score, tmp_path: Path, column: str, cell: str | None, said: str
) -> None:
    rows = 70_000  # more than a block
    text = {name: ["" if value is None else str(value)] * rows for name, value in zip(NAMES, KNOWN[0], strict=True)}
    text[column][-1] = "" if cell is None else cell
    data = write(tmp_path / "rows.csv", pa.table(text))
    message = refusal(score, "--data", data, "--output", tmp_path / "out.parquet")
    assert f"rows.csv, line {rows + 1}: column '{column}' {said}" in message
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_words_of_a_column_of_numbers_count_as_missing_where_that_is_asked_for(score: Score, tmp_path: Path) -> None:
    text = {name: ["" if value is None else str(value)] * 2 for name, value in zip(NAMES, KNOWN[0], strict=True)}
    text["income"] = ["rich", ""]
    data = write(tmp_path / "rows.csv", pa.table(text))
    score("--data", data, "--output", tmp_path / "out.parquet", "--numeric", "income")
    first, second = read(tmp_path / "out.parquet")["prediction"].to_pylist()
    assert first == second


def test_a_row_whose_answer_overflows_is_named(score: Score, tmp_path: Path) -> None:
    data = write(tmp_path / "rows.parquet", table([KNOWN[0], [1e30, *KNOWN[0][1:]]]))
    message = refusal(score, "--data", data, "--output", tmp_path / "out.parquet")
    assert "rows.parquet, row 2: its answer must be finite" in message
    assert "'age' lies farthest" in message


def test_a_file_that_lacks_a_column_or_is_no_table_is_named(score: Score, tmp_path: Path) -> None:
    whole = table(KNOWN)
    files: dict[str, Any] = {
        "lacks.csv": "age,income\n1,2\n",
        "empty.csv": "",
        "header.csv": ",".join(NAMES) + "\n",
        "csv.parquet": "age,income\n1,2\n",
        "html.csv": "<html></html>",
        "ragged.csv": ",".join(NAMES) + "\n" + "30,1,Yes,True,Rom,pro\n" * 3 + "30,1\n",
        "twice.csv": ",".join([*NAMES, "age"]) + "\n30,1,Yes,True,Rom,pro,30\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    write(tmp_path / "none.parquet", whole.slice(0, 0))
    cut = write(tmp_path / "cut.parquet", whole)
    cut.write_bytes(cut.read_bytes()[:-100])
    said = {
        "lacks.csv": "every column of release by-hand, however: 'member' is none of 'age', 'income' (nor are 3 others)",
        "empty.csv": "the file is empty",
        "header.csv": "it has none",
        "csv.parquet": "a file of this ending must be Parquet",
        "html.csv": "this is HTML or XML",
        "ragged.csv": "line 5 has 2",
        "twice.csv": "'age' stands 2 times",
        "none.parquet": "a table must have rows",
        "cut.parquet": "a readable CSV or Parquet file",
    }
    for name, fact in said.items():
        message = refusal(score, "--data", tmp_path / name, "--output", tmp_path / "out.csv")
        assert message.startswith(name)
        assert fact in message
    assert {path.name for path in tmp_path.iterdir()} == said.keys()


def test_points_that_may_part_thousands_are_refused_as_in_training(score: Score, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(";".join(NAMES) + "\n" + "30;1.234;Yes;True;Rom;pro\n" * 5)
    words = ("--data", tmp_path / "rows.csv", "--output", tmp_path / "out.csv")
    assert "the decimal sign must be clear" in refusal(score, *words)
    assert not (tmp_path / "out.csv").exists()
    score(*words, "--decimal", ".")
