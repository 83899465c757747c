"""The columns of a user's table: raw ones as float64, and what the target asks for; faults are named by their row."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from service.contract.names import Task
from training.errors import UserError
from training.options import TaskChoice

MOST_CLASSES = 20
"""Up to so many distinct whole numbers may be classes or counts: nobody but the user can tell."""
SHOWN_VALUES = 5
COARSEST_TARGET = 0.1
"""Predictions are float32: neighbouring ones may lie at most so many standard deviations of the target apart."""


@dataclass(frozen=True)
class Column:
    """A column as it was read from the file ``source``. first_row: what an editor shows as its first value's row."""

    name: str
    values: pa.ChunkedArray
    source: str
    first_row: int

    def has_numbers(self) -> bool:
        """Whether the column's type is one of numbers."""
        kind = self.values.type
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))

    def fault(self, rule: str, position: int, fact: str, remedy: str) -> UserError:
        """Return the error for the value at ``position``, counted from 0."""
        row = position + self.first_row
        return UserError(f"{self.source}: column '{self.name}' must {rule}, however: row {row} {fact}. {remedy}")


@dataclass(frozen=True)
class DecidedTarget:
    """values: (n,) float64, 0 or 1 for classes; ``classes``: the names of 0 and of 1."""

    values: NDArray[np.float64]
    task: Task
    classes: tuple[str, str] | None


def read_numbers(column: Column) -> NDArray[np.float64]:
    """Return a raw column as (n,) float64. Raise UserError for the first row that holds no finite number."""
    kind = column.values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        position = _first_text(column.values)
        fact = f"holds '{column.values[position].as_py()}'"
        raise column.fault("be numeric", position, fact, "Clean it or drop the column.")
    if not column.has_numbers():
        raise UserError(
            f"{column.source}: column '{column.name}' must be numeric, however: its type is {kind}. "
            "Write it as numbers or drop the column."
        )
    check_complete(column)
    return _finite(column, remedy="Clean it or drop the column.")


def _first_text(values: pa.ChunkedArray) -> int:
    """Position of the first value that is no number; 0 where all would be (a Parquet column of digits)."""
    for position, value in enumerate(values.to_pylist()):
        try:
            float(value if value is not None else "0")
        except ValueError:
            return position
    return 0


def check_complete(column: Column) -> None:
    """Raise UserError for the first row that holds nothing."""
    if column.values.null_count:
        position = pc.index(pc.is_null(column.values), value=True).as_py()
        raise column.fault("have a value in every row", position, "holds none", "Fill it or drop the row.")


def _finite(column: Column, *, remedy: str) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = pc.cast(column.values, pa.float64(), safe=False).to_numpy()
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise column.fault("be finite", int(bad[0]), f"holds {numbers[bad[0]]}", remedy)
    return numbers


def check_ranges(raw: NDArray[np.float64], names: list[str], *, source: str) -> None:
    """Raise UserError for a column whose range float64 can't hold. raw: (n, d) float64."""
    with np.errstate(over="ignore"):
        spans = raw.max(axis=0) - raw.min(axis=0)
    for name, span in zip(names, spans, strict=True):
        if not np.isfinite(span):
            raise UserError(
                f"{source}: a column's range must fit float64, however: '{name}' spans more than "
                f"{np.finfo(np.float64).max:.1e}. Rescale it or drop the column."
            )


def decide_target(column: Column, *, task: TaskChoice) -> DecidedTarget:
    """Decide the task and encode a complete column. Raise UserError where the column does not allow the task."""
    numeric = column.has_numbers()
    values = (
        _finite(column, remedy="Drop such rows.")
        if numeric
        else np.array([str(value) for value in column.values.to_pylist()])
    )
    name, source = column.name, column.source
    distinct = np.unique(values)
    if len(distinct) == 1:
        raise UserError(
            f"{source}: target '{name}' must have at least two values, however: all rows hold {distinct[0]}. "
            "Choose another target or add rows."
        )
    if task == "classification" or (task == "auto" and len(distinct) == 2):
        return _classes(values, distinct, name=name, source=source)
    if not numeric:
        raise UserError(
            f"{source}: a text target must have exactly two values, however: '{name}' has {len(distinct)} "
            f"({_shown(distinct)}). Choose a numeric target or keep two classes."
        )
    if task == "auto" and len(distinct) <= MOST_CLASSES and np.all(distinct == np.round(distinct)):
        raise UserError(
            f"{source}: the task must be clear from the target, however: '{name}' holds {len(distinct)} distinct whole "
            f"numbers ({_shown(distinct)}), which may be classes or amounts. Give --task regression, or keep two "
            "classes."
        )
    _check_resolution(values, name=name, source=source)
    return DecidedTarget(values=values, task="regression", classes=None)


def _classes(values: NDArray[np.float64], distinct: NDArray[np.float64], *, name: str, source: str) -> DecidedTarget:
    if len(distinct) != 2:
        raise UserError(
            f"{source}: a classification must have exactly two classes, however: '{name}' has {len(distinct)} values "
            f"({_shown(distinct)}). Keep two classes or give --task regression."
        )
    negative, positive = (_label(value) for value in distinct)
    return DecidedTarget(
        values=(values == distinct[1]).astype(np.float64), task="classification", classes=(negative, positive)
    )


def _label(value: object) -> str:
    """Return a class as people write it: 1 rather than 1.0."""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _shown(distinct: NDArray[np.float64]) -> str:
    shown = ", ".join(_label(value) for value in distinct[:SHOWN_VALUES])
    return shown + (", ..." if len(distinct) > SHOWN_VALUES else "")


def _check_resolution(values: NDArray[np.float64], *, name: str, source: str) -> None:
    with np.errstate(over="ignore"):
        step = float(np.spacing(np.abs(values).max().astype(np.float32)))
        deviation = float(values.std())
    if not (np.isfinite(step) and np.isfinite(deviation) and step <= COARSEST_TARGET * deviation):
        raise UserError(
            f"{source}: predictions are float32 and must resolve the target, however: '{name}' varies by "
            f"{deviation:.3g} around {values.mean():.6g}. Subtract a constant from it, or rescale it."
        )
