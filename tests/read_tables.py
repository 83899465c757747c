"""Tables as the reader hands them on, written by hand."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pytest

from training.columns.decide import decide_table, split_at_random
from training.columns.decided import DecidedTable
from training.errors import UserError
from training.options import TaskChoice
from training.table.values import ColumnOptions, ColumnValues, ReadTable

Value = float | str | None
ROWS = 60
Read = Callable[..., ReadTable]
"""A file's content, its name and the options of reading -> its table."""
Refusal = Callable[..., str]
"""The same -> the line that refuses it."""
MANY_ROWS = "".join(f"{row},{row / 2},w{row % 3}\n" for row in range(300))
"""Of a CSV file."""


def column(name: str, values: Sequence[Value]) -> ColumnValues:
    """Words where one value is text, else numbers; None: missing."""
    if any(isinstance(value, str) for value in values):
        texts = [value if value is None else str(value) for value in values]
        return ColumnValues(name, words=pa.array(texts, pa.string()).dictionary_encode())
    return ColumnValues(name, numbers=np.array([np.nan if value is None else value for value in values], dtype=float))


def read_table(columns: Mapping[str, Sequence[Value]], *, decimal: str = ".") -> ReadTable:
    """Make a CSV file's table: line 1 is its header."""
    made = [column(name, values) for name, values in columns.items()]
    rows = len(next(iter(columns.values())))
    return ReadTable("data.csv", "CSV", rows, made, lambda row: f"line {row + 2}", decimal)


def values(column: ColumnValues) -> list[object]:
    """A column's values; None where they are missing."""
    if column.numbers is not None:
        assert column.numbers.dtype == np.float64
        return [None if np.isnan(number) else number for number in column.numbers.tolist()]
    assert column.words is not None
    return list(column.words.to_pylist())


def columns(table: ReadTable) -> dict[str, list[object]]:
    """Each column's values, by its name."""
    return {column.name: values(column) for column in table.columns}


def decide(
    table: ReadTable, target: str | None = None, options: ColumnOptions | None = None, *, task: TaskChoice = "auto"
) -> DecidedTable:
    """Decide with the split of ``--seed 0``."""
    splitter = split_at_random(source=table.source, test_fraction=0.2, seed=0)
    return decide_table(table, target=target, task=task, options=options or ColumnOptions(), split_rows=splitter)


def table_with(make: Callable[[int], Value], *, decimal: str = ".") -> ReadTable:
    """Make a column 'x' beside one of numbers."""
    return read_table(
        {"a": [row * 0.5 for row in range(ROWS)], "x": [make(row) for row in range(ROWS)]}, decimal=decimal
    )


def kind_of(make: Callable[[int], Value], options: ColumnOptions | None = None) -> str:
    """What the column 'x' of ``table_with`` is taken for."""
    features = {feature.name: feature for feature in decide(table_with(make), options=options).features}
    return features["x"].kind


def refusal(make: Callable[[int], Value], options: ColumnOptions | None = None, *, decimal: str = ".") -> str:
    """Return the line that refuses it."""
    with pytest.raises(UserError) as caught:
        decide(table_with(make, decimal=decimal), options=options)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.exit_code == 2
    assert line.startswith(("data.csv: ", "--"))
    return line
