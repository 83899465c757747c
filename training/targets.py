"""What a target column asks for: a classification of two classes, or a regression."""

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
class Decided:
    """values: (n,) float64, 0 or 1 for classes; ``classes``: the names of 0 and of 1."""

    values: NDArray[np.float64]
    task: Task
    classes: tuple[str, str] | None


def decide_target(column: pa.ChunkedArray, *, name: str, source: str, task: TaskChoice) -> Decided:
    """Decide the task and encode a complete column. Raise UserError where the column does not allow the task."""
    values, numeric = _values(column, name=name, source=source)
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
    return Decided(values=values, task="regression", classes=None)


def _values(column: pa.ChunkedArray, *, name: str, source: str) -> tuple[NDArray[np.float64], bool]:
    """Return the column as float64 or as text, and whether it is numeric."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = pc.cast(column, pa.float64(), safe=False).to_numpy()
        bad = np.flatnonzero(~np.isfinite(numbers))
        if bad.size:
            raise UserError(
                f"{source}: target '{name}' must be finite, however: it holds {numbers[bad[0]]}. Drop such rows."
            )
        return numbers, True
    return np.array([str(value) for value in column.to_pylist()]), False


def _classes(values: NDArray[np.float64], distinct: NDArray[np.float64], *, name: str, source: str) -> Decided:
    if len(distinct) != 2:
        raise UserError(
            f"{source}: a classification must have exactly two classes, however: '{name}' has {len(distinct)} values "
            f"({_shown(distinct)}). Keep two classes or give --task regression."
        )
    negative, positive = (_label(value) for value in distinct)
    return Decided(
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
