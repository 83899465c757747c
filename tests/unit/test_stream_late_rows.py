"""What rows that were not drawn, or changes between the passes, make of a table that is streamed."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.streamed_tables import ROWS, Cells, draw_few_rows, in_memory, make_cells, options, stream, write
from training.errors import TrainingError, UserError
from training.learning.from_files import learn_from_files


@pytest.fixture(autouse=True)
def few_rows_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_few_rows(monkeypatch)


@pytest.mark.parametrize(
    ("name", "late", "count"),
    [
        ("size", {ROWS - 2: "n/a?"}, r"\(1 of [\d,]+ values{} are words\)"),
        ("colour", {row: f"{row} words" for row in range(1, ROWS, 2)}, r"training values{} stand in one row alone"),
    ],
)
def test_counts_in_a_refusal_say_of_which_rows_they_are(
    tmp_path: Path, name: str, late: dict[int, str], count: str
) -> None:
    cells = make_cells()
    for row, cell in late.items():
        cells[name][row] = cell
    path = write(tmp_path / "table", cells, "csv")
    with pytest.raises(UserError, match=count.format(r" among [\d,]+ of the 6,000 rows")):
        stream(path)
    with pytest.raises(UserError, match=count.format("")):
        in_memory(path)


Change = Callable[[Cells], None]


def put(name: str, row: int, cell: object) -> Change:
    def change(cells: Cells) -> None:
        cells[name][row] = cell

    return change


def remove(name: str) -> Change:
    def change(cells: Cells) -> None:
        del cells[name]

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("size", ROWS - 2, "n/a?"), "'size' must be numeric, however: 2.csv, line 2000 holds 'n/a?'"),
        (put("colour", ROWS - 2, "12"), "however"),
        (
            put("late gap", ROWS - 2, "-inf"),
            "'late gap' must be numeric, however: 2.csv, line 2000 holds '-inf'",
        ),
        (
            put("size", 5_000, "9007199254740993"),
            "tells apart, however: 2.csv, line 1002 holds '9007199254740993",
        ),
        (remove("y"), "--target must name a column"),
    ],
)
def test_what_a_late_row_makes_of_a_column_is_said_with_its_place(tmp_path: Path, change: Change, words: str) -> None:
    cells = make_cells()
    change(cells)
    path = write(tmp_path / "table", cells, "csv")
    try:
        held = in_memory(path)
    except UserError as error:
        with pytest.raises(UserError) as caught:
            stream(path)
        for line in (str(error), str(caught.value)):
            assert words in line
    else:
        assert [(suspect.name, suspect.kind) for suspect in stream(path).decided.suspects] == [
            (suspect.name, suspect.kind) for suspect in held.suspects
        ]


def test_a_column_that_is_words_from_a_late_row_on_is_read_as_words_from_the_first(tmp_path: Path) -> None:
    cells = make_cells()
    cells["code"] = [f"{row % 7:02}" for row in range(ROWS)]
    cells["code"][ROWS - 1] = "none"
    path = write(tmp_path / "table", cells, "csv")
    for more in (("--category", "code"), ("--numeric", "code")):
        learnt, held = stream(path, *more), in_memory(path, *more)
        ours, theirs = ({column.name: column for column in of.features}["code"] for of in (learnt.decided, held))
        assert replace_deciles(ours) == replace_deciles(theirs)
        assert [suspect for suspect in learnt.decided.suspects if suspect.name == "code"] == [
            suspect for suspect in held.suspects if suspect.name == "code"
        ]


def replace_deciles(feature: object) -> object:
    return feature.model_copy(update={"deciles": []})  # type: ignore[attr-defined]


def test_files_that_change_between_the_passes_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "table", make_cells(), "csv")
    learnt = stream(path)
    with (path / "1.csv").open("a") as file:
        file.write("\n")
    with ExitStack() as kept, pytest.raises(TrainingError, match=r"1\.csv: the files of a table must stay as they are"):
        learn_from_files(learnt, options(path), kept)
    (path / "1.csv").unlink()
    with ExitStack() as kept, pytest.raises(TrainingError, match=r"1\.csv: .* changed or removed"):
        learn_from_files(learnt, options(path), kept)


def test_a_table_is_looked_at_without_a_target(tmp_path: Path) -> None:
    learnt = stream(write(tmp_path / "table", make_cells(), "csv"), target=None)
    counts = learnt.decided.counts
    assert counts.rows == counts.train + counts.validation + counts.test == ROWS
    assert "y" in [column.name for column in learnt.decided.features]


def test_files_without_a_row_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "table", {name: values[:0] for name, values in make_cells().items()}, "csv")
    with pytest.raises(UserError, match="must have rows"):
        stream(path)
