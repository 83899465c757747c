"""Read a user's CSV or Parquet file into a checked table: every fault is named by file, column and row."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from training.data import Table
from training.errors import UserError, first_line
from training.options import TaskChoice
from training.targets import decide_target

PARQUET_ENDINGS = (".parquet", ".pq")
FIRST_CSV_ROW = 2
"""Row 1 of a CSV file is its header, as an editor shows it."""


def read_table(path: Path, *, target: str, task: TaskChoice) -> Table:
    """Read ``path`` and check all of it; raise UserError with one line that names the first fault."""
    columns = _read(path)
    source = path.name
    _check_names(columns, source=source, target=target)
    if columns.num_rows == 0:
        raise UserError(f"{source}: a table must have rows, however: it has a header alone. Add rows.")
    raw_names = [name for name in columns.column_names if name != target]
    raw = np.column_stack([_numbers(columns, name, path=path) for name in raw_names])
    _check_ranges(raw, raw_names, source=source)
    _check_complete(columns, target, path=path)
    decided = decide_target(columns[target], name=target, source=source, task=task)
    return Table(
        source=source,
        raw_names=raw_names,
        raw=raw,
        target_name=target,
        target=decided.values,
        task=decided.task,
        classes=decided.classes,
    )


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise UserError(f"--data must name a file, however: {path} is none. Give the path of a CSV or Parquet file.")
    try:
        if path.suffix.lower() in PARQUET_ENDINGS:
            return pa.parquet.read_table(path)
        options = pa.csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
        return pa.csv.read_csv(path, convert_options=options)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path.name}: a table must be a readable CSV or Parquet file, however: {first_line(error)}. Mend the file."
        ) from error


def _check_names(columns: pa.Table, *, source: str, target: str) -> None:
    names: list[str] = columns.column_names
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


def _numbers(columns: pa.Table, name: str, *, path: Path) -> NDArray[np.float64]:
    """Return one raw column as float64, or say which row holds what is no finite number."""
    column = columns[name]
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        position = _first_text(column)
        raise UserError(
            f"{path.name}: column '{name}' must be numeric, however: row {_shown(position, path)} holds "
            f"'{column[position].as_py()}'. Clean it or drop the column."
        )
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise UserError(
            f"{path.name}: column '{name}' must be numeric, however: its type is {kind}. "
            "Write it as numbers or drop the column."
        )
    _check_complete(columns, name, path=path)
    numbers: NDArray[np.float64] = pc.cast(column, pa.float64(), safe=False).to_numpy()
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise UserError(
            f"{path.name}: column '{name}' must be finite, however: row {_shown(int(bad[0]), path)} holds "
            f"{numbers[bad[0]]}. Clean it or drop the column."
        )
    return numbers


def _first_text(column: pa.ChunkedArray) -> int:
    """Position of the first value that is no number; 0 where all would be (a Parquet column of digits)."""
    for position, value in enumerate(column.to_pylist()):
        try:
            float(value if value is not None else "0")
        except ValueError:
            return position
    return 0


def _check_complete(columns: pa.Table, name: str, *, path: Path) -> None:
    column = columns[name]
    if column.null_count:
        position = pc.index(pc.is_null(column), value=True).as_py()
        raise UserError(
            f"{path.name}: column '{name}' must have a value in every row, however: row {_shown(position, path)} "
            "holds none. Fill it or drop the row."
        )


def _check_ranges(raw: NDArray[np.float64], names: list[str], *, source: str) -> None:
    with np.errstate(over="ignore"):
        spans = raw.max(axis=0) - raw.min(axis=0)
    for name, span in zip(names, spans, strict=True):
        if not np.isfinite(span):
            raise UserError(
                f"{source}: a column's range must fit float64, however: '{name}' spans more than "
                f"{np.finfo(np.float64).max:.1e}. Rescale it or drop the column."
            )


def _shown(position: int, path: Path) -> int:
    """Row number as the reader counts: the line of a CSV file, from 1 in Parquet."""
    return position + (1 if path.suffix.lower() in PARQUET_ENDINGS else FIRST_CSV_ROW)
