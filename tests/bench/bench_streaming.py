"""A table that is larger than the memory: how much it takes, and how fast. Run: python -m tests.bench.bench_streaming.

Parquet files are made on the spot, of 20 numbers and a target of two classes; figures are those of whole commands.
Memory: the most that the command and the process that it trains in hold together, looked at every 20 ms, streaming, and
with the same command on 10,000 rows. Rows a second: of epochs, streaming and in memory on the same rows, one after the
other, the median of the rounds' ratios; an epoch ends with validation, which has fewer rows when streaming.
``--rows 200000 --same-rows 100000`` tries it out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet

from tests.bench.bars import Bar, at_most, show_bars
from tests.commands import ROOT
from training.generate import generate_table
from training.table.memory import BYTES_OF_VALUE

FEW = 10_000
FILES = 4
ROWS_AT_A_TIME = 500_000
ROUNDS = 3
EPOCHS = 4
"""Of which the first, in which everything is done for the first time, does not count."""
MEGABYTE = 10**6
MOST_ABOVE, MOST = 300, 1_200
LEAST_RATIO = 0.8
LOOK_SECONDS = 0.02


def write_table(folder: Path, rows: int) -> Path:
    """Write rows like the generated table's, into several files."""
    known, chance = generate_table(seed=0), np.random.default_rng(1)
    schema = pa.schema([*((name, pa.float64()) for name in known.raw_names), (known.target_name, pa.string())])
    words = np.array(known.classes)
    spread = 1e-3 * known.raw.std(axis=0)
    folder.mkdir()
    for place in range(FILES):
        left = rows // FILES
        with pa.parquet.ParquetWriter(folder / f"part-{place}.parquet", schema) as writer:
            while left:
                count = min(ROWS_AT_A_TIME, left)
                drawn = chance.integers(len(known.raw), size=count)
                raw = known.raw[drawn] + spread * chance.standard_normal((count, known.raw.shape[1]))
                columns = [*(pa.array(column) for column in raw.T), pa.array(words[known.target[drawn].astype(int)])]
                writer.write_table(pa.table(columns, schema=schema))
                left -= count
    return folder


def train(data: Path, *, memory: int, epochs: int) -> tuple[float, float, float]:
    """Return the peak of memory in MB, rows a second of the epochs after the first, and the command's seconds."""
    summary = data.with_suffix(f".{time.monotonic_ns()}.json")
    words = ("--data", data, "--target", "alarm", "--architecture", "small=2x50", "--batch-size", "1024")
    more = ("--epochs", str(epochs), "--memory", f"{memory // MEGABYTE}MB", "--summary", summary)
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        run = psutil.Popen(
            [sys.executable, "-m", "training", *words, *more], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=said
        )
        peak = 0
        while run.poll() is None:
            peak = max(peak, count_memory(run))
            time.sleep(LOOK_SECONDS)
        said.seek(0)
        assert run.returncode == 0, said.read()
    found = json.loads(summary.read_text())
    seconds = [entry["wall_seconds"] for entry in found["architectures"]["small"]["trace"]]
    rate = found["data"]["train_rows"] / median(seconds[1:] or seconds)
    return peak / MEGABYTE, rate, time.monotonic() - begun


def count_memory(run: psutil.Process) -> int:
    """Return the bytes that a process and its children hold; what they share counts once."""
    held = 0
    try:
        for process in (run, *run.children(recursive=True)):
            held += process.memory_full_info().pss
    except psutil.NoSuchProcess:
        pass
    return held


def main() -> int:
    """Measure, print the bars; return 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--same-rows", type=int, default=600_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BENTOML_HOME"] = str(folder / "home")
        few, many = write_table(folder / "few", FEW), write_table(folder / "many", given.rows)
        streams = min(given.rows, given.same_rows) * 21 * BYTES_OF_VALUE // 2
        of_few = train(few, memory=streams, epochs=1)[0]
        of_many, rate, seconds = train(many, memory=streams, epochs=1)
        same = write_table(folder / "same", given.same_rows)
        rounds = [
            [train(same, memory=memory, epochs=EPOCHS)[1] for memory in (streams, 3 * streams)] for _ in range(ROUNDS)
        ]
    ratio = median(streamed / held for streamed, held in rounds)
    remembered = [
        f"{given.rows:,} rows: {rate:,.0f} rows/s in the epoch, {seconds:.0f} s in all; {FEW:,} rows: {of_few:.0f} MB",
        *(f"{streamed:,.0f} rows/s streaming, {held:,.0f} in memory" for streamed, held in rounds),
    ]
    return show_bars(
        "A table of 20 numbers that is larger than the memory, small, batches of 1,024",
        [
            at_most(f"MB of {given.rows:,} rows above {FEW:,}", MOST_ABOVE, of_many - of_few, ".0f"),
            at_most(f"MB of {given.rows:,} rows", MOST, of_many, ".0f"),
            Bar("rows/s streaming / in memory", f">= {LEAST_RATIO}", f"{ratio:.2f}", ratio >= LEAST_RATIO),
        ],
        remembered,
    )


if __name__ == "__main__":
    sys.exit(main())
