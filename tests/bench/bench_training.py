"""Training time against scikit-learn's MLPClassifier: same rows, epochs and batch size. Run: make bench.

Interleaved rounds; the ratio of each round, its geometric mean and its range. Our seconds are those that the run
reports: all epochs, with validation and averaging after each, without imports.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from service.contract.names import DEFAULT_ARCHITECTURES
from training.columns.split import split_table
from training.generate import generate_table
from training.preprocessing import fit_preprocessing

ROUNDS = 5
EPOCHS = 20
BATCH_SIZE = 200
"""MLPClassifier's default."""


def main() -> None:
    """Train both in turn, print the ratios as a table and as a line of JSON."""
    features, target = _features()
    ours: dict[str, list[float]] = {name: [] for name in DEFAULT_ARCHITECTURES}
    theirs: dict[str, list[float]] = {name: [] for name in DEFAULT_ARCHITECTURES}
    for _ in range(ROUNDS):
        for name, (depth, width) in DEFAULT_ARCHITECTURES.items():
            ours[name].append(_train_ours(name, depth, width))
            theirs[name].append(_train_theirs(features, target, depth, width))
    _show(ours, theirs)


def _features() -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the training rows of the default run, as it sees them."""
    table = generate_table(seed=0)
    rows = split_table(table, test_fraction=0.2, seed=0).train
    return fit_preprocessing(rows.raw, table.columns).transform(rows.raw).astype(np.float32), rows.target


def _train_ours(name: str, depth: int, width: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        shape = ("--architecture", f"{name}={depth}x{width}", "--batch-size", str(BATCH_SIZE), "--epochs", str(EPOCHS))
        subprocess.run(
            [sys.executable, "-m", "training", *shape, "--summary", str(summary)],
            check=True,
            env={**os.environ, "BENTOML_HOME": folder},
            stdout=subprocess.DEVNULL,
        )
        return float(json.loads(summary.read_text())["architectures"][name]["train_seconds"])


def _train_theirs(features: NDArray[np.float32], target: NDArray[np.float64], depth: int, width: int) -> float:
    model = MLPClassifier(
        [width] * depth, batch_size=BATCH_SIZE, max_iter=EPOCHS, n_iter_no_change=EPOCHS, random_state=0
    )
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, target)
    return time.perf_counter() - started


def _show(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> None:
    table = Table(title=f"Training seconds, {EPOCHS} epochs, batch {BATCH_SIZE}, {ROUNDS} rounds", title_justify="left")
    for heading in ("", "archscale", "MLPClassifier", "ratio (lowest to highest)"):
        table.add_column(heading, justify="right")
    found = {}
    for name, seconds in ours.items():
        ratios = np.array(seconds) / np.array(theirs[name])
        mean = float(np.exp(np.log(ratios).mean()))
        found[name] = {"ours": seconds, "theirs": theirs[name], "ratio": mean}
        medians = (f"{np.median(seconds):.2f}", f"{np.median(theirs[name]):.2f}")
        table.add_row(name, *medians, f"{mean:.2f} ({ratios.min():.2f} to {ratios.max():.2f})")
    Console(highlight=False).print(table)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
