"""Train one architecture in a fresh process, so that its seconds and its peak memory are its own."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from service.contract.card import EpochTrace, Recipe
from service.contract.names import Task
from training.architectures import Architecture
from training.checkpoints.folder import CheckpointPlan
from training.cost.memory import MemoryUse, PeakMemory
from training.cost.seconds import Seconds
from training.errors import TrainingError, first_line, interrupts_ignored
from training.stream.spill import StreamedRows

if TYPE_CHECKING:  # imports torch
    from training.ranks.group import RankGroup

LOOK_SECONDS = 0.5
"""Between two looks at whether the parent is still there."""


@dataclass(frozen=True)
class ScaledRows:
    """Rows to learn from; the products are left to the reader.

    columns: (n, d) float32, scaled; target: (n,) float32, the class's place, or standard deviations from the mean.
    """

    columns: NDArray[np.float32]
    target: NDArray[np.float32]

    def identity(self) -> dict[str, NDArray[np.generic]]:
        """Return what tells these rows from others."""
        return {"columns": self.columns, "target": self.target}


@dataclass(frozen=True)
class TargetScale:
    """Networks learn ``(target - mean) / scale``, in the target's unit; 0 and 1 for classes."""

    mean: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class TrainingJob:
    """What to train, on what. reference_features: (m, features) float64, rows to answer in float64.

    outputs: 1, or one for each of three and more classes. threads: that it trains on. checkpoint: None: it can't go on
    where it was killed.
    """

    architecture: Architecture
    task: Task
    recipe: Recipe
    train: ScaledRows | StreamedRows
    validation: ScaledRows
    target_scale: TargetScale
    reference_features: NDArray[np.float64]
    outputs: int = 1
    threads: int = 1
    checkpoint: CheckpointPlan | None = None


@dataclass(frozen=True)
class TrainingResult:
    """What the fresh process found.

    state: PyTorch's own arrays by name; reference: (m,) or (m, k) float64, PyTorch's answers for the job's
    ``reference_features``; seconds: of all epochs; disturbed: whether something else took a part of the processors,
    which can't be told of ranks, who wait for each other.
    """

    state: dict[str, NDArray[np.float32]]
    reference: NDArray[np.float64]
    trace: list[EpochTrace]
    seconds: Seconds
    disturbed: bool
    memory: MemoryUse


def run_job(job: TrainingJob, *, on_epoch: Callable[[EpochTrace], None]) -> TrainingResult:
    """Run ``job`` in a spawned process; ``on_epoch`` hears of each epoch. Raise TrainingError if the process fails."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, os.getpid()), daemon=True)
    with interrupts_ignored():
        process.start()
    theirs.close()
    try:
        ours.send(job)
        return _listen(ours, on_epoch=on_epoch)
    except (EOFError, ConnectionError) as error:
        process.join()
        raise TrainingError(
            f"training '{job.architecture.name}' must end with a network, however: its process ended with exit code "
            f"{process.exitcode}. Free memory and run again{_how_to_go_on(job)}."
        ) from error
    finally:
        process.kill()
        process.join()
        ours.close()


def run_in_rank(job: TrainingJob, *, group: "RankGroup", on_epoch: Callable[[EpochTrace], None]) -> TrainingResult:
    """Run ``job`` in this process and the other ranks' together. Raise TrainingError if it fails in this one."""
    from training.fitting import train

    try:
        return train(job, memory=PeakMemory(), on_epoch=on_epoch, group=group)
    except (RuntimeError, MemoryError) as error:
        raise _no_network(error) from error


def _how_to_go_on(job: TrainingJob) -> str:
    return f", with --resume {job.checkpoint.path.parent}" if job.checkpoint else ""


def _no_network(error: Exception) -> TrainingError:
    return TrainingError(f"training must end with a network, however: {first_line(error)}. Train a smaller one.")


def _listen(connection: Connection, *, on_epoch: Callable[[EpochTrace], None]) -> TrainingResult:
    while True:
        message = connection.recv()
        if isinstance(message, TrainingResult):
            return message
        if isinstance(message, TrainingError):
            raise message
        on_epoch(message)


def end_with(parent: int) -> None:
    """End this process soon after the one that started it, whatever ends that one."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(connection: Connection, parent: int) -> None:
    """Body of the fresh process: import, begin to measure, train, answer."""
    end_with(parent)  # in the middle of an epoch, too
    from training.fitting import train  # imports torch, which is not this architecture's memory

    memory = PeakMemory()
    with suppress(BrokenPipeError):  # the parent is gone: nobody is left to tell
        try:
            connection.send(train(connection.recv(), memory=memory, on_epoch=connection.send))
        except (RuntimeError, MemoryError) as error:  # torch raises RuntimeError when memory is short
            connection.send(_no_network(error))
        except TrainingError as error:
            connection.send(error)
