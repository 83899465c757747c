"""The target: what it asks for, which rows have one, and what is said of one that can't be learnt."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.read_tables import Value, decide, read_table
from training.columns.target import DecidedTarget
from training.errors import UserError
from training.options import TaskChoice
from training.table.values import ColumnOptions

ROWS = 60


def target_of(
    values: Sequence[Value], *, task: TaskChoice = "auto", options: ColumnOptions | None = None
) -> DecidedTarget:
    table = read_table({"a": [row * 0.5 for row in range(len(values))], "y": values})
    target = decide(table, "y", options, task=task).target
    assert target is not None
    return target


def refusal(values: Sequence[Value], *, task: TaskChoice = "auto") -> str:
    with pytest.raises(UserError) as caught:
        target_of(values, task=task)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


def cycle(*values: Value) -> list[Value]:
    return [values[row % len(values)] for row in range(ROWS)]


@pytest.mark.parametrize(
    ("values", "classes", "first"),
    [
        (cycle("yes", "no"), ("no", "yes"), [1, 0]),
        (cycle(2, 1), ("1", "2"), [1, 0]),
        (cycle(0.5, -1.25), ("-1.25", "0.5"), [1, 0]),
        (cycle("b", "c", "a"), ("a", "b", "c"), [1, 2, 0]),
        (cycle("1", "2", "x", "y", "z"), ("1", "2", "x", "y", "z"), [0, 1, 2]),
    ],
)
def test_classes_are_numbered_in_their_order(values: list[Value], classes: tuple[str, ...], first: list[float]) -> None:
    target = target_of(values)
    assert (target.task, target.classes) == ("classification", classes)
    assert target.values[: len(first)].tolist() == first


def test_many_numbers_are_a_regression() -> None:
    values = [row * 0.3 for row in range(ROWS)]
    target = target_of(values)
    assert (target.task, target.classes, target.values.tolist()) == ("regression", None, values)


def test_a_few_whole_numbers_are_unclear_until_the_task_is_given() -> None:
    values = cycle(10, 2, 3)
    line = refusal(values)
    assert "'y' holds 3 distinct whole numbers ('2', '3', '10'), which may be classes or amounts" in line
    assert "--task classification or --task regression" in line
    assert target_of(values, task="regression").classes is None
    chosen = target_of(values, task="classification")
    assert (chosen.classes, chosen.values[:3].tolist()) == (("2", "3", "10"), [2, 0, 1])


def test_rows_without_a_target_are_dropped_and_counted() -> None:
    table = read_table({"a": [row * 0.5 for row in range(ROWS)], "y": [None, *cycle("yes", "no")[:-2], None]})
    decided = decide(table, "y")
    assert decided.rows_without_target == 2
    assert decided.rows.tolist() == list(range(1, ROWS - 1))
    assert decided.target is not None
    assert decided.target.classes == ("no", "yes")
    numbers = read_table({"a": [row * 0.5 for row in range(ROWS)], "y": [None, *np.linspace(0, 1, ROWS - 1)]})
    assert decide(numbers, "y").rows_without_target == 1


@pytest.mark.parametrize("values", [[None] * ROWS, [None, "x"][:1] * ROWS])
def test_a_target_that_is_missing_everywhere_is_refused(values: list[Value]) -> None:
    assert "the target must have values, however: column 'y' has none in 60 rows" in refusal(values)


@pytest.mark.parametrize("value", [1, "same"])
def test_a_target_of_one_value_is_refused(value: Value) -> None:
    line = refusal([value] * ROWS)
    assert f"target 'y' must have at least two values, however: all rows hold '{value}'" in line


def test_an_infinite_target_is_named_with_its_line() -> None:
    values: list[Value] = [row * 0.3 for row in range(ROWS)]
    values[40] = float("inf")
    line = refusal(values)
    assert "column 'y' must be finite, however: line 42 holds inf" in line
    assert "--drop" not in line


def test_an_infinite_target_that_the_reader_left_as_a_word_is_named_with_its_line() -> None:
    values: list[Value] = [str(row * 0.3) for row in range(ROWS)]
    values[40] = "1e400"
    assert "line 42 holds '1e400', a number beyond float64" in refusal(values)


def test_words_among_the_numbers_of_a_target_are_named_with_their_line() -> None:
    values: list[Value] = [str(row * 0.3) for row in range(ROWS)]
    values[40] = "none yet"
    line = refusal(values)
    assert "column 'y' must be numeric, however: line 42 holds 'none yet' (1 of 60 values are words)" in line
    assert "--missing 'none yet'" in line
    target = target_of(values, options=ColumnOptions(numeric=("y",)))
    assert (target.task, len(target.values)) == ("regression", ROWS - 1)


def test_a_class_with_one_member_is_named() -> None:
    line = refusal([*cycle("a", "b")[:-1], "c"])
    assert "every class must have rows in every part, however: of 'c' there is 1" in line


def test_more_than_100_classes_are_refused() -> None:
    line = refusal([f"name {row % 101:03}" for row in range(1010)])
    assert "a classification must have at most 100 classes, however: 'y' has 101 values ('name 000', " in line
    line = refusal([row % 150 for row in range(1500)], task="classification")
    assert "'y' has 150 values" in line
    assert target_of([f"name {row % 100}" for row in range(1000)]).classes is not None


def test_words_are_no_regression() -> None:
    line = refusal(cycle("low", "high"), task="regression")
    assert "must be numeric, however: column 'y', line 2 holds 'low'" in line


def test_a_target_that_float32_cannot_resolve_is_refused() -> None:
    assert "must resolve the target" in refusal([1e9 + row * 0.1 for row in range(ROWS)])
