"""Twenty public tables from file to answer: trained, served, compared. Run: make bench-tables.

Each is trained as its authors left it, served, and asked for its 100 held-out examples by position and by name. What is
printed: AUC (R2 for numbers) of both networks and of the baselines on the same held-out rows, and how far the better
network is ahead of gradient boosting.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import track

from loadtest.record.errors import MeasurementError
from tests.bench.tables.answers import largest_difference, read_cards
from tests.bench.tables.outcome import Result, median_lead, tabulate_results
from tests.bench.tables.public import TABLES, PublicTable
from training.summary import TrainingSummary

PYTHON = Path(".venv-tables/bin/python")


def main() -> None:
    """Train, ask, print; exit code 1 where a table was refused or an answer differs."""
    chosen = _choose()
    console = Console(highlight=False, width=130)
    with tempfile.TemporaryDirectory(prefix="archscale-tables-") as name:
        folder = Path(name)
        subprocess.run([PYTHON, "-m", "tests.bench.tables.copy_out", folder], check=True)
        results = [_try(table, folder) for table in track(chosen, "tables", console=Console(stderr=True))]
    console.print(tabulate_results(results))
    console.print(f"Better network less gradient boosting, median: {median_lead(results):+.4f}")
    for result in results:
        if result.refusal:
            console.print(f"{result.table.name}: {result.refusal}", markup=False)
    sys.exit(any(result.refusal for result in results))


def _choose() -> list[PublicTable]:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tables", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TABLE", help="try these alone")
    names = parser.parse_args().names
    return [table for table in TABLES if not names or table.name in names]


def _try(table: PublicTable, folder: Path) -> Result:
    home, summary = folder / table.name, folder / f"{table.name}.json"
    data = ("--data", str(folder / table.file_name), "--target", table.target, *table.options)
    trained = subprocess.run(
        [sys.executable, "-m", "training", *data, "--summary", str(summary)],
        env={**os.environ, "BENTOML_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if trained.returncode != 0:
        return Result(table, refusal=trained.stderr.strip().splitlines()[-1])
    found = TrainingSummary.model_validate_json(summary.read_text())
    cards = read_cards(home)
    try:
        return Result(table, found, cards, largest_difference(cards, home, folder / f"{table.name}.log"))
    except MeasurementError as error:
        return Result(table, found, cards, refusal=str(error))


if __name__ == "__main__":
    main()
