"""A table of every kind of column, learnt as one that is streamed and as one in memory, with the same split."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

from training.columns.decide import decide_table
from training.columns.decided import DecidedTable
from training.columns.split import Split
from training.columns.target import DecidedTarget
from training.inspect import open_files
from training.options import TrainingOptions, parse_options
from training.stream import bounds
from training.stream.first_pass.learn import LearntColumns, learn_columns
from training.stream.places import TEST, TRAIN, VALIDATION, PlaceSplit
from training.table.read import read_files

ROWS = 6_000
KEPT = 1_500
Cells = dict[str, list[object]]


def draw_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the first pass draw fewer rows than the table has."""
    monkeypatch.setattr(bounds, "FEWEST_SAMPLE_ROWS", KEPT)
    monkeypatch.setattr(bounds, "MOST_SAMPLE_ROWS", KEPT)


def make_cells() -> Cells:
    """Columns of each kind, some of which look otherwise until a late row."""
    chance = np.random.default_rng(0)
    size = chance.normal(50, 10, ROWS).round(3)
    colour = chance.choice(["red", "green", "blue"], ROWS, p=[0.7, 0.29, 0.01]).astype(object)
    colour[ROWS - 7] = "violet"
    flag = chance.choice(["yes", "no"], ROWS).astype(object)
    late_gap = chance.normal(size=ROWS).round(3).astype(object)
    late_gap[ROWS - 3] = None
    nearly_flag = chance.integers(2, size=ROWS).astype(object)
    nearly_flag[ROWS - 9] = 2
    gappy = chance.normal(size=ROWS).round(4).astype(object)
    gappy[chance.random(ROWS) < 0.2] = None
    outlier = chance.normal(size=ROWS).round(3)
    outlier[ROWS - 2] = 1e9
    target = np.where(size + chance.normal(0, 5, ROWS) > 50, "above", "below").astype(object)
    target[::50] = None
    return {
        "size": size.tolist(), "colour": colour.tolist(), "flag": flag.tolist(), "late gap": late_gap.tolist(),
        "nearly a flag": nearly_flag.tolist(), "gappy": gappy.tolist(), "outlier": outlier.tolist(),
        "number": list(range(1, ROWS + 1)), "constant": ["x"] * ROWS, "copy": size.tolist(),
        "town": [f"town {min(place, 40)}" for place in chance.geometric(0.1, ROWS)], "y": target.tolist(),
    }  # fmt: skip


def write(folder: Path, cells: Mapping[str, Sequence[object]], ending: str, *, files: int = 3) -> Path:
    """Write the rows into files, one after the other."""
    folder.mkdir(exist_ok=True)
    rows = len(next(iter(cells.values())))
    for place in range(files):
        some = slice(rows * place // files, rows * (place + 1) // files)
        if ending == "parquet":
            columns = {name: pa.array(list(values[some])) for name, values in cells.items()}
            pa.parquet.write_table(pa.table(columns), folder / f"{place}.parquet", row_group_size=700)
            continue
        lines = [",".join(cells)]
        written = zip(*(values[some] for values in cells.values()), strict=True)
        lines += [",".join("" if cell is None else str(cell) for cell in row) for row in written]
        (folder / f"{place}.csv").write_text("\n".join(lines) + "\n")
    return folder


def options(path: Path, *more: str, target: str | None = "y") -> TrainingOptions:
    words = [] if target is None else ["--target", target]
    return parse_options(
        [*(["inspect"] if target is None else []), "--data", str(path), *words, "--memory", "10MB", *more]
    )


def stream(path: Path, *more: str, target: str | None = "y") -> LearntColumns:
    given = options(path, *more, target=target)
    return learn_columns(open_files(given), given)


def in_memory(path: Path, *more: str) -> DecidedTable:
    """Decide the table as one in memory, with the split of a streamed one."""
    given = options(path, *more)
    table = read_files(open_files(given), given.read)
    split = PlaceSplit(given.seed, given.test_fraction)

    def split_rows(target: DecidedTarget | None, rows: NDArray[np.int64]) -> Split:
        parts = split.parts_at(rows)
        return Split(*(np.flatnonzero(parts == part) for part in (TRAIN, VALIDATION, TEST)))

    return decide_table(table, target=given.target, task=given.task, options=given.columns, split_rows=split_rows)
