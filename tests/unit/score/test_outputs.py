"""Where answers are written: a file or a folder, whole or not at all, and once."""

import errno
import gzip
import itertools
import json
import multiprocessing
import os
import resource
from pathlib import Path

import pytest

from tests.scoring import (
    KNOWN,
    NAMES,
    Score,
    assert_close,
    expected,
    make_scorer,
    read,
    refusal,
    scoring,
    table,
    write,
)
from training.errors import TrainingError, UserError
from training.score.file import FileTask, Scorer, ScoreSettings
from training.score.journal import JOURNAL
from training.score.options import Policies
from training.score.processes import score_files, started_pool
from training.table.values import ReadOptions


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


def test_a_folder_of_outputs_that_readers_pass_over_may_lie_inside_the_data(score: Score, tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv", table(KNOWN))
    words = ("--data", tmp_path / "in", "--output", tmp_path / "in/_scored")
    assert "Wrote 8 rows" in score(*words)
    assert "All 1 file were finished before" in score(*words)


@pytest.mark.parametrize(("target", "written"), [("two", "csv"), ("three", "parquet"), ("number", "parquet")])
def test_an_empty_part_of_several_files_gives_an_empty_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, target: str, written: str
) -> None:
    score = scoring(monkeypatch, capsys, make_scorer(target))
    rows = table(KNOWN, row=range(len(KNOWN)))
    first, empty = (tmp_path / "in" / f"{name}.{written}" for name in "ab")
    write(first, rows)
    write(empty, rows[:0])
    words = ("--data", tmp_path / "in", "--output", tmp_path / "out", "--keep", "row", "--jobs", 1)
    assert "Wrote 8 rows" in score(*words)
    outputs = [read(tmp_path / "out" / path.name) for path in (first, empty)]
    assert [len(output) for output in outputs] == [len(KNOWN), 0]
    assert outputs[0].column_names == outputs[1].column_names
    if written == "parquet":
        assert outputs[0].schema == outputs[1].schema
    (tmp_path / "out" / empty.name).unlink()
    assert score(*words).splitlines()[-1].startswith("Wrote 0 rows in")
    assert "a table must have rows" in refusal(score, "--data", empty, "--output", tmp_path / f"single.{written}")


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


def test_the_journal_names_what_it_is_of(score: Score, tmp_path: Path) -> None:
    write(tmp_path / "in/a.csv", table(KNOWN))
    score("--data", tmp_path / "in", "--output", tmp_path / "out")
    (entry,) = [json.loads(line) for line in (tmp_path / "out" / JOURNAL).read_text().splitlines() if line]
    assert (entry["output"], entry["rows"], entry["settings"]["release"]) == ("a.csv", 8, "by-hand")


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
        (("--data", "in", "--output", "in"), "must not lie where --data looks"),
        (("--data", "in/**/*.parquet", "--output", "in/out"), "must not lie where --data looks"),
        (("--data", "in/*.parquet", "--output", "in"), "must not be where --data is"),
        (("--data", "in", "--output", "in/more/out"), "must not lie where --data looks"),
        (("--data", "in", "--output", "./in/../in/out"), "must not lie where --data looks"),
        (("--data", "in/*", "in/more/a.parquet", "--output", "out"), "would both be 'a.parquet'"),
        (("--data", "in/a.parquet", "--output", "out.csv", "--keep", "name"), "--keep must name a column"),
        (("--data", "in/a.parquet", "--output", "out.csv", "--keep", "label"), "must not name a column of predictions"),
        (("--data", "in/a.parquet", "--output", "out.csv", "--keep", "age", "--keep", "age"), "named again"),
        (("--data", "in/a.parquet", "--output", "out.csv", "--keep", "list"), "of types that .csv holds"),
        (("--data", "in/a.parquet", "--output", "out.csv", "--jobs", "0"), "--jobs must be a whole number"),
        (
            ("--data", "in/a.parquet", "--output", "out.csv", "--numeric", "typo"),
            "--numeric must name a column that held",
        ),
        (
            ("--data", "in/a.parquet", "--output", "out.csv", "--numeric", "city"),
            "--numeric must name a column that held",
        ),
        (("--data", "in", "--output", "out", "--separator", ";"), "--separator must go with CSV files"),
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


def test_a_disk_that_is_full_for_the_journal_is_said_in_one_line_and_leaves_no_draft(
    score: Score, tmp_path: Path
) -> None:
    names = [write(tmp_path / "in" / f"{part}.csv", table(KNOWN)).name for part in "abcd"]
    output = tmp_path / "out"
    words = ("--data", tmp_path / "in", "--output", output, "--jobs", 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))  # bytes: an output has room, and two lines of the journal
    try:
        message = refusal(score, *words, error=TrainingError)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "must be writable, however: File too large" in message
    written = sorted(path.name for path in output.iterdir())
    assert written == [JOURNAL, *names[: len(written) - 1]]
    assert f"({len(written) - 1} more were finished before)" in score(*words)
    assert sorted(path.name for path in output.iterdir()) == [JOURNAL, *names]


def test_a_file_that_is_gone_before_its_turn_is_said_in_one_line(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [FileTask(tmp_path / "gone.csv", tmp_path / "out/gone.csv")]
    monkeypatch.setattr("training.score.run.plan_tasks", lambda *_: tasks)
    message = refusal(score, "--data", tmp_path / "gone.csv", "--output", tmp_path / "out")
    assert "gone.csv: No such file or directory" in message


def test_a_process_that_dies_is_said_in_one_line(two: Scorer, tmp_path: Path) -> None:
    tasks = [FileTask(write(tmp_path / f"{n}.csv", table(KNOWN)), tmp_path / f"{n}.parquet") for n in range(20)]
    names = (*NAMES, "churn")
    settings = ScoreSettings(
        two, Policies(), ReadOptions(missing=("?",), only=names), numeric=(), keep=(), several=True
    )
    with started_pool([str(tmp_path)], jobs=2) as pool:
        events = score_files(tasks, settings, pool=pool)
        next(events)
        for process in multiprocessing.active_children():
            process.kill()
        with pytest.raises(
            TrainingError, match=r"ended with exit code -9\. Free memory, or give fewer --jobs"
        ) as raised:
            list(events)
    assert "\n" not in str(raised.value)
    assert not multiprocessing.active_children()
