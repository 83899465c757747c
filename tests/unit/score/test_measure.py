"""What is said of rows that were scored: quality as scikit-learn has it, and distributions that have moved."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.contract.card import Metrics, ModelCard, RawFeature
from tests.scoring import make_scorer
from training.columns.codes import boolean_feature, describe_numbers
from training.evaluation import measure_quality
from training.score.measure.drift import ColumnTally, Shift, measure_shifts
from training.score.measure.quality import Comparison, QualityTally, compare

ROWS = 4_000
AUC_TOLERANCE = 1e-4
"""Of an area that comes from counts in bins."""


def card_of(target: str, **changes: object) -> ModelCard:
    card = make_scorer(target).card
    data = card.data.model_copy(update={"test_rows": 2_000, "train_rows": 8_000})
    return card.model_copy(update={"data": data, **changes})


def answers(target: str, rows: int = ROWS, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Predictions that know something of the target, some of them sure, and the target."""
    chance = np.random.default_rng(seed)
    score = chance.normal(0, 6, (rows, 3))
    if target == "number":
        return score[:, 0].astype(np.float32), score[:, 0] + chance.normal(size=rows)
    if target == "two":
        probability = (1 / (1 + np.exp(-score[:, 0]))).astype(np.float32)
        return probability, (chance.random(rows) < 1 / (1 + np.exp(-score[:, 0] / 3))).astype(float)
    weights = np.exp(score - score.max(axis=1, keepdims=True))
    truth = (score + chance.normal(0, 5, score.shape)).argmax(axis=1)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), truth.astype(float)


def tally_parts(
    predictions: NDArray[np.float32], target: NDArray[np.float64], card: ModelCard, parts: int
) -> QualityTally:
    whole = QualityTally()
    for places in np.array_split(np.arange(len(target)), parts):
        part = QualityTally()
        part.add(predictions[places], target[places], card)
        whole.merge(part)
    return whole


def found(comparison: Comparison | None) -> dict[str, float]:
    assert comparison is not None
    return {metric.name: metric.found for metric in comparison.metrics}


@pytest.mark.parametrize("target", ["two", "three", "number"])
def test_quality_that_is_added_up_by_parts_is_scikit_learns_of_all_rows(target: str) -> None:
    card = card_of(target)
    predictions, truth = answers(target)
    known = measure_quality(predictions, target=truth, task=card.task, scale=card.target.scale)
    metrics = found(compare(tally_parts(predictions, truth, card, 7), card))
    if target == "number":
        expected = {"loss": known.loss, "R2": known.r2, "RMSE": known.rmse}
    else:
        expected = {"log loss": known.loss, "accuracy": known.accuracy, "AUC": known.auc, "Brier score": known.brier}
        if card.test.accuracy is None:
            del expected["accuracy"]
    assert metrics.keys() == expected.keys()
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(value, abs=AUC_TOLERANCE if name == "AUC" else 1e-9, rel=1e-6), name


def test_rows_without_a_target_count_for_nothing() -> None:
    card = card_of("two")
    predictions, truth = answers("two")
    gaps = truth.copy()
    gaps[::3] = np.nan
    there = ~np.isnan(gaps)
    assert found(compare(tally_parts(predictions, gaps, card, 2), card)) == pytest.approx(
        found(compare(tally_parts(predictions[there], truth[there], card, 1), card))
    )
    assert compare(tally_parts(predictions, np.full(ROWS, np.nan), card, 2), card) is None


def held_out(predictions: NDArray[np.float32], truth: NDArray[np.float64], card: ModelCard) -> Metrics:
    return measure_quality(predictions, target=truth, task=card.task, scale=card.target.scale)


def test_few_samples_of_the_same_kind_are_warned_of_and_another_kind_is() -> None:
    plain = card_of("two")
    shares = [0.5, 0.5]
    target = plain.target.model_copy(update={"shares": shares})
    warned = 0
    trials = 100
    for seed in range(trials):
        promised = held_out(*answers("two", 2_000, seed), plain)
        card = plain.model_copy(update={"test": promised, "target": target})
        comparison = compare(tally_parts(*answers("two", 3_000, seed + 1_000), card, 1), card)
        assert comparison is not None
        assert {metric.name for metric in comparison.metrics if metric.error} == {
            "log loss", "accuracy", "AUC", "Brier score",
        }  # fmt: skip
        warned += any(comparison.differs(metric) for metric in comparison.metrics)
    assert warned <= 6  # of 100 at 1 % each: more than 6 in one run of a million
    predictions, truth = answers("two")
    turned = compare(tally_parts(1 - predictions, truth, card, 1), card)
    assert turned is not None
    assert all(turned.differs(metric) for metric in turned.metrics)


