"""Train one architecture in a fresh process, so that its seconds and its peak memory are its own."""

import ctypes
import multiprocessing
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from service.contract.card import EpochTrace, Recipe
from service.contract.names import Task
from training.architectures import Architecture
from training.checkpoints.folder import CheckpointPlan
from training.errors import TrainingError, first_line, interrupts_ignored

if TYPE_CHECKING:  # imports torch
    from training.ranks.group import Group

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""What resets VmHWM (proc(5)). ``ru_maxrss`` cannot be reset and survives exec: a child would report its parent's."""
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
M_MMAP_THRESHOLD = -3
"""Name of a setting of glibc's ``mallopt(3)``."""
MAPPED_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class ScaledRows:
    """Rows to learn from; the products are left to the reader.

    columns: (n, d) float32, scaled; target: (n,) float32, the class's place, or standard deviations from the mean.
    """

    columns: NDArray[np.float32]
    target: NDArray[np.float32]


@dataclass(frozen=True)
class TargetScale:
    """Networks learn ``(target - mean) / scale``, in the target's unit; 0 and 1 for classes."""

    mean: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class TrainingJob:
    """What to train, on what. reference_features: (m, features) float64, rows to answer in float64.

    outputs: 1, or one for each of three and more classes. checkpoint: None: it can't go on where it was killed.
    """

    architecture: Architecture
    task: Task
    recipe: Recipe
    train: ScaledRows
    validation: ScaledRows
    target_scale: TargetScale
    reference_features: NDArray[np.float64]
    outputs: int = 1
    checkpoint: CheckpointPlan | None = None


@dataclass(frozen=True)
class TrainingResult:
    """What the fresh process found.

    state: PyTorch's own arrays by name; reference: (m,) or (m, k) float64, PyTorch's answers for the job's
    ``reference_features``; seconds: of the epochs; peak_memory: bytes over what the imports take.
    """

    state: dict[str, NDArray[np.float32]]
    reference: NDArray[np.float64]
    trace: list[EpochTrace]
    seconds: float
    peak_memory: int


def run_job(job: TrainingJob, *, on_epoch: Callable[[EpochTrace], None]) -> TrainingResult:
    """Run ``job`` in a spawned process; ``on_epoch`` hears of each epoch. Raise TrainingError if the process fails."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
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


def run_in_rank(job: TrainingJob, *, group: "Group", on_epoch: Callable[[EpochTrace], None]) -> TrainingResult:
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


def _work(connection: Connection) -> None:
    """Body of the fresh process: import, begin to measure, train, answer."""
    from training.fitting import train  # imports torch, which is not this architecture's memory

    memory = PeakMemory()
    with suppress(BrokenPipeError):  # the parent is gone: nobody is left to tell
        try:
            connection.send(train(connection.recv(), memory=memory, on_epoch=connection.send))
        except (RuntimeError, MemoryError) as error:  # torch raises RuntimeError when memory is short
            connection.send(_no_network(error))
        except TrainingError as error:
            connection.send(error)


class PeakMemory:
    """Starts to measure when it is made."""

    def __init__(self) -> None:
        _return_large_blocks()
        self.resettable = STATUS.exists() and _reset()
        self.before = _status("RssAnon") if self.resettable else _largest_ever()

    def peak(self) -> int:
        """Bytes of resident memory at the peak since the start, less those held at the start.

        Pages of the libraries' files are left out where the system tells them apart: they come in when code is first
        used, in pieces of whatever size the page cache has, which moved the figure by 30 MB between equal runs.
        """
        now = _status("VmHWM") - _status("RssFile") if self.resettable else _largest_ever()
        return max(0, now - self.before)


def _return_large_blocks() -> None:
    """Make glibc give a large block back as soon as it is free.

    By default it learns from the first such block to keep them, and whether the next one fits into the gap moved the
    peak of equal runs between 30 and 65 MB. Fixed: 21 to 23 MB.
    """
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)


def _reset() -> bool:
    try:
        CLEAR.write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def _status(field: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024


def _largest_ever() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT
