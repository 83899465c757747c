"""Networks trained on rows from the disk: as good as on the same rows in memory, and the same when they go on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.killed_training import make_job
from training.checkpoints.identity import digest_rows
from training.checkpoints.keeper import Keeper
from training.cost.memory import PeakMemory
from training.fitting import train
from training.network import feature_moments
from training.process import ScaledRows, TrainingJob, TrainingResult
from training.stream.spill import StreamedRows

ROWS = 1_900


def from_disk(job: TrainingJob, folder: Path) -> TrainingJob:
    """Put the job's rows on the disk, in an order that does a training no good."""
    rows = job.train
    assert isinstance(rows, ScaledRows)
    order = np.argsort(rows.target, kind="stable")
    np.column_stack([rows.columns, rows.target])[order].tofile(folder / "rows")
    mean, deviation = feature_moments(torch.from_numpy(rows.columns))
    streamed = StreamedRows(
        path=str(folder / "rows"),
        count=len(rows.target),
        columns=3,
        mean=mean.numpy(),
        deviation=deviation.numpy(),
        class_counts=np.bincount(rows.target.astype(int)),
        chunk_rows=500,
        content="a",
    )
    return replace(job, train=streamed)


def finish(job: TrainingJob) -> TrainingResult:
    return train(job, memory=PeakMemory(), on_epoch=lambda entry: None)


def test_rows_are_the_same_on_a_processor_that_rounds_their_moments_otherwise(tmp_path: Path) -> None:
    rows = from_disk(make_job(None, rows=ROWS), tmp_path).train
    assert isinstance(rows, StreamedRows)
    other = replace(rows, mean=np.nextafter(rows.mean, 1), deviation=np.nextafter(rows.deviation, 1))
    assert digest_rows(other.identity()) == digest_rows(rows.identity())
    assert digest_rows(replace(rows, content="b").identity()) != digest_rows(rows.identity())


def test_rows_from_the_disk_teach_as_much_as_rows_in_memory(tmp_path: Path) -> None:
    job = make_job(None, rows=ROWS)
    held, streamed = finish(job), finish(from_disk(job, tmp_path))
    # Only the order of the rows differs: three seeds of the order differ by less than half of this.
    for ours, theirs in zip(streamed.trace, held.trace, strict=True):
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, abs=0.05)
    assert streamed.trace[-1].validation_loss < 0.5 * streamed.trace[0].validation_loss


@pytest.mark.parametrize("step", [1, 37, 95, 200])
def test_a_training_that_goes_on_in_the_middle_of_an_epoch_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    undisturbed = finish(from_disk(make_job(None, rows=ROWS), tmp_path))
    job = from_disk(make_job(tmp_path / "state", rows=ROWS), tmp_path)
    write, steps = Keeper.write_if_due, iter(range(step))

    def stop(keeper: Keeper, make: object) -> None:
        write(keeper, make)  # type: ignore[arg-type]
        if next(steps, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr(Keeper, "write_if_due", stop)
    with pytest.raises(KeyboardInterrupt):
        finish(job)
    monkeypatch.setattr(Keeper, "write_if_due", write)
    found = finish(job)
    assert all((found.state[name] == array).all() for name, array in undisturbed.state.items())
    assert [entry.train_loss for entry in found.trace] == [entry.train_loss for entry in undisturbed.trace]
