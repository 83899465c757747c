"""Held-out quality over several seeds, each a whole training run. Run: python -m tests.bench.quality.

Prints the mean and the range of each figure: one seed says little about a table of some hundred rows.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.bench.imbalanced import write_imbalanced
from tests.tables import write_cancer, write_diabetes

DEFAULT_SEEDS = range(5)
SMALL_TABLE_SEEDS = range(10)
DRAWS = (0, 11, 12, 13)
"""Of the table with a rare class. Some 240 of the held-out rows are positive: one draw says as little as one seed."""


Study = tuple[str, list[str], range, tuple[str, ...]]
"""Name, options of the run, its seeds, and the metrics that are printed."""


def main() -> None:
    """Train, collect, print."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments, seeds, metrics in _studies(Path(folder)):
            runs = [_train(Path(folder), arguments, seed) for seed in track(seeds, name, console=Console(stderr=True))]
            console.print(_table(name, runs, metrics))


def _studies(folder: Path) -> list[Study]:
    cancer, diabetes = write_cancer(folder / "cancer.csv"), write_diabetes(folder / "diabetes.csv")
    return [
        ("default table", [], DEFAULT_SEEDS, ("loss", "accuracy")),
        *(_study_rare_class(folder, draw) for draw in DRAWS),
        ("breast cancer", ["--data", str(cancer), "--target", "diagnosis"], SMALL_TABLE_SEEDS, ("loss", "accuracy")),
        ("diabetes", ["--data", str(diabetes), "--target", "progression"], SMALL_TABLE_SEEDS, ("loss", "r2")),
    ]


def _study_rare_class(folder: Path, draw: int) -> Study:
    table = write_imbalanced(folder / f"rare-{draw}.csv", seed=draw)
    return f"rare class, draw {draw}", ["--data", str(table), "--target", "failed"], DEFAULT_SEEDS, ("loss", "auc")


def _train(folder: Path, arguments: list[str], seed: int) -> dict[str, dict[str, float]]:
    """Return the held-out metrics of every architecture and baseline."""
    summary = folder / "summary.json"
    command = [sys.executable, "-m", "training", *arguments, "--seed", str(seed), "--summary", str(summary)]
    environment = {**os.environ, "BENTOML_HOME": str(folder / "home")}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    found = json.loads(summary.read_text())
    return {name: model["test"] for part in ("architectures", "baselines") for name, model in found[part].items()}


def _table(name: str, runs: list[dict[str, dict[str, float]]], metrics: tuple[str, ...]) -> Table:
    table = Table(title=f"{name}: mean of {len(runs)} seeds (lowest to highest)", title_justify="left")
    table.add_column("")
    for metric in metrics:
        table.add_column(metric, justify="right")
    for model in runs[0]:
        values = [np.array([run[model][metric] for run in runs]) for metric in metrics]
        table.add_row(model, *(f"{value.mean():.4f} ({value.min():.4f} to {value.max():.4f})" for value in values))
    return table


if __name__ == "__main__":
    main()
