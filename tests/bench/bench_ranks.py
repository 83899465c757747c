"""Two ranks on two processors against one process on one. Run: python -m tests.bench.bench_ranks.

``large``, batches of 4,096: rows/s of whole epochs, interleaved; the median of the rounds' ratios. What two independent
processes reach together on the same two processors is printed too: no pair of ranks can do better. What holds two
back, of a step's 40 ms: 4 for the sums, half of it waiting for the other rank, and 3 for the units to drop, which each
rank draws for the whole batch, so that any number of ranks drops the same.
"""

import json
import os
import subprocess
import sys
import time

import numpy as np
import torch

from loadtest.target.server import free_port
from service.contract.names import DEFAULT_ARCHITECTURES
from tests.bench.bars import Bar, show_bars
from tests.bench.training_loops import Rows, make_descent
from tests.commands import ROOT
from training.architectures import Architecture
from training.ranks.group import RankGroup, join_group
from training.ranks.place import RankPlace, find_place

ROUNDS = 5
ROWS, BATCH = 32_768, 4_096
EPOCHS = 4
LEAST = 1.7


def work(processor: int) -> int:
    """Train as a rank, or alone, on one processor; print rows/s."""
    os.sched_setaffinity(0, {processor})
    torch.set_num_threads(1)
    place = find_place()
    if place.launched:
        with join_group(place, seconds=120.0) as group:
            print(json.dumps(measure(group)))
    else:
        print(json.dumps(measure(RankGroup(RankPlace()))))
    return 0


def measure(group: RankGroup) -> float:
    """Return rows/s of the whole batch, after one epoch to warm up."""
    torch.manual_seed(0)
    rows = Rows(columns=torch.rand(ROWS, 20), target=torch.randint(2, (ROWS,)).float())
    architecture = Architecture("large", *DEFAULT_ARCHITECTURES["large"])
    descent = make_descent(architecture, rows, batch_size=BATCH, group=group)
    descent.run_epoch(after_step=lambda: None)
    started = time.perf_counter()
    for _ in range(EPOCHS):
        descent.run_epoch(after_step=lambda: None)
    return EPOCHS * ROWS / (time.perf_counter() - started)


def begin(processor: int, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bench_ranks", str(processor)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def end(*processes: subprocess.Popen[str]) -> list[float]:
    return [float(process.communicate()[0]) for process in processes]


def begin_ranks(processors: list[int]) -> list[subprocess.Popen[str]]:
    port = free_port()
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    return [
        begin(processor, RANK=str(rank), LOCAL_RANK=str(rank), GLOO_SOCKET_IFNAME="lo", **shared)
        for rank, processor in enumerate(processors)
    ]


def main() -> int:
    """Compare, print the bar; return 1 where it is missed."""
    processors = sorted(os.sched_getaffinity(0))[:2]
    ratios, bounds = [], []
    for _ in range(ROUNDS):
        (alone,) = end(begin(processors[0]))
        ratios.append(min(end(*begin_ranks(processors))) / alone)
        bounds.append(sum(end(*(begin(processor) for processor in processors))) / alone)
    found = float(np.median(ratios))
    return show_bars(
        f"large, batches of {BATCH:,}: two ranks on two processors",
        [Bar("rows/s of two ranks / of one process", f">= {LEAST}", f"{found:.2f}", found >= LEAST)],
        [
            f"of the rounds: {min(ratios):.2f} to {max(ratios):.2f}",
            f"two independent processes / one: {float(np.median(bounds)):.2f}",
        ],
    )


if __name__ == "__main__":
    sys.exit(work(int(sys.argv[1])) if len(sys.argv) > 1 else main())
