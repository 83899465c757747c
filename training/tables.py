"""A table of measurements: read from a user's CSV or Parquet file and checked, every fault named by its place."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from service.contract.card import RawFeature
from service.contract.names import Task
from training.columns import Column, check_complete, check_ranges, decide_target, read_numbers
from training.errors import UserError, first_line
from training.options import TaskChoice

PARQUET_ENDINGS = (".parquet", ".pq")
FIRST_CSV_ROW = 2
"""Row 1 of a CSV file is its header, as an editor shows it; Parquet has none."""


@dataclass(frozen=True)
class DataTable:
    """Checked rows. raw: (n, d) float64, as the graphs take it (see ``RawFeature``); target: (n,) float64.

    ``classes``: their names, by the numbers that the target then holds; two or more.
    ``held_out``: the first row that is held out, where the table comes split.
    ``probability``: (n,) the true probability of the positive class, where it is known.
    """

    source: str
    columns: list[RawFeature]
    raw: NDArray[np.float64]
    target_name: str
    target: NDArray[np.float64]
    task: Task
    classes: tuple[str, ...] | None = None
    held_out: int | None = None
    probability: NDArray[np.float64] | None = None

    @property
    def raw_names(self) -> list[str]:
        """Names of the raw columns."""
        return [column.name for column in self.columns]


def describe_numbers(names: list[str], raw: NDArray[np.float64]) -> list[RawFeature]:
    """Describe complete columns of numbers. raw: (n, d) float64."""
    extremes = zip(names, raw.min(axis=0).tolist(), raw.max(axis=0).tolist(), strict=True)
    return [RawFeature(name=name, minimum=low, maximum=high) for name, low, high in extremes]


def fingerprint(table: DataTable) -> str:
    """SHA-256 in hexadecimal over column names, raw values and target."""
    digest = hashlib.sha256("\0".join([*table.raw_names, table.target_name]).encode())
    digest.update(np.ascontiguousarray(table.raw).tobytes())
    digest.update(table.target.tobytes())
    return digest.hexdigest()


def best_possible_accuracy(table: DataTable) -> float | None:
    """Accuracy over the held-out rows of whoever knows the true probabilities; None where nobody does."""
    if table.probability is None or table.held_out is None:
        return None
    knows = table.probability[table.held_out :] > 0.5
    return float(np.mean(knows == table.target[table.held_out :]))


def read_table(path: Path, *, target: str, task: TaskChoice) -> DataTable:
    """Read ``path`` and check all of it; raise UserError with one line that names the first fault."""
    values = _read(path)
    _check_names(values.column_names, source=path.name, target=target)
    if values.num_rows == 0:
        raise UserError(f"{path.name}: a table must have rows, however: it has a header alone. Add rows.")
    first_row = 1 if _is_parquet(path) else FIRST_CSV_ROW
    columns = {name: Column(name, values[name], path.name, first_row) for name in values.column_names}
    target_column = columns.pop(target)
    raw = np.column_stack([read_numbers(column) for column in columns.values()])
    check_ranges(raw, list(columns), source=path.name)
    check_complete(target_column)
    decided = decide_target(target_column, task=task)
    return DataTable(
        source=path.name,
        columns=describe_numbers(list(columns), raw),
        raw=raw,
        target_name=target,
        target=decided.values,
        task=decided.task,
        classes=decided.classes,
    )


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in PARQUET_ENDINGS


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise UserError(f"--data must name a file, however: {path} is none. Give the path of a CSV or Parquet file.")
    try:
        if _is_parquet(path):
            return pa.parquet.read_table(path)
        options = pa.csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
        return pa.csv.read_csv(path, convert_options=options)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path.name}: a table must be a readable CSV or Parquet file, however: {first_line(error)}. Mend the file."
        ) from error


def _check_names(names: list[str], *, source: str, target: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            f"{source}: column names must differ, however: '{twice[0]}' stands {names.count(twice[0])} times. "
            "Rename or drop one."
        )
    if target not in names:
        raise UserError(
            f"{source}: --target must name a column, however: '{target}' is none of {', '.join(names)}. "
            "Choose one of these."
        )
    if len(names) == 1:
        raise UserError(
            f"{source}: a table must have a column beside its target, however: '{target}' is the only one. Add columns."
        )
