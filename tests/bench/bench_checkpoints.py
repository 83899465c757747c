"""What checkpoints cost: a long training of ``large`` beside itself. Run: python -m tests.bench.bench_checkpoints.

Time that a checkpoint takes, as a share of the time between two: the seconds inside ``Keeper.write`` are counted, which
is exact where two trainings of five minutes differ by more than 2 % from run to run. ``--minutes`` sets how long.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch

from service.contract.names import DEFAULT_ARCHITECTURES
from tests.bench.bars import at_most, show_bars
from tests.bench.training_loops import Rows, make_job
from training.architectures import Architecture
from training.checkpoints.folder import SECONDS_BETWEEN, CheckpointPlan
from training.checkpoints.keeper import Keeper
from training.checkpoints.state import TrainingState
from training.cost.memory import PeakMemory
from training.fitting import train

MOST_PERCENT = 2.0
ROWS, BATCH = 16_384, 1_024


def main() -> int:
    """Train until the time is over, print the bar; return 1 where it is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=SECONDS_BETWEEN, help="between two checkpoints")
    given = parser.parse_args()
    rows = Rows(columns=torch.rand(ROWS, 20), target=torch.randint(2, (ROWS,)).float())
    written: list[float] = []
    write = Keeper.write

    def timed(keeper: Keeper, make: Callable[[], TrainingState]) -> None:
        started = time.perf_counter()
        write(keeper, make)
        written.append(time.perf_counter() - started)

    ends = time.monotonic() + given.minutes * 60

    def stop_when_over(entry: object) -> None:
        if time.monotonic() > ends:
            raise KeyboardInterrupt

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(Keeper, "write", timed):
        plan = CheckpointPlan(path=Path(folder) / "large.safetensors", seconds=given.seconds, run="bench")
        job = make_job(Architecture("large", *DEFAULT_ARCHITECTURES["large"]), rows, batch_size=BATCH, checkpoint=plan)
        try:
            train(job, memory=PeakMemory(), on_epoch=stop_when_over)
        except KeyboardInterrupt:
            size = plan.path.stat().st_size
    seconds = time.perf_counter() - started
    share = 100 * sum(written) / seconds
    return show_bars(
        f"Checkpoints every {given.seconds:g} s of {seconds:.0f} s of training",
        [at_most("percent of the training's time", MOST_PERCENT, share, ".3f")],
        [f"{len(written)} of {size / 1e6:.1f} MB, {1000 * sum(written) / max(1, len(written)):.1f} ms each"],
    )


if __name__ == "__main__":
    sys.exit(main())
