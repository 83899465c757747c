"""A table that is streamed and the same in memory, with the same split: the same columns, and the same lines."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from numpy.typing import NDArray

from training.columns.decide import code_table, decide_table
from training.columns.decided import DecidedTable
from training.columns.split import Split, take_rows
from training.columns.target import DecidedTarget
from training.errors import TrainingError, UserError
from training.inspect import open_files
from training.learning.from_files import learn_from_files
from training.network import feature_moments
from training.options import TrainingOptions, parse_options
from training.preprocessing import fit_preprocessing, scale
from training.stream import bounds
from training.stream.first_pass.learn import LearntColumns, learn_columns
from training.stream.places import TEST, TRAIN, VALIDATION, PlaceSplit
from training.stream.spill import StreamedRows
from training.table.read import read_files

ROWS = 6_000
KEPT = 1_500
Cells = dict[str, list[object]]


@pytest.fixture(autouse=True)
def few_rows_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "FEWEST_SAMPLE_ROWS", KEPT)
    monkeypatch.setattr(bounds, "MOST_SAMPLE_ROWS", KEPT)


def make_cells() -> Cells:
    """Columns of each kind, some of which look otherwise until a late row."""
    chance = np.random.default_rng(0)
    size = chance.normal(50, 10, ROWS).round(3)
    colour = chance.choice(["red", "green", "blue"], ROWS, p=[0.7, 0.29, 0.01]).astype(object)
    colour[ROWS - 7] = "violet"
    flag = chance.choice(["yes", "no"], ROWS).astype(object)
    late_gap = chance.normal(size=ROWS).round(3).astype(object)
    late_gap[ROWS - 3] = None
    nearly_flag = chance.integers(2, size=ROWS).astype(object)
    nearly_flag[ROWS - 9] = 2
    gappy = chance.normal(size=ROWS).round(4).astype(object)
    gappy[chance.random(ROWS) < 0.2] = None
    outlier = chance.normal(size=ROWS).round(3)
    outlier[ROWS - 2] = 1e9
    target = np.where(size + chance.normal(0, 5, ROWS) > 50, "above", "below").astype(object)
    target[::50] = None
    return {
        "size": size.tolist(), "colour": colour.tolist(), "flag": flag.tolist(), "late gap": late_gap.tolist(),
        "nearly a flag": nearly_flag.tolist(), "gappy": gappy.tolist(), "outlier": outlier.tolist(),
        "number": list(range(1, ROWS + 1)), "constant": ["x"] * ROWS, "copy": size.tolist(),
        "town": [f"town {min(place, 40)}" for place in chance.geometric(0.1, ROWS)], "y": target.tolist(),
    }  # fmt: skip


def write(folder: Path, cells: Mapping[str, Sequence[object]], ending: str, *, files: int = 3) -> Path:
    """Write the rows into files, one after the other."""
    folder.mkdir(exist_ok=True)
    rows = len(next(iter(cells.values())))
    for place in range(files):
        some = slice(rows * place // files, rows * (place + 1) // files)
        if ending == "parquet":
            columns = {name: pa.array(list(values[some])) for name, values in cells.items()}
            pa.parquet.write_table(pa.table(columns), folder / f"{place}.parquet", row_group_size=700)
            continue
        lines = [",".join(cells)]
        written = zip(*(values[some] for values in cells.values()), strict=True)
        lines += [",".join("" if cell is None else str(cell) for cell in row) for row in written]
        (folder / f"{place}.csv").write_text("\n".join(lines) + "\n")
    return folder


def options(path: Path, *more: str, target: str | None = "y") -> TrainingOptions:
    words = [] if target is None else ["--target", target]
    return parse_options(
        [*(["inspect"] if target is None else []), "--data", str(path), *words, "--memory", "10MB", *more]
    )


def stream(path: Path, *more: str, target: str | None = "y") -> LearntColumns:
    given = options(path, *more, target=target)
    return learn_columns(open_files(given), given)


def in_memory(path: Path, *more: str) -> DecidedTable:
    """Decide the table as one in memory, with the split of a streamed one."""
    given = options(path, *more)
    table = read_files(open_files(given), given.read)
    split = PlaceSplit(given.seed, given.test_fraction)

    def split_rows(target: DecidedTarget | None, rows: NDArray[np.int64]) -> Split:
        parts = split.parts_at(rows)
        return Split(*(np.flatnonzero(parts == part) for part in (TRAIN, VALIDATION, TEST)))

    return decide_table(table, target=given.target, task=given.task, options=given.columns, split_rows=split_rows)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_columns_scaling_and_statistics_are_those_of_the_table_in_memory(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / "table", make_cells(), ending)
    learnt, held = stream(path), in_memory(path)
    decided, whole = learnt.decided, learnt.decided.whole
    assert whole is not None
    assert decided.table.rows < KEPT + 200
    assert (whole.counts.rows, whole.counts.without_target) == (ROWS, ROWS // 50)
    assert (whole.counts.train, whole.counts.test) == (len(held.split.train), len(held.split.test))
    for ours, theirs in zip(decided.features, held.features, strict=True):
        assert ours.model_copy(update={"deciles": []}) == theirs.model_copy(update={"deciles": []})
        spread = theirs.maximum - theirs.minimum if theirs.name != "outlier" else 10
        # Deciles of 1,000 rows: six standard errors are below a tenth of the range.
        assert ours.deciles == pytest.approx(theirs.deciles, abs=0.1 * spread)
    assert [(suspect.name, suspect.kind) for suspect in decided.suspects] == [
        (suspect.name, suspect.kind) for suspect in held.suspects
    ]
    assert {suspect.text for suspect in decided.suspects if suspect.kind != "outlier"} == {
        suspect.text for suspect in held.suspects if suspect.kind != "outlier"
    }
    assert {suspect.name for suspect in decided.suspects if suspect.left_out} == {"number", "constant", "copy"}

    table = code_table(held)
    train = take_rows(table, held.split).train
    fitted = fit_preprocessing(train.raw, table.columns, complete=False)
    with ExitStack() as kept:
        learning = learn_from_files(learnt, options(path), kept)
        rows = learning.train
        assert isinstance(rows, StreamedRows)
        stored = np.fromfile(rows.path, dtype=np.float32).reshape(rows.count, rows.columns + 1)
        expected = scale(fitted, train.raw)
        values = [place for place, column in enumerate(table.columns) if column.kind != "category"]
        for encoded, raw in enumerate(values):
            # The median in gaps is that of the rows that were drawn; all else is the same but for rounding.
            gaps = np.isnan(train.raw[:, raw])
            assert stored[gaps, encoded] == pytest.approx(expected[gaps, encoded], abs=0.05)
            expected[gaps, encoded] = stored[gaps, encoded]
        assert stored[:, :-1] == pytest.approx(expected, abs=1e-7)
        assert np.array_equal(stored[:, -1], train.target)
        mean, deviation = feature_moments(torch.from_numpy(stored[:, :-1].copy()))
        assert rows.mean == pytest.approx(mean.numpy(), abs=1e-12)
        assert rows.deviation == pytest.approx(deviation.numpy(), abs=1e-7)  # below that, it counts as none
        assert learning.prepared.target.shares == pytest.approx([float(np.mean(train.target == at)) for at in (0, 1)])


def test_a_table_all_of_whose_rows_are_drawn_is_decided_to_the_last_digit(tmp_path: Path) -> None:
    cells = {name: values[: KEPT - 100] for name, values in make_cells().items()}
    path = write(tmp_path / "table", cells, "csv")
    learnt, held = stream(path), in_memory(path)
    assert learnt.decided.features == held.features
    assert learnt.decided.suspects == held.suspects
    assert learnt.decided.left_out == held.left_out


def number_target(cells: Cells) -> Cells:
    chance = np.random.default_rng(1)
    return {**cells, "y": [None if value is None else value * 3 + chance.normal() for value in cells["size"]]}  # type: ignore[operator]


def test_the_mean_and_spread_of_a_number_are_those_of_all_training_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "table", number_target(make_cells()), "parquet")
    train = take_rows(code_table(in_memory(path)), in_memory(path).split).train.target
    with ExitStack() as kept:
        learning = learn_from_files(stream(path), options(path), kept)
        assert learning.target_scale.mean == pytest.approx(train.mean(), rel=1e-12)
        assert learning.prepared.target.scale == pytest.approx(train.std(), rel=1e-12)


def test_small_classes_have_their_shares_of_all_training_rows(tmp_path: Path) -> None:
    cells = make_cells()
    for place, name in enumerate(["rare", "scarce", "seldom"], start=1):
        cells["y"][place :: 120 + 40 * place] = [name] * len(range(place, ROWS, 120 + 40 * place))
    path = write(tmp_path / "table", cells, "parquet")
    ours, theirs = (
        [suspect for suspect in decided.suspects if suspect.kind == "small class"]
        for decided in (stream(path).decided, in_memory(path))
    )
    assert ours == theirs
    assert len(ours) == 3


def test_classes_that_are_numbers_beside_words_are_found_however_they_are_written(tmp_path: Path) -> None:
    cells = make_cells()
    cells["y"] = ["?" if row % 50 == 0 else f"{row % 3 % 2}.0" for row in range(ROWS)]
    path = write(tmp_path / "data", cells, "csv")
    given = options(path, "--numeric", "y")
    learnt = learn_columns(open_files(given), given)
    assert learnt.decided.whole is not None
    assert learnt.decided.counts.without_target == ROWS / 50
    assert sum(learnt.decided.whole.class_counts) == learnt.decided.counts.train
    with ExitStack() as kept:
        learning = learn_from_files(learnt, given, kept)
        assert (learning.count, learning.prepared.target.classes) == (learnt.decided.counts.train, ["0", "1"])


def test_rows_are_drawn_of_those_with_a_target(tmp_path: Path) -> None:
    cells = make_cells()
    cells["y"] = [value if row % 12 == 5 else None for row, value in enumerate(cells["y"])]
    whole = stream(write(tmp_path / "table", cells, "csv")).decided.whole
    assert whole is not None
    assert len(whole.drawn.train) == whole.counts.train
    assert len(whole.drawn.test) == whole.counts.test > 50


def test_repeated_rows_are_told_of_the_rows_that_were_drawn(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    cells: Cells = {"a": chance.integers(50, size=ROWS).tolist(), "y": chance.choice(["yes", "no"], ROWS).tolist()}
    learnt = stream(write(tmp_path / "table", cells, "csv"))
    (found,) = (suspect.text for suspect in learnt.decided.suspects if suspect.kind == "repeated rows")
    assert learnt.decided.whole is not None
    train, test = len(learnt.decided.whole.drawn.train), len(learnt.decided.whole.drawn.test)
    assert found.startswith(f"{test:,} of {test:,} held-out rows equal one of the {train:,} training rows that were ")


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
