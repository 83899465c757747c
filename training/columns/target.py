"""The target of a table: which rows have one, whether it is classes or a number, and its values as float64."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.contract.names import Task
from service.contract.policies import MOST_CLASSES
from training.columns.codes import as_numbers, write_number
from training.columns.kinds import check_finite, check_no_mixture
from training.columns.words import plain_numbers, read_words
from training.errors import UserError, quoted
from training.options import TaskChoice
from training.table.values import ColumnOptions, ColumnValues, ReadTable

MOST_UNCLEAR = 20
"""Up to so many distinct whole numbers may be classes or amounts: nobody but the user can tell."""
SHOWN_VALUES = 5
COARSEST_TARGET = 0.1
"""Predictions are float32: neighbouring ones may lie at most so many standard deviations of the target apart."""


@dataclass(frozen=True)
class DecidedTarget:
    """values: (m,) float64, a number or the class's place in ``classes``; rows: (m,) int64, those that have one."""

    name: str
    values: NDArray[np.float64]
    rows: NDArray[np.int64]
    task: Task
    classes: tuple[str, ...] | None


def decide_target(column: ColumnValues, *, table: ReadTable, task: TaskChoice, options: ColumnOptions) -> DecidedTarget:
    """Decide the task and encode the column. Raise UserError where the column does not allow the task."""
    if column.words is None or column.name in options.numeric:
        return _decide_numbers(column, table=table, task=task)
    return _decide_words(column, table=table, task=task)


def _decide_numbers(column: ColumnValues, *, table: ReadTable, task: TaskChoice) -> DecidedTarget:
    numbers = as_numbers(column, decimal=table.decimal)
    rows = _rows_with_value(~np.isnan(numbers), column.name, table=table)
    check_finite(column.name, numbers, table=table, otherwise="or drop the row")
    values = numbers[rows]
    distinct = np.unique(values)
    labels = [write_number(value) for value in distinct[: MOST_CLASSES + 1]]
    _check_varied(labels, column.name, table=table)
    if task == "classification" or (task == "auto" and len(distinct) == 2):
        _check_class_count(labels, len(distinct), column.name, table=table)
        places = np.searchsorted(distinct, values).astype(np.float64)
        return DecidedTarget(column.name, places, rows, "classification", tuple(labels))
    if task == "auto" and len(distinct) <= MOST_UNCLEAR and np.all(distinct == np.round(distinct)):
        raise UserError(
            f"{table.source}: the task must be clear from the target, however: {quoted(column.name)} holds "
            f"{len(distinct)} distinct whole numbers ({_shown(labels)}), which may be classes or amounts. Give --task "
            "classification or --task regression."
        )
    _check_resolution(values, name=column.name, source=table.source)
    return DecidedTarget(column.name, values, rows, "regression", None)


def _decide_words(column: ColumnValues, *, table: ReadTable, task: TaskChoice) -> DecidedTarget:
    words = read_words(column.words)
    rows = _rows_with_value(words.positions >= 0, column.name, table=table)
    if task != "classification":
        check_no_mixture(
            column.name,
            words,
            plain_numbers(words.distinct, decimal=table.decimal),
            table=table,
            otherwise="or --task classification to take every value as a class",
        )
    used = np.flatnonzero(words.count())
    labels = sorted(str(words.distinct[int(place)]) for place in used[: MOST_CLASSES + 1])
    _check_varied(labels, column.name, table=table)
    if task == "regression":
        row = int(rows[0])
        raise UserError(
            f"{table.source}: the target of a regression must be numeric, however: column {quoted(column.name)}, "
            f"{table.place(row)} holds {quoted(words.text(row))}. Give --task classification, or another --target."
        )
    _check_class_count(labels, len(used), column.name, table=table)
    code = {label: float(place) for place, label in enumerate(labels)}
    codes = np.array([code.get(str(word), np.nan) for word in words.distinct])
    return DecidedTarget(column.name, codes[words.positions[rows]], rows, "classification", tuple(labels))


def _rows_with_value(present: NDArray[np.bool_], name: str, *, table: ReadTable) -> NDArray[np.int64]:
    rows = np.flatnonzero(present)
    if not rows.size:
        raise UserError(
            f"{table.source}: the target must have values, however: column {quoted(name)} has none in "
            f"{table.all_rows or table.rows:,} rows. Choose another --target."
        )
    return rows


def _check_varied(labels: list[str], name: str, *, table: ReadTable) -> None:
    if len(labels) == 1:
        raise UserError(
            f"{table.source}: target {quoted(name)} must have at least two values, however: all rows hold "
            f"{quoted(labels[0])}. Choose another target or add rows."
        )


def _check_class_count(labels: list[str], count: int, name: str, *, table: ReadTable) -> None:
    if count > MOST_CLASSES:
        raise UserError(
            f"{table.source}: a classification must have at most {MOST_CLASSES} classes, however: {quoted(name)} has "
            f"{count:,} values{table.among} ({_shown(labels)}). Choose another --target, or group its values."
        )


def _shown(labels: list[str]) -> str:
    shown = ", ".join(quoted(label) for label in labels[:SHOWN_VALUES])
    return shown + (", ..." if len(labels) > SHOWN_VALUES else "")


def _check_resolution(values: NDArray[np.float64], *, name: str, source: str) -> None:
    with np.errstate(over="ignore"):
        step = float(np.spacing(np.abs(values).max().astype(np.float32)))
        deviation = float(values.std())
    if not (np.isfinite(step) and np.isfinite(deviation) and step <= COARSEST_TARGET * deviation):
        raise UserError(
            f"{source}: predictions are float32 and must resolve the target, however: {quoted(name)} varies by "
            f"{deviation:.3g} around {values.mean():.6g}. Subtract a constant from it, or rescale it."
        )
