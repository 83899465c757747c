"""Train a small network while it is killed again and again; print the weights' digest of each training that ended.

Run: python -m tests.killed_training FOLDER. The first line is of the undisturbed training, the others are of ones that
were killed with SIGKILL and went on: at each file operation of a checkpoint (a file that is being written is half there
then), at random moments, and where files can't grow, as on a disk that is full.
"""

import hashlib
import itertools
import json
import os
import random
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch

from tests.cards import RECIPE
from training.architectures import Architecture
from training.checkpoints.folder import CheckpointPlan
from training.cost.memory import PeakMemory
from training.errors import TrainingError
from training.fitting import train
from training.process import ScaledRows, TargetScale, TrainingJob

OPERATIONS = ((safetensors.torch, "save_file"), (os, "fsync"), (os, "replace"), (os, "fsync"))
"""Of each checkpoint, in this order."""
CHECKPOINTS = 6
"""The first ones, killed at each of their operations."""
KILLS = 20
LONGEST_LIFE = 0.3
"""Seconds: about as long as the training of a process that nobody kills."""
ALWAYS, NEVER = 1e-9, 1e9
"""Seconds between checkpoints: one after every step, or those of the end alone."""
FAILED = 1


def make_job(path: Path | None, *, seconds: float = ALWAYS, rows: int = 190) -> TrainingJob:
    """Three epochs of 10 steps, the last of each smaller than the others, with dropout."""
    random_numbers = np.random.default_rng(0)
    columns = random_numbers.random((rows, 3), dtype=np.float32)
    both = ScaledRows(columns=columns, target=(columns.sum(1) > 1.5).astype(np.float32))
    recipe = RECIPE.model_copy(update={"epochs": 3, "batch_size": 20, "dropout": 0.25, "seed": 5})
    return TrainingJob(
        architecture=Architecture("small", 2, 8),
        task="classification",
        recipe=recipe,
        train=both,
        validation=both,
        target_scale=TargetScale(),
        reference_features=np.ones((1, 9)),
        checkpoint=CheckpointPlan(path=path, seconds=seconds, run="this") if path else None,
    )


def train_to(result: Path, job: TrainingJob) -> None:
    """Write what identifies the outcome: weights, the answer for a row, and each epoch's figures."""
    found = train(job, memory=PeakMemory(), on_epoch=lambda entry: None)
    digest = hashlib.sha256(b"".join(array.tobytes() for array in found.state.values()))
    epochs = [entry.model_dump(exclude={"wall_seconds", "processor_seconds"}) for entry in found.trace]
    digest.update(found.reference.tobytes() + json.dumps(epochs).encode())
    result.write_text(digest.hexdigest())


def fork(work: Callable[[], None]) -> int:
    """Begin ``work`` in a process of its own: torch is imported, and has not computed anything yet."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except TrainingError as error:
            print(json.dumps({"how": "failed", "error": str(error)}), flush=True)
            os._exit(FAILED)
        os._exit(0)
    return child


def wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def sabotage(number: int) -> None:
    """Kill this process at that operation; a file that it would write is half there."""
    counter = itertools.count()

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if next(counter) == number:
                if function is save_file:
                    function(*arguments, **named)
                    os.truncate(arguments[1], os.path.getsize(arguments[1]) // 2)
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)

        return call

    save_file = safetensors.torch.save_file
    for module, name in dict.fromkeys(OPERATIONS):
        setattr(module, name, wrap(getattr(module, name)))


def report(folder: Path, how: str, *, kills: int) -> None:
    print(json.dumps({"how": how, "kills": kills, "digest": (folder / "result").read_text()}), flush=True)


def kill_at_operations(folder: Path) -> None:
    for number in range(CHECKPOINTS * len(OPERATIONS)):
        (own := folder / str(number)).mkdir()

        def killed(number: int = number, own: Path = own) -> None:
            sabotage(number)
            train_to(own / "result", make_job(own / "state"))

        assert wait(fork(killed)) == -signal.SIGKILL
        assert wait(fork(lambda own=own: train_to(own / "result", make_job(own / "state", seconds=NEVER)))) == 0  # type: ignore[misc]
        report(own, "operation", kills=1)


def kill_at_moments(folder: Path) -> None:
    chance, all_kills, trainings = random.Random(1), 0, itertools.count()
    while all_kills < KILLS:
        (own := folder / str(next(trainings))).mkdir()
        kills = 0
        while True:
            child = fork(lambda own=own: train_to(own / "result", make_job(own / "state")))  # type: ignore[misc]
            killer = threading.Timer(chance.uniform(0.01, LONGEST_LIFE), os.kill, (child, signal.SIGKILL))
            killer.start()
            os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # ended, but its number is not free yet
            killer.cancel()
            killer.join()
            status = wait(child)
            if status == 0:
                break
            assert status == -signal.SIGKILL
            kills += 1
        all_kills += kills
        report(own, "moments", kills=kills)


def fill_the_disk(folder: Path) -> None:
    """Train in part, then where files may have no more than some bytes, then where they may."""
    (own := folder / "full").mkdir()

    def killed() -> None:
        sabotage(len(OPERATIONS) * 4)
        train_to(own / "result", make_job(own / "state"))

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        train_to(own / "result", make_job(own / "state"))

    assert wait(fork(killed)) == -signal.SIGKILL
    before = {path: path.read_bytes() for path in own.iterdir()}
    assert wait(fork(full)) == FAILED
    assert {path: path.read_bytes() for path in own.iterdir()} == before
    assert wait(fork(lambda: train_to(own / "result", make_job(own / "state")))) == 0
    report(own, "full", kills=1)


def main() -> None:
    folder = Path(sys.argv[1])
    assert wait(fork(lambda: train_to(folder / "result", make_job(None)))) == 0
    report(folder, "undisturbed", kills=0)
    for number, kill in enumerate((kill_at_operations, kill_at_moments, fill_the_disk)):
        (own := folder / f"part-{number}").mkdir()
        kill(own)


if __name__ == "__main__":
    main()
