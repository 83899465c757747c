"""The epochs of one network, in one process and in one that goes on where another was stopped."""

from dataclasses import replace
from pathlib import Path

import pytest

from service.contract.card import EpochTrace
from tests.killed_training import make_job
from training.architectures import Architecture
from training.cost.memory import PeakMemory
from training.fitting import train
from training.process import TrainingJob, TrainingResult

ARCHITECTURES = [Architecture("small", 2, 8), Architecture("line", 0, 0)]


def stop_after(epochs: int, job: TrainingJob) -> list[EpochTrace]:
    """Begin to train, and stop as Ctrl-C does; return the epochs until then."""
    heard: list[EpochTrace] = []

    def hear(entry: EpochTrace) -> None:
        heard.append(entry)
        if len(heard) == epochs:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(job, memory=PeakMemory(), on_epoch=hear)
    return heard


def finish(job: TrainingJob) -> TrainingResult:
    return train(job, memory=PeakMemory(), on_epoch=lambda entry: None)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.name)
def test_a_training_that_goes_on_ends_with_the_same_weights_and_the_seconds_of_all_epochs(
    architecture: Architecture, tmp_path: Path
) -> None:
    undisturbed = finish(replace(make_job(None), architecture=architecture))
    job = replace(make_job(tmp_path / "state"), architecture=architecture)
    before = stop_after(2, job)
    found = finish(job)

    assert found.state.keys() == undisturbed.state.keys()
    assert all((found.state[name] == array).all() for name, array in undisturbed.state.items())
    assert [entry.validation_loss for entry in found.trace] == [entry.validation_loss for entry in undisturbed.trace]
    assert found.trace[0] == before[0]
    wall, processor = ([getattr(entry, f"{kind}_seconds") for entry in found.trace] for kind in ("wall", "processor"))
    assert min(wall) > 0
    assert min(processor) > 0
    assert (found.seconds.wall, found.seconds.processor) == pytest.approx((sum(wall), sum(processor)))
    assert 0 <= found.memory.network <= found.memory.peak


def test_two_ranks_of_a_machine_share_its_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    from training.cost import seconds

    monkeypatch.setattr(seconds, "count_allowed_processors", lambda: 6)
    assert [seconds.choose_threads(10**6, processes=ranks) for ranks in (1, 2, 4, 7)] == [6, 3, 1, 1]
    assert seconds.choose_threads(14_000) == 1
