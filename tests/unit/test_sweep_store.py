"""The folder of a sweep: what is written is read again, and what does not belong there is refused in one line."""

import errno
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

from service.contract.card import Metrics
from service.contract.curve import CurvePoint, Machine, Memory, Shape
from training.errors import TrainingError, UserError
from training.sweep.store import Conditions, StoredPoint, SweepFolder, locked

CONDITIONS = Conditions(
    version="0.4.0",
    source="generated",
    task="classification",
    target="alarm",
    first_seed=0,
    fingerprint="a" * 64,
    epochs=20,
    batch_size=None,
    learning_rate=None,
    test_fraction=0.2,
)
SCORES: NDArray[np.float32] = np.array([1, 0, 1, 1], dtype=np.float32)


def stored(*, seed: int = 0) -> StoredPoint:
    point = CurvePoint(
        shape=Shape(depth=2, width=50),
        name="small",
        rows=1000,
        seed=seed,
        weights=14_151,
        bytes=57_000,
        test=Metrics(loss=0.25, accuracy=0.9, auc=None, brier=0.07),
        epochs=2,
        threads=1,
        wall_seconds=[0.25, 0.125],
        processor_seconds=[0.2, 0.1],
        disturbed=True,
        memory=Memory(peak_bytes=30, data_bytes=10, network_bytes=20),
        latency_seconds={1: 1e-5, 64: 1e-4, 1024: 1e-3},
    )
    return StoredPoint(point, SCORES, Machine(processors=2, model="a processor", versions={"torch": "2.13.0"}))


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    with locked(tmp_path / "results"):
        return SweepFolder(tmp_path / "results", CONDITIONS)


def other(folder: SweepFolder, **changed: object) -> SweepFolder:
    return SweepFolder(folder.folder, CONDITIONS.model_copy(update=changed))


def test_a_point_is_read_as_it_was_written(folder: SweepFolder) -> None:
    folder.add(stored())
    folder.add(stored(seed=1))
    found = folder.read()
    assert list(found) == [(2, 50, 1000, 0), (2, 50, 1000, 1)]
    again = found[2, 50, 1000, 0]
    assert (again.point, again.machine) == (stored().point, stored().machine)
    np.testing.assert_array_equal(again.row_scores, SCORES)
    assert again.row_scores.dtype == np.float32


def test_any_program_can_read_the_columns(folder: SweepFolder) -> None:
    folder.add(stored())
    (row,) = pyarrow.parquet.read_table(folder.points / "2x50-1000-0.parquet").to_pylist()
    wanted = {"depth": 2, "width": 50, "rows": 1000, "seed": 0, "loss": 0.25, "r2": None, "row_scores": [1, 0, 1, 1]}
    assert row.items() >= wanted.items()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"version": "0.5.0"}, "is of version 0.4.0, not 0.5.0"),
        ({"fingerprint": "b" * 64}, "is of another table"),
        ({"epochs": 5}, "is of --epochs 20, not 5"),
        ({"first_seed": 4}, "is of --seed 0, not 4"),
        ({"task": "regression"}, "is of a classification, not regression"),
    ],
)
def test_results_of_another_version_table_or_recipe_are_refused(
    folder: SweepFolder, changed: dict[str, object], words: str
) -> None:
    folder.add(stored())
    with pytest.raises(UserError) as caught:
        other(folder, **changed).read()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no table", None], ids=["empty", "words", "another table"])
def test_a_file_that_is_no_point_is_named(folder: SweepFolder, content: bytes | None) -> None:
    path = folder.points / "1x1-1-1.parquet"
    if content is None:
        pyarrow.parquet.write_table(pyarrow.table({"depth": [1]}), path)
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"points/1x1-1-1\.parquet can't be read as one"):
        folder.read()


def test_what_a_killed_sweep_left_half_written_is_no_point(folder: SweepFolder) -> None:
    folder.add(stored())
    (folder.points / "2x50-1000-1.parquet.unfinished").write_bytes(b"half")
    assert list(folder.read()) == [(2, 50, 1000, 0)]
    assert [path.name for path in folder.points.iterdir()] == ["2x50-1000-0.parquet"]


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder.add(stored())
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TrainingError, match="must take the results, however: No space left on device"):
        folder.add(stored(seed=1))
    assert list(folder.read()) == [(2, 50, 1000, 0)]


def test_two_sweeps_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(UserError, match="must belong to one sweep at a time, however: another one is at work"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):
        pass
