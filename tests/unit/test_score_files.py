"""`python -m training score`: files in, predictions out, and one line for whatever can't be answered."""

import errno
import gzip
import itertools
import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from service.contract.card import Cell
from tests.mixed_release import ROWS
from tests.scoring import KNOWN, NAMES, Score, assert_close, expected, make_scorer, read, scoring, table, write
from training.errors import TrainingError, UserError
from training.score.file import FileTask, Scorer, ScoreSettings
from training.score.journal import JOURNAL
from training.score.options import Policies
from training.score.processes import score_files
from training.table.values import ReadOptions

UNKNOWN = ("--unknown-category", "ignore")


@pytest.fixture(scope="module")
def two() -> Scorer:
    """Two classes."""
    return make_scorer("two")


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], two: Scorer) -> Score:
    return scoring(monkeypatch, capsys, two)


def refusal(score: Score, *words: object, error: type[TrainingError] = UserError) -> str:
    with pytest.raises(TrainingError) as raised:
        score(*words)
    assert type(raised.value) is error
    message = str(raised.value)
    assert "\n" not in message
    assert ", however: " in message
    return message


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


def write_parts(folder: Path) -> list[Path]:
    """Files of every kind, with columns in different orders."""
    orders = itertools.cycle(itertools.permutations(NAMES))
    packed = folder / "deep/d.csv.gz"
    parts = [
        write(folder / name, table(KNOWN[at : at + 3]).select(next(orders)))
        for at, name in enumerate(["a.parquet", "b.csv", "deep/c.parquet", "deep/d.csv"])
    ]
    packed.write_bytes(gzip.compress(parts[-1].read_bytes()))
    parts[-1].unlink()
    (folder / "_SUCCESS").touch()
    (folder / "read.me").touch()
    return [*parts[:-1], packed]


