"""Training against its peers and against its own arithmetic, interleaved. Run: make bench-training.

- Steps of 1,024 rows on one thread: rows/s of ``training.step`` to those of a DataLoader over stored features (plain,
  and at its best: whole batches fetched at once, AdamW fused), of scikit-learn's ``partial_fit``, and of the matrix
  products alone at the same shapes. Medians of the rounds' ratios.
- Whole runs, each on the threads that it takes: ``python -m training`` to ``MLPClassifier.fit``; same rows, epochs and
  batch size; ours with validation and averaging after each epoch.
- The default run of ``small`` on one processor: seconds of its 20 epochs, and the held-out accuracy that they reach.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from service.contract.names import DEFAULT_ARCHITECTURES
from tests.bench.bars import Bar, at_most, show_bars
from tests.bench.training_loops import Epoch, interleave, make_epochs, tile
from training.architectures import Architecture
from training.columns.split import split_table
from training.generate import generate_table
from training.preprocessing import fit_preprocessing, scale

STEP_ROUNDS = 9
STEP_ROWS, STEP_BATCH = 16_384, 1_024
STEP_BARS = {
    "small": {"DataLoader": 3.0, "DataLoader at its best": 1.2, "partial_fit": 1.5, "matrix products": 0.6},
    "large": {"matrix products": 0.8},
}
"""Least rows/s of ours, as multiples of each."""
RUN_ROUNDS = 3
EPOCHS = 20
RUN_BATCH = 200
"""MLPClassifier's default."""
MOST_SECONDS, LEAST_ACCURACY = 1.0, 0.91


def main() -> int:
    """Measure all three, print tables, bars and a line of JSON; return 1 where a bar is missed."""
    table = generate_table(seed=0)
    rows = split_table(table, test_fraction=0.2, seed=0).train
    pipeline = fit_preprocessing(rows.raw, table.columns)
    columns, target = torch.from_numpy(scale(pipeline, rows.raw)), torch.from_numpy(rows.target.astype(np.float32))
    with threadpool_limits(1):
        torch.set_num_threads(1)
        steps = {
            name: _time_steps(Architecture(name, *DEFAULT_ARCHITECTURES[name]), columns, target) for name in STEP_BARS
        }
    runs = _time_runs(pipeline.transform(rows.raw).astype(np.float32), rows.target)
    small = _default_run_of_small()
    _show_steps(steps)
    bars = [
        Bar(f"{name}: rows/s of ours / {peer}", f">= {bar:g}", f"{steps[name][peer]['ratio']:.2f}",
            steps[name][peer]["ratio"] >= bar)
        for name, peers in STEP_BARS.items()
        for peer, bar in peers.items()
    ]  # fmt: skip
    accuracy = small["test"]["accuracy"]
    bars += [
        at_most("small: seconds of 20 epochs, one processor", MOST_SECONDS, small["train_seconds"], ".2f"),
        Bar("small: held-out accuracy then", f">= {LEAST_ACCURACY}", f"{accuracy:.4f}", accuracy >= LEAST_ACCURACY),
    ]
    compared = [
        f"{name}: seconds of a whole run of ours / of MLPClassifier: {ratio:.2f}" for name, ratio in runs.items()
    ]
    code = show_bars(f"Training: {EPOCHS} epochs of runs, steps of {STEP_BATCH:,} rows", bars, compared)
    print(json.dumps({"steps": steps, "runs": runs, "seconds": small["train_seconds"], "accuracy": accuracy}))
    return code


def _time_steps(architecture: Architecture, columns: torch.Tensor, target: torch.Tensor) -> dict[str, dict[str, float]]:
    """Return rows/s of each, and the median ratio of ours to it."""
    epochs = make_epochs(architecture, tile(columns, target, rows=STEP_ROWS), batch_size=STEP_BATCH)
    found = list(interleave(epochs, rounds=STEP_ROUNDS, seconds=_seconds))
    return {
        name: {
            "rows/s": STEP_ROWS / float(np.median([seconds[name] for seconds in found])),
            "ratio": float(np.median([seconds[name] / seconds["archscale"] for seconds in found])),
        }
        for name in epochs
    }


def _seconds(epoch: Epoch) -> float:
    started = time.perf_counter()
    epoch()
    return time.perf_counter() - started


def _time_runs(features: NDArray[np.float32], target: NDArray[np.float64]) -> dict[str, float]:
    """Return the geometric mean of the rounds' ratios of seconds, ours to theirs."""
    ratios: dict[str, list[float]] = {name: [] for name in DEFAULT_ARCHITECTURES}
    for _ in range(RUN_ROUNDS):
        for name, (depth, width) in DEFAULT_ARCHITECTURES.items():
            batch = ("--batch-size", str(RUN_BATCH), "--epochs", str(EPOCHS))
            ours = _run(f"{name}={depth}x{width}", *batch)["train_seconds"]
            ratios[name].append(ours / _fit_theirs(features, target, depth, width))
    return {name: float(np.exp(np.log(found).mean())) for name, found in ratios.items()}


def _default_run_of_small() -> dict[str, Any]:
    depth, width = DEFAULT_ARCHITECTURES["small"]
    runs = [_run(f"small={depth}x{width}", processors={0}) for _ in range(RUN_ROUNDS)]
    return min(runs, key=lambda run: float(run["train_seconds"]))


def _run(architecture: str, *options: str, processors: set[int] | None = None) -> dict[str, Any]:
    """Train it and return its summary."""
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        subprocess.run(
            [sys.executable, "-m", "training", "--architecture", architecture, *options, "--summary", str(summary)],
            check=True,
            env={**os.environ, "BENTOML_HOME": folder},
            stdout=subprocess.DEVNULL,
            preexec_fn=(lambda: os.sched_setaffinity(0, processors)) if processors else None,
        )
        (found,) = json.loads(summary.read_text())["architectures"].values()
        return dict(found)


def _fit_theirs(features: NDArray[np.float32], target: NDArray[np.float64], depth: int, width: int) -> float:
    model = MLPClassifier(
        [width] * depth, batch_size=RUN_BATCH, max_iter=EPOCHS, n_iter_no_change=EPOCHS, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _seconds(lambda: model.fit(features, target))


def _show_steps(steps: dict[str, dict[str, dict[str, float]]]) -> None:
    table = Table(title=f"Steps of {STEP_BATCH:,} rows, one thread: thousand rows/s", title_justify="left")
    table.add_column("")
    for name in steps:
        table.add_column(name, justify="right")
        table.add_column("ours / it", justify="right")
    for peer in steps["small"]:
        figures = [steps[name][peer] for name in steps]
        table.add_row(peer, *(text for of in figures for text in (f"{of['rows/s'] / 1e3:,.0f}", f"{of['ratio']:.2f}")))
    Console(highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
