"""Train the network of ``tests.killed_training`` in several ranks; write down what each of them found or said.

Run: python -m tests.ranked_training FOLDER. One file of JSON for each rank that ends by itself: its scenario, and its
weights or its error. In some scenarios the last rank does not come, is stopped in the middle (SIGSTOP) or killed; those
that are there wait for it for some seconds. Rank 0 keeps checkpoints, and goes on from what is there.
"""

import json
import os
import signal
import sys
from pathlib import Path

from torch import Tensor

from loadtest.target.server import free_port
from tests.killed_training import make_job
from training.cost.memory import PeakMemory
from training.errors import TrainingError
from training.fitting import train
from training.ranks.group import RankGroup, join_group
from training.ranks.place import RankPlace

SCENARIOS = {
    "alone": (1, 190, "complete"),
    "two": (2, 190, "complete"),
    "alone with one row left": (1, 181, "complete"),
    "three with one row left": (3, 181, "complete"),
    "killed": (2, 190, "killed"),
    "absent": (2, 190, "absent"),
    "stopped": (2, 190, "stopped"),
}
"""Name -> ranks, rows, and what becomes of the last rank."""
GOES_ON = {"gone on with": ("killed", 3)}
"""Name -> the scenario that left the checkpoint, and ranks."""
PATIENT, IMPATIENT = 120.0, 4.0
"""Seconds."""
LAST_STEP = 13
"""Of a rank that is stopped or killed: in the second epoch."""


def work(scenario: str, place: RankPlace, *, rows: int, folder: Path, last: str) -> None:
    is_last = place.rank == place.size - 1
    try:
        with join_group(place, seconds=PATIENT if last == "complete" else IMPATIENT) as group:
            if is_last and last in ("stopped", "killed"):
                _fail_at(LAST_STEP, group, signal.SIGSTOP if last == "stopped" else signal.SIGKILL)
            job = make_job(folder / "state" if place.is_first else None, rows=rows)
            found = train(job, memory=PeakMemory(), on_epoch=lambda entry: None, group=group)
        weights = {name: array.tolist() for name, array in found.state.items()}
        losses = [(entry.train_loss, entry.validation_loss) for entry in found.trace]
        result: dict[str, object] = {"weights": weights, "losses": losses}
    except TrainingError as error:
        result = {"error": str(error)}
    record = {"scenario": scenario, "rank": place.rank, **result}
    (folder.parent / f"{scenario}-{place.rank}.json").write_text(json.dumps(record))


def _fail_at(step: int, group: RankGroup, number: signal.Signals) -> None:
    add_up, steps = group.add_up, iter(range(step))

    def fail(numbers: Tensor) -> None:
        if next(steps, None) is None:
            os.kill(os.getpid(), number)
        add_up(numbers)

    group.add_up = fail  # type: ignore[method-assign]


def begin(scenario: str, folder: Path, *, size: int, rows: int, last: str) -> list[int]:
    """Begin the ranks, each in a process of its own: torch is imported, and has not computed anything yet."""
    port = free_port()
    children = []
    for rank in range(size - 1 if last == "absent" else size):
        children.append(os.fork())
        if children[rank] == 0:
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(size)}
            os.environ |= {"RANK": str(rank), "GLOO_SOCKET_IFNAME": "lo"}
            place = RankPlace(rank=rank, size=size, local_rank=rank, local_size=size, launched=True)
            work(scenario, place, rows=rows, folder=folder, last=last)
            os._exit(0)
    return children


def end(children: list[int], *, last: str) -> None:
    for rank, child in enumerate(children):
        if last == "stopped" and rank == len(children) - 1:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def main() -> None:
    folder = Path(sys.argv[1])
    begun = {}
    for name, (size, rows, last) in SCENARIOS.items():
        (folder / name).mkdir()
        begun[name] = begin(name, folder / name, size=size, rows=rows, last=last)
    for name, children in begun.items():
        end(children, last=SCENARIOS[name][2])
    for name, (before, size) in GOES_ON.items():
        rows = SCENARIOS[before][1]
        end(begin(name, folder / before, size=size, rows=rows, last="complete"), last="complete")


if __name__ == "__main__":
    main()