OUTPUTS = ["a.parquet", "b.csv", "deep/c.parquet", "deep/d.csv"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_of_files_gives_a_folder_of_outputs(score: Score, two: Scorer, tmp_path: Path, jobs: int) -> None:
    write_parts(tmp_path / "in")
    printed = score("--data", tmp_path / "in", "--output", tmp_path / "out", "--jobs", jobs)
    for at, name in enumerate(OUTPUTS):
        assert_close(read(tmp_path / "out" / name)["prediction"], expected(two.card, KNOWN[at : at + 3]))
    assert "Wrote 12 rows" in printed
    written = (path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in written) == sorted([*OUTPUTS, JOURNAL])


def stamps(folder: Path) -> dict[str, int]:
    return {
        path.name: path.stat().st_mtime_ns for path in folder.rglob("*.*") if path.is_file() and path.name != JOURNAL
    }


def test_what_is_finished_is_not_done_again_unless_its_file_has_changed(score: Score, tmp_path: Path) -> None:
    parts, output = write_parts(tmp_path / "in"), tmp_path / "out"
    words = ("--data", tmp_path / "in", "--output", output)
    score(*words)
    before = stamps(output)
    assert "All 4 files were finished before" in score(*words)
    assert stamps(output) == before
    (output / "b.csv").unlink()
    write(parts[0], table(KNOWN[:5]))
    assert "Scoring 2 files (2 more were finished before)" in score(*words)
    after = stamps(output)
    assert {name for name in before if before[name] == after[name]} == {"c.parquet", "d.csv"}
    assert read(output / "a.parquet").num_rows == 5


def test_what_was_finished_before_a_fault_is_kept_and_the_rest_is_done_next_time(score: Score, tmp_path: Path) -> None:
    bad = write(tmp_path / "in/b.csv", table([[None, *KNOWN[0][1:]]]))
    write(tmp_path / "in/a.csv", table(KNOWN))
    words = ("--data", tmp_path / "in", "--output", tmp_path / "out", "--jobs", 1)
    assert "b.csv, line 2: column 'age' must have a value" in refusal(score, *words)
    assert stamps(tmp_path / "out").keys() == {"a.csv"}
    write(bad, table(KNOWN))
    assert "Scoring 1 file (1 more were finished before)" in score(*words)
    assert stamps(tmp_path / "out").keys() == {"a.csv", "b.csv"}


def test_a_run_that_is_killed_between_its_journal_and_its_output_is_continued(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in/a.csv", table(KNOWN))
    words = ("--data", tmp_path / "in", "--output", tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            score(*words)
    with (tmp_path / "out" / JOURNAL).open("a") as journal:
        journal.write('{"half a line')
    assert "Wrote 8 rows" in score(*words)
    assert "All 1 file were finished before" in score(*words)


def test_outputs_of_others_and_of_other_options_are_refused(score: Score, tmp_path: Path) -> None:
    data, output = write(tmp_path / "in/a.csv", table(KNOWN)), tmp_path / "out"
    write(output / "a.csv", table(KNOWN))
    before = (output / "a.csv").read_bytes()
    words = ("--data", tmp_path / "in", "--output", output)
    assert "this command did not write it so" in refusal(score, *words)
    assert (output / "a.csv").read_bytes() == before
    (output / "a.csv").unlink()
    score(*words)
    assert 'was written with out of range "allow" and not "clip"' in refusal(score, *words, "--out-of-range", "clip")
    assert "was written with other options of reading" in refusal(score, *words, "--missing", "-")
    single = tmp_path / "out.csv"
    score("--data", data, "--output", single)
    assert "must name a file that is not there yet" in refusal(score, "--data", data, "--output", single)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", "none.csv", "--output", "out.csv"), "--data must name files, however: 'none.csv' is none"),
        (("--data", "*.csv", "--output", "out"), "none matches '*.csv'"),
        (("--data", ".", "--output", "out"), "no file in '.' ends in .parquet or .csv"),
        (("--data", "in", "--output", "out.csv"), "would be one for 2"),
        (("--data", "in/a.parquet", "--output", "nowhere/out.csv"), "'nowhere' is none"),
        (("--data", "in/a.parquet", "--output", "out.xlsx"), "--output must end in .parquet or .csv"),
        (("--data", "in", "--output", "in"), "must not be where --data is"),
        (("--data", "in/*", "in/more/a.parquet", "--output", "out"), "would both be 'a.parquet'"),
        (("--data", "in/a.parquet", "--output", "out.csv", "--keep", "name"), "--keep must name a column"),
        (("--data", "in/a.parquet", "--output", "out.csv", "--keep", "label"), "must not name a column of predictions"),
        (("--data", "in/a.parquet", "--output", "out.csv", "--keep", "age", "--keep", "age"), "named again"),
        (("--data", "in/a.parquet", "--output", "out.csv", "--keep", "list"), "of types that .csv holds"),
        (("--data", "in/a.parquet", "--output", "out.csv", "--jobs", "0"), "--jobs must be a whole number"),
        (("--data", "in/a.parquet"), "required: --output"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value[1:]),
)
def test_words_that_make_no_sense_are_refused(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    write(tmp_path / "in/a.parquet", table(KNOWN, list=[[1]] * len(KNOWN), label=range(len(KNOWN))))
    write(tmp_path / "in/more/a.parquet", table(KNOWN))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here" if words[1] in {".", "*.csv"} else tmp_path)
    with pytest.raises(UserError) as raised:
        score(*words)
    assert said in str(raised.value)
    assert not (tmp_path / "out.csv").exists()


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


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing_behind(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    data = write(tmp_path / "rows.csv", table(KNOWN))
    message = refusal(score, "--data", data, "--output", tmp_path / "out.csv", error=TrainingError)
    assert "must be writable, however: No space left on device" in message
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_a_process_that_dies_is_said_in_one_line(two: Scorer, tmp_path: Path) -> None:
    tasks = [FileTask(write(tmp_path / f"{n}.csv", table(KNOWN)), tmp_path / f"{n}.parquet") for n in range(20)]
    names = (*NAMES, "churn")
    settings = ScoreSettings(two, Policies(), ReadOptions(missing=("?",), only=names), numeric=(), keep=())
    events = score_files(tasks, settings, jobs=2)
    next(events)
    for process in multiprocessing.active_children():
        process.kill()
    with pytest.raises(TrainingError, match=r"ended with exit code -9\. Free memory, or give fewer --jobs") as raised:
        list(events)
    assert "\n" not in str(raised.value)
    assert not multiprocessing.active_children()


def test_the_journal_names_what_it_is_of(score: Score, tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv", table(KNOWN))
    score("--data", tmp_path / "in", "--output", tmp_path / "out")
    (entry,) = [json.loads(line) for line in (tmp_path / "out" / JOURNAL).read_text().splitlines() if line]
    assert (entry["output"], entry["rows"], entry["settings"]["release"]) == ("a.csv", 8, "by-hand")
