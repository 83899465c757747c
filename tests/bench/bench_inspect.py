"""What a look at a million rows costs. Run: python -m tests.bench.bench_inspect.

The table is made on the spot: CSV of 20 columns, numbers, words, yes and no, and the target.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from tests.bench.bars import at_most, show_bars
from tests.bench.bench_score import PEAK

ROWS = 1_000_000
NUMBERS, CATEGORIES = 14, 4
MOST_SECONDS, MOST_MEGABYTES = 10, 400


def main() -> None:
    """Write, look, print; exit code 1 where a bar is missed."""
    with tempfile.TemporaryDirectory(prefix="archscale-inspect-") as folder:
        file = write_million(Path(folder) / "million.csv")
        begin = time.perf_counter()
        command = [sys.executable, "-c", PEAK, "inspect", "--data", str(file), "--target", "y"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds = time.perf_counter() - begin
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", said)
    megabytes = int(kilobytes) * 1024 / 1e6
    bars = [at_most("seconds", MOST_SECONDS, seconds, ".1f"), at_most("megabytes", MOST_MEGABYTES, megabytes, ".0f")]
    sys.exit(show_bars(f"inspect: {ROWS:,} rows of {NUMBERS + CATEGORIES + 2} columns in CSV", bars, []))


def write_million(path: Path) -> Path:
    """Write the table."""
    chance = np.random.default_rng(0)
    columns = {f"x{place}": chance.normal(size=ROWS).round(6) for place in range(NUMBERS)}
    words = {f"c{place}": chance.choice(["red", "green", "blue", "grey"], ROWS) for place in range(CATEGORIES)}
    flag = chance.choice(["yes", "no"], ROWS)
    target = np.where(columns["x0"] + columns["x1"] * columns["x2"] > 0, "a", "b")
    pyarrow.csv.write_csv(pa.table({**columns, **words, "flag": flag, "y": target}), path)
    return path


if __name__ == "__main__":
    main()
