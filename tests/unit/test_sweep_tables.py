"""The rows of a sweep: of each seed the same are held out, and fewer to learn from are a part of more."""

from pathlib import Path

import numpy as np
import pytest

from training.architectures import Architecture
from training.columns.data import fingerprint
from training.errors import UserError
from training.generate import generate_table
from training.options import parse_options
from training.process import ScaledRows
from training.sweep.grid import GridPoint
from training.sweep.tables import SweepTables


def tables(*arguments: str) -> SweepTables:
    return SweepTables(parse_options(["sweep", "--output", "results", *arguments]), on_table=lambda decided: None)


@pytest.mark.parametrize("rows", [500, 10_000, 25_000])
def test_generated_rows_held_out_are_those_of_the_default_table_and_fewer_are_the_first_of_more(rows: int) -> None:
    usual, other = generate_table(seed=3), generate_table(seed=3, rows=rows)
    assert other.held_out == rows
    np.testing.assert_array_equal(other.raw[rows:], usual.raw[10_000:])
    np.testing.assert_array_equal(other.target[rows:], usual.target[10_000:])
    shared = min(rows, 10_000)
    np.testing.assert_array_equal(other.raw[:shared], usual.raw[:shared])


def test_another_number_of_rows_brings_new_rows_and_not_the_same_again() -> None:
    table = generate_table(seed=3, rows=25_000)
    assert len(np.unique(table.raw, axis=0)) == 45_000


@pytest.fixture(scope="module")
def cancer(cancer_csv: Path) -> SweepTables:
    return tables("--data", str(cancer_csv), "--target", "diagnosis")


def test_of_a_file_all_rows_are_those_of_fit_and_fewer_a_part_of_them(cancer: SweepTables) -> None:
    facts = cancer.facts()
    assert (facts.table_rows, facts.most_rows, facts.test_rows) == (456, 456, 113)
    everything, half, few = (cancer.rows(seed=0, rows=rows) for rows in (456, 227, 100))
    for rows, made in ((456, everything), (227, half), (100, few)):
        assert len(made.train.target) + len(made.validation.target) == rows
        np.testing.assert_array_equal(made.held_out.target, everything.held_out.target)
    assert set(few.train.target.tolist()) == {0, 1}


def test_seeds_hold_out_other_rows(cancer: SweepTables) -> None:
    first, second = (cancer.rows(seed=seed, rows=456).held_out.target for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_so_few_rows_that_nothing_is_left_to_train_on_are_refused(cancer: SweepTables) -> None:
    with pytest.raises(UserError, match="--rows must leave at least 20 rows to train on"):
        cancer.rows(seed=0, rows=15)


def classed(path: Path, kinds: list[str]) -> SweepTables:
    path.write_text("x,kind\n" + "".join(f"{row * 0.37 % 1},{kind}\n" for row, kind in enumerate(kinds)))
    return tables("--data", str(path), "--target", "kind")


def test_a_rare_class_is_among_however_few_rows_and_fewer_are_a_part_of_more(tmp_path: Path) -> None:
    made = classed(
        tmp_path / "rare.csv", ["rare" if row in {5, 100, 200, 300} else "ab"[row % 2] for row in range(600)]
    )
    for seed in range(5):  # three rare rows of 416: chance alone would leave one of five samples of 26 without them
        samples = [made.rows(seed=seed, rows=rows) for rows in (30, 60, 240)]
        counts = [np.unique(sample.train.target, return_counts=True)[1] for sample in samples]
        assert [len(held) for held in counts] == [3, 3, 3]
        assert (np.diff(counts, axis=0) >= 0).all()


def test_fewer_rows_to_train_on_than_classes_are_refused(tmp_path: Path) -> None:
    made = classed(tmp_path / "many.csv", [f"kind {row % 30}" for row in range(600)])
    with pytest.raises(UserError, match="--rows must leave a row of each class to train on, however: of 30 rows 26 "):
        made.rows(seed=0, rows=30)


def test_a_point_gets_the_recipe_of_fit_on_one_thread() -> None:
    made = tables("--epochs", "7")
    job, rows = made.job(GridPoint(Architecture("wide", 1, 400), 1_000, 2))
    assert (job.threads, job.recipe.epochs, job.recipe.seed, job.outputs) == (1, 7, 2, 1)
    assert isinstance(job.train, ScaledRows)
    assert job.train.columns.shape == (870, 20)
    assert rows.test.shape == (20_000, 20)
    assert made.facts().fingerprint == fingerprint(generate_table(seed=0))
