"""The split of a table: each class by itself, complete, and the same for the same seed."""

import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest

from service.contract.card import RawFeature
from service.contract.names import Task
from training.columns.codes import write_number
from training.columns.data import DataTable
from training.columns.split import split_table
from training.errors import UserError, write_option
from training.generate import generate_table


def table_of(rows: int, positives: int) -> DataTable:
    target = np.zeros(rows)
    target[:positives] = 1
    return DataTable(
        source="made",
        columns=[RawFeature(name="a", minimum=0, maximum=rows)],
        raw=np.arange(rows, dtype=float)[:, None],
        target_name="y",
        target=target,
        task="classification",
        classes=("no", "yes"),
    )


def test_the_split_is_stratified_complete_and_repeatable() -> None:
    parts = split_table(table_of(1000, 200), test_fraction=0.25, seed=3)
    assert (len(parts.test), parts.test.target.mean()) == (250, 0.2)
    everything = np.concatenate([parts.train.raw, parts.validation.raw, parts.test.raw])
    assert sorted(everything.ravel()) == list(range(1000))
    again = split_table(table_of(1000, 200), test_fraction=0.25, seed=3)
    np.testing.assert_array_equal(parts.test.raw, again.test.raw)
    assert (split_table(table_of(1000, 200), test_fraction=0.25, seed=4).test.raw != parts.test.raw).any()


def test_a_seed_gives_the_rows_that_it_always_gave() -> None:
    test = split_table(table_of(1000, 200), test_fraction=0.25, seed=3).test
    assert hashlib.sha256(test.raw.tobytes()).hexdigest().startswith("1cf4d91ea6ea4eca")


@pytest.mark.parametrize(("rows", "positives"), [(10, 5), (100, 1), (100, 2)])
def test_a_table_too_small_to_split_is_refused(rows: int, positives: int) -> None:
    with pytest.raises(UserError, match="Add rows"):
        split_table(table_of(rows, positives), test_fraction=0.2, seed=0)


def test_a_class_with_one_member_is_named() -> None:
    with pytest.raises(UserError, match="every class must have rows in every part, however: of 'yes' there is 1"):
        split_table(table_of(100, 1), test_fraction=0.2, seed=0)


def test_the_generated_table_describes_its_training_rows() -> None:
    table = generate_table(seed=3)
    train = split_table(table, test_fraction=0.2, seed=3).train.raw
    assert [column.minimum for column in table.columns] == train.min(axis=0).tolist()
    assert [column.maximum for column in table.columns] == train.max(axis=0).tolist()


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("fill", [1e20, -3.4e38, 9.97e36])
def test_a_value_that_only_other_rows_have_and_that_answers_would_overflow_of_is_named(task: Task, fill: float) -> None:
    table = replace(table_of(1000, 200), task=task, classes=("no", "yes") if task == "classification" else None)
    held_out = split_table(table, test_fraction=0.25, seed=3).test
    raw = np.where(table.raw == held_out.raw[0], fill, table.raw)
    written = write_number(fill)
    said = f"has {written} in another row. Correct it, or give {write_option('--missing', written)} where"
    with pytest.raises(UserError, match=re.escape(said)):
        split_table(replace(table, raw=raw), test_fraction=0.25, seed=3)
    far = np.where(table.raw == held_out.raw[0], 1e9, table.raw)
    split_table(replace(table, raw=far), test_fraction=0.25, seed=3)