def shift_of(feature: RawFeature, values: NDArray[np.float64]) -> Shift:
    tally = ColumnTally.of(feature)
    for part in np.array_split(values, 3):
        other = ColumnTally.of(feature)
        other.add(part)
        tally.merge(other)
    (shift,) = measure_shifts([tally], train_rows=8_000)
    return shift


Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]
DRAWS: dict[str, Draw] = {
    "normal": lambda chance, rows: chance.normal(size=rows),
    "mostly zero": lambda chance, rows: np.where(chance.random(rows) < 0.95, 0.0, chance.normal(size=rows)),
    "small whole numbers": lambda chance, rows: chance.poisson(2, rows).astype(float),
    "constant": lambda chance, rows: np.ones(rows),
    "with gaps": lambda chance, rows: np.where(chance.random(rows) < 0.3, np.nan, chance.normal(size=rows)),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_column_as_in_training_has_not_moved(draw: Draw) -> None:
    chance = np.random.default_rng(1)
    feature = describe_numbers("x", draw(chance, 8_000))
    assert not any(shift_of(feature, draw(chance, rows)).moved for rows in (500, 5_000) for _ in range(10))
    assert sum(shift_of(feature, draw(chance, 50)).moved for _ in range(50)) <= 4  # of 50 at 1 %


def test_a_column_that_has_moved_is_told_from_one_that_has_not() -> None:
    chance = np.random.default_rng(2)
    feature = describe_numbers("x", chance.normal(size=8_000))
    near, far = (shift_of(feature, chance.normal(by, size=5_000)) for by in (0.4, 1.0))
    assert near.moved
    assert not near.far
    assert far.far
    assert near.index == pytest.approx(0.16, abs=0.03)  # of two normal distributions d apart the integral is d**2
    assert shift_of(feature, np.full(5_000, np.nan)).far
    zeros = describe_numbers("x", DRAWS["mostly zero"](chance, 8_000))
    assert shift_of(zeros, chance.normal(size=5_000)).far


def test_levels_that_are_new_or_of_another_share_are_a_shift() -> None:
    shares = [0.5, 0.3, 0.195, *[0.0005] * 10]
    feature = RawFeature(
        name="x", minimum=0, maximum=12, kind="category", levels=[str(n) for n in range(13)], level_shares=shares
    )
    chance = np.random.default_rng(3)
    same = chance.choice(13, 5_000, p=shares).astype(float)
    assert not shift_of(feature, same).moved
    assert shift_of(feature, np.where(chance.random(5_000) < 0.1, -1.0, same)).far
    assert shift_of(feature, np.where(chance.random(5_000) < 0.5, 0.0, same)).moved


def test_a_boolean_of_0_and_1_may_move_too() -> None:
    feature = boolean_feature("x", [], zeros=7_200, ones=800, rows=8_000)
    chance = np.random.default_rng(4)
    same = (chance.random(5_000) < 0.1).astype(float)
    assert not shift_of(feature, same).moved
    assert shift_of(feature, np.ones(5_000)).far
    assert shift_of(feature, np.where(chance.random(5_000) < 0.2, np.nan, same)).moved


@given(st.lists(st.lists(st.floats(-5, 5) | st.just(float("nan")), min_size=1, max_size=30), min_size=1, max_size=4))
def test_counts_of_parts_add_up_to_those_of_the_whole(parts: list[list[float]]) -> None:
    feature = describe_numbers("x", np.arange(-5.0, 5.0))
    added, whole = ColumnTally.of(feature), ColumnTally.of(feature)
    for part in parts:
        other = ColumnTally.of(feature)
        other.add(np.array(part))
        added.merge(other)
    whole.add(np.array([value for part in parts for value in part]))
    assert (added.rows, added.missing) == (whole.rows, whole.missing)
    np.testing.assert_array_equal([added.below, added.upto], [whole.below, whole.upto])
