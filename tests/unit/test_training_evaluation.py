"""Metrics, threshold and calibration against scikit-learn and against plain counting; what the baselines take."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from tests.coded import TRAINING_ROWS, category, everything
from training.columns.split import LabelledRows
from training.evaluation import (
    FEWEST_BASELINE_ROWS,
    choose_threshold,
    compare_quality,
    fit_baselines,
    measure_calibration,
    measure_quality,
)
from training.preprocessing import fit_preprocessing

RNG = np.random.default_rng(2)
CLASSES = 4
TARGET = RNG.integers(0, CLASSES, 500).astype(float)
PROBABILITIES = RNG.dirichlet(np.ones(CLASSES), 500).astype(np.float32)
BINARY = (TARGET > 1).astype(float)
POSITIVE = np.clip(BINARY * 0.4 + RNG.random(500) * 0.6, 0, 1).astype(np.float32)


def test_metrics_of_several_classes_are_scikit_learns() -> None:
    found = measure_quality(PROBABILITIES, target=TARGET, task="classification", scale=1.0)
    exact = PROBABILITIES.astype(float)
    exact /= exact.sum(axis=1, keepdims=True)
    assert found.accuracy == np.mean(exact.argmax(axis=1) == TARGET)
    assert found.loss == pytest.approx(metrics.log_loss(TARGET, exact))
    assert found.brier == pytest.approx(metrics.brier_score_loss(TARGET, exact, labels=np.arange(CLASSES)))
    aucs = [metrics.roc_auc_score(place == TARGET, exact[:, place]) for place in range(CLASSES)]
    assert found.auc == pytest.approx(np.mean(aucs))


def test_metrics_of_two_classes_are_scikit_learns() -> None:
    found = measure_quality(POSITIVE, target=BINARY, task="classification", scale=1.0)
    exact = POSITIVE.astype(float)
    assert found.accuracy == np.mean((exact > 0.5) == BINARY)
    assert found.loss == pytest.approx(metrics.log_loss(BINARY, exact))
    assert found.auc == pytest.approx(metrics.roc_auc_score(BINARY, exact))
    assert found.brier == pytest.approx(metrics.brier_score_loss(BINARY, exact))


def test_a_class_without_held_out_rows_leaves_no_auc() -> None:
    some = TARGET != 2
    found = measure_quality(PROBABILITIES[some], target=TARGET[some], task="classification", scale=1.0)
    assert found.auc is None
    assert found.loss == pytest.approx(metrics.log_loss(TARGET[some], PROBABILITIES[some], labels=range(CLASSES)))
    assert (
        measure_quality(POSITIVE[BINARY > 0], target=BINARY[BINARY > 0], task="classification", scale=1.0).auc is None
    )


def test_the_threshold_is_that_of_the_highest_balanced_accuracy() -> None:
    threshold = choose_threshold(POSITIVE, target=BINARY)
    candidates = np.append(np.unique(POSITIVE), 1.1)
    best = max(metrics.balanced_accuracy_score(BINARY, candidate <= POSITIVE) for candidate in candidates)
    assert metrics.balanced_accuracy_score(BINARY, threshold <= POSITIVE) == best
    assert threshold not in POSITIVE


def test_rare_positives_lower_the_threshold() -> None:
    probabilities = np.array([0.01, 0.02, 0.03, 0.2, 0.3])
    assert choose_threshold(probabilities, target=np.array([0.0, 0, 0, 1, 1])) == pytest.approx(0.115)


@pytest.mark.parametrize("probabilities", [[0.3, 0.3, 0.3, 0.3], [0.9, 0.8, 0.2, 0.1]])
def test_without_skill_the_threshold_is_a_half(probabilities: list[float]) -> None:
    assert choose_threshold(np.array(probabilities), target=np.array([0.0, 0, 1, 1])) == 0.5


@pytest.mark.parametrize("only", [0.0, 1.0])
def test_without_rows_of_one_class_the_threshold_is_a_half(only: float) -> None:
    assert choose_threshold(np.array([0.1, 0.4, 0.4, 0.9]), target=np.full(4, only)) == 0.5


def test_calibration_counts_every_row_in_its_bin() -> None:
    found = measure_calibration(np.array([0.0, 0.05, 0.62, 0.68, 1.0]), target=np.array([0.0, 1, 1, 0, 1]))
    assert [entry.rows for entry in found.bins] == [2, 0, 0, 0, 0, 0, 2, 0, 0, 1]
    assert (found.bins[6].low, found.bins[6].high) == (0.6, 0.7)
    assert found.bins[6].predicted == pytest.approx(0.65)
    assert found.bins[6].observed == 0.5
    assert found.bins[3].predicted is None
    assert found.error == pytest.approx(2 / 5 * 0.475 + 2 / 5 * 0.15)


def test_calibration_of_several_classes_is_that_of_the_likeliest() -> None:
    found = measure_calibration(np.array([[0.1, 0.85, 0.05], [0.05, 0.05, 0.9]]), target=np.array([1.0, 0]))
    assert [entry.rows for entry in found.bins] == [0] * 8 + [1, 1]
    assert found.error == pytest.approx((0.15 + 0.9) / 2)


def test_architectures_are_compared_by_their_likeliest_class() -> None:
    right = np.eye(CLASSES)[TARGET.astype(int)]
    differences = compare_quality({"right": right, "other": PROBABILITIES}, target=TARGET, task="classification")
    assert list(differences) == ["other"]
    assert differences["other"].mean == pytest.approx(np.mean(PROBABILITIES.argmax(axis=1) == TARGET) - 1)


@pytest.mark.parametrize("levels", [3, 300])
@pytest.mark.parametrize(("task", "classes"), [("classification", 2), ("classification", 3), ("regression", 0)])
def test_baselines_take_gaps_categories_and_classes(task: str, classes: int, levels: int) -> None:
    table = everything()
    table.add(category("many", levels))
    raw = table.raw[TRAINING_ROWS - 400 : TRAINING_ROWS + 100]
    target = RNG.normal(size=len(raw)) if task == "regression" else np.arange(len(raw), dtype=float) % classes
    baselines = fit_baselines(
        rows=LabelledRows(raw=raw[:400], target=target[:400]),
        test=LabelledRows(raw=raw[400:], target=target[400:]),
        columns=table.columns,
        preprocessing=fit_preprocessing(table.training, table.columns, complete=False),
        task=task,  # type: ignore[arg-type]
        scale=1.0,
        seed=0,
        memory=10**9,
    )
    assert len(baselines) == 3
    assert all(np.isfinite(baseline.test.loss) for baseline in baselines.values())


def test_baselines_answer_no_more_rows_at_once_than_memory_allows_and_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = everything()
    preprocessing = fit_preprocessing(table.training, table.columns, complete=False)
    transform, made = preprocessing.transform, []

    def count(raw: NDArray[np.float64]) -> NDArray[np.float64]:
        made.append(len(raw))
        features: NDArray[np.float64] = transform(raw)
        return features

    monkeypatch.setattr(preprocessing, "transform", count)
    target = np.arange(len(table.raw), dtype=float) % 2
    losses = []
    for memory, most in ((1, FEWEST_BASELINE_ROWS), (10**9, TRAINING_ROWS)):
        made.clear()
        baselines = fit_baselines(
            rows=LabelledRows(raw=table.raw[:300], target=target[:300]),
            test=LabelledRows(raw=table.raw[-TRAINING_ROWS:], target=target[-TRAINING_ROWS:]),
            columns=table.columns,
            preprocessing=preprocessing,
            task="classification",
            scale=1.0,
            seed=0,
            memory=memory,
        )
        assert max(made) == most
        losses.append([baseline.test.loss for baseline in baselines.values()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)  # sums of products in another order
