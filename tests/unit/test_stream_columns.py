"""A table that is streamed and the same in memory, with the same split: the same columns, and the same lines."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.streamed_tables import KEPT, ROWS, Cells, draw_few_rows, in_memory, make_cells, options, stream, write
from training.columns.decide import code_table
from training.columns.split import take_rows
from training.inspect import open_files
from training.learning.from_files import learn_from_files
from training.network import feature_moments
from training.preprocessing import fit_preprocessing, scale
from training.stream.first_pass.learn import learn_columns
from training.stream.spill import StreamedRows


@pytest.fixture(autouse=True)
def few_rows_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_few_rows(monkeypatch)


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
