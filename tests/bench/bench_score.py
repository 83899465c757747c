"""How fast files are scored, in how much memory. Run: python -m tests.bench.bench_score [--rows 10000000].

Tables of 20 numbers are made on the spot; each figure is that of a whole command on pinned processors, which says its
rows a second itself: from the loading of the graph to the last file. The shares of a profile come from one more run.
"""

import argparse
import json
import os
import pstats
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from rich.console import Console
from rich.table import Table

from training.generate import generate_table

ROWS_AT_A_TIME = 500_000
SHORT = 100_000
ROUNDS = 3
SHOWN = 8
MEGABYTE = 2**20
PEAK = """
import sys
from pathlib import Path
from training.__main__ import main
sys.argv = ["training", *sys.argv[1:]]
code = main()
print(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
sys.exit(code)
"""


def main() -> None:
    """Make a release and files, score them, print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BENTOML_HOME"] = str(folder / "home")
        command = ("-m", "training", "--architecture", "small=2x50", "--epochs", "3")
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        for place, count in enumerate((rows // 2, rows - rows // 2)):
            write_rows(folder / f"long/{place}.parquet", count, seed=place)
        write_rows(folder / "short.parquet", SHORT, seed=2)
        (folder / "one.parquet").hardlink_to(folder / "long/0.parquet")
        one, two = [], []
        memory = {SHORT: score(folder, "short.parquet", jobs=1)[1]}
        for _ in range(ROUNDS):
            rate, memory[rows] = score(folder, "long", jobs=1)
            one.append(rate)
            two.append(score(folder, "long", jobs=2)[0])
        profile(folder)
    show_rates(one, two, memory)


def write_rows(path: Path, rows: int, *, seed: int) -> None:
    """Write rows like the generated table's, without its target, in row groups as pyarrow makes them."""
    known, chance = generate_table(seed=0), np.random.default_rng(seed)
    path.parent.mkdir(exist_ok=True)
    schema = pa.schema([(name, pa.float64()) for name in known.raw_names])
    with pa.parquet.ParquetWriter(path, schema) as writer:
        for at in range(0, rows, ROWS_AT_A_TIME):
            drawn = chance.integers(len(known.raw), size=(min(ROWS_AT_A_TIME, rows - at), len(known.raw_names)))
            columns = [known.raw[drawn[:, place], place] for place in range(drawn.shape[1])]
            spread = [column + 1e-9 * chance.random(len(column)) for column in columns]  # no value comes again
            writer.write_table(pa.table(spread, schema=schema))


def score(folder: Path, data: str, *, jobs: int) -> tuple[float, float]:
    """Return rows a second and the first process's peak of memory in MB."""
    output = folder / "out"
    words = ("score", "--data", str(folder / data), "--output", str(output), "--jobs", str(jobs))
    ended = subprocess.run(
        ["taskset", "--cpu-list", f"0-{jobs - 1}", sys.executable, "-c", PEAK, *words],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    subprocess.run(["rm", "-r", str(output)], check=True)
    rate = re.search(r"([\d,]+) rows/s", ended.stdout)
    peak = re.search(r"VmHWM:\s+(\d+)", ended.stdout)
    assert rate
    assert peak
    return float(rate[1].replace(",", "")), int(peak[1]) * 1024 / MEGABYTE


def profile(folder: Path) -> None:
    """Print where the seconds of one process go."""
    code = (
        "import cProfile, sys; from training.__main__ import main; import training.score.show;"
        f"sys.argv = ['training', 'score', '--data', {str(folder / 'one.parquet')!r}, '--output', "
        f"{str(folder / 'one.out.parquet')!r}]; cProfile.run('main()', {str(folder / 'profile')!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    stats = pstats.Stats(str(folder / "profile"))
    stats.strip_dirs().sort_stats("tottime").print_stats(SHOWN)


def show_rates(one: list[float], two: list[float], memory: dict[int, float]) -> None:
    """Print what was found."""
    ratio = float(np.median(np.array(two) / np.array(one)))
    table = Table(title="Scoring 20 numbers a row from Parquet with small", title_justify="left")
    table.add_column("")
    table.add_column("measured", justify="right")
    table.add_column("bar", justify="right")
    table.add_row("rows/s, one process on one processor", f"{np.median(one):,.0f}", "600,000")
    table.add_row("two processes / one", f"{ratio:.2f}", "1.80")
    for rows, peak in memory.items():
        table.add_row(f"peak memory of {rows:,} rows, MB", f"{peak:.0f}", "400")
    Console(highlight=False).print(table)
    print(json.dumps({"one": one, "two": two, "ratio": ratio, "memory_mb": memory}))


if __name__ == "__main__":
    main()
