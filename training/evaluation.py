"""How good predictions are on held-out rows, whether a lead is more than luck, and what needs no network at all."""

import time
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from service.contract.card import Calibration, CalibrationBin, Difference, Metrics, RawFeature
from service.contract.names import PREDICTION, Task
from training.columns.split import LabelledRows
from training.summary import BaselineSummary

CONFIDENCE = 0.95
EVEN = 0.5
"""The threshold of whoever knows no better."""
CALIBRATION_BINS = 10
PREDICTED_ROWS = 512
"""Rows answered at once: bounds the memory of their products, 12 to 21 bytes each with ONNX Runtime 1.32: 200 MB of
20,000 features. More at once are answered no faster."""
LOGISTIC_ITERATIONS = 1000
ON_FEATURES = ("linear regression", "logistic regression")
"""Baselines that take the features of all their rows at once."""
BYTES_OF_FEATURE = 24
"""As it is made, standardised, and taken by the solver."""
FEWEST_BASELINE_ROWS = 1000
"""Fitted, and answered at once, however little memory there is."""
MOST_BOOSTED_LEVELS = 255
"""scikit-learn's gradient boosting takes categories of more levels for numbers alone."""


def predict(graph: bytes, rows: NDArray[np.generic]) -> NDArray[np.float32]:
    """Answers of ONNX Runtime, as the service will give them. rows: (n, inputs) -> (n,), or (n, k) for k classes."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    parts = [rows[at : at + PREDICTED_ROWS] for at in range(0, len(rows), PREDICTED_ROWS)]
    predictions: NDArray[np.float32] = np.concatenate([session.run([PREDICTION], {name: part})[0] for part in parts])
    return predictions


def measure_quality(
    predictions: NDArray[np.generic], *, target: NDArray[np.float64], task: Task, scale: float
) -> Metrics:
    """Return the metrics of predictions, (n,), or (n, k) for k > 2 classes, as scikit-learn defines them.

    scale: the target's standard deviation in the training split. ``auc`` is None where a class has no row; of several
    classes it is the mean of each against the rest.
    """
    values = predictions.astype(np.float64)
    if task == "regression":
        error = float(metrics.mean_squared_error(target, values))
        return Metrics(loss=error / scale**2, r2=float(metrics.r2_score(target, values)), rmse=error**0.5)
    labels = np.arange(max(2, values[:1].size))
    if values.ndim > 1:
        values /= values.sum(axis=1, keepdims=True)  # float32 adds up to 1 only to 1e-7, which scikit-learn warns of
    complete = np.isin(labels, target).all()
    auc = metrics.roc_auc_score(target, values, multi_class="ovr", labels=labels) if complete else None
    return Metrics(
        loss=float(metrics.log_loss(target, values, labels=labels)),
        accuracy=float(metrics.accuracy_score(target, choose_class(values))),
        auc=None if auc is None else float(auc),
        brier=float(metrics.brier_score_loss(target, values, labels=labels)),
    )


def choose_class(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the place of the likeliest class: (n,) probabilities of the second of two, or (n, k) -> (n,) float64."""
    chosen = probabilities > 0.5 if probabilities.ndim == 1 else probabilities.argmax(axis=1)
    return chosen.astype(np.float64)


def choose_threshold(probabilities: NDArray[np.generic], *, target: NDArray[np.float64]) -> float:
    """Return the threshold of two classes that has the highest balanced accuracy (Youden, 1950).

    It lies midway between two probabilities that occur: (n,), those of the second class. 0.5 where none is better than
    chance, or a class has no row to tell by.
    """
    if not np.isin([0, 1], target).all():
        return EVEN
    false_rate, true_rate, thresholds = metrics.roc_curve(
        target, probabilities.astype(np.float64), drop_intermediate=False
    )
    gain = true_rate - false_rate
    best = int(gain.argmax())
    if gain[best] <= 0:
        return EVEN
    return float(thresholds[best] + thresholds[best + 1]) / 2  # the last has no gain


def measure_calibration(probabilities: NDArray[np.generic], *, target: NDArray[np.float64]) -> Calibration:
    """Compare probabilities with what came true, in ten bins of equal width.

    probabilities: (n,) of the second of two classes, or (n, k), of which the highest counts.
    """
    values = probabilities.astype(np.float64)
    true = target == choose_class(values) if values.ndim > 1 else target == 1
    predicted = values.max(axis=1) if values.ndim > 1 else values
    places = np.minimum((predicted * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    bins = []
    error = 0.0
    for place in range(CALIBRATION_BINS):
        members = places == place
        rows = int(members.sum())
        said, came = (float(predicted[members].mean()), float(true[members].mean())) if rows else (None, None)
        if said is not None and came is not None:
            error += rows / len(values) * abs(said - came)
        low, high = place / CALIBRATION_BINS, (place + 1) / CALIBRATION_BINS
        bins.append(CalibrationBin(low=low, high=high, rows=rows, predicted=said, observed=came))
    return Calibration(error=error, bins=bins)


def compare_quality(
    predictions: Mapping[str, NDArray[np.generic]], *, target: NDArray[np.float64], task: Task
) -> dict[str, Difference]:
    """Compare every architecture with the best, row by row: a paired t interval (Student, 1908)."""
    quality = {name: _quality(values, target=target, task=task) for name, values in predictions.items()}
    best = max(quality, key=lambda name: float(quality[name].mean()))
    return {name: _gap(best, values - quality[best]) for name, values in quality.items() if name != best}


def _quality(values: NDArray[np.generic], *, target: NDArray[np.float64], task: Task) -> NDArray[np.float64]:
    predictions = values.astype(np.float64)
    if task == "classification":
        right: NDArray[np.float64] = (choose_class(predictions) == target).astype(np.float64)
        return right
    squared: NDArray[np.float64] = (predictions - target) ** 2
    return -squared


def _gap(best: str, gaps: NDArray[np.float64]) -> Difference:
    mean = low = high = float(gaps.mean())
    if np.ptp(gaps) > 0:  # equal gaps have no spread to divide by
        interval = stats.ttest_1samp(gaps, 0.0).confidence_interval(CONFIDENCE)
        low, high = float(interval.low), float(interval.high)
    return Difference(best=best, mean=mean, low=low, high=high)


def fit_baselines(
    *,
    rows: LabelledRows,
    test: LabelledRows,
    columns: Sequence[RawFeature],
    preprocessing: Pipeline,
    task: Task,
    scale: float,
    seed: int,
    memory: int,
) -> dict[str, BaselineSummary]:
    """Fit each baseline on ``rows`` (all that is not held out) and measure it on ``test``.

    Those that take all features at once get as many of the rows, by chance, as fit into ``memory`` bytes; all answer
    so many at once.
    """
    results = {}
    features = preprocessing.transform(rows.raw[:1]).shape[1]
    at_once = max(FEWEST_BASELINE_ROWS, memory // (features * BYTES_OF_FEATURE))
    few = _draw_rows(rows, most=at_once, task=task, seed=seed)
    for name, model in _models(columns, preprocessing, task=task, seed=seed).items():
        fitted = few if name in ON_FEATURES else rows
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a yardstick is shown as it is
            model.fit(fitted.raw, fitted.target)
        seconds = time.perf_counter() - started
        answers = _answer(model, test.raw, task=task, at_once=at_once)
        measured = measure_quality(answers, target=test.target, task=task, scale=scale)
        train_rows = len(fitted) if len(fitted) < len(rows) else None
        results[name] = BaselineSummary(test=measured, train_seconds=seconds, train_rows=train_rows)
    return results


def _draw_rows(rows: LabelledRows, *, most: int, task: Task, seed: int) -> LabelledRows:
    if len(rows) <= most:
        return rows
    drawn = np.random.default_rng(seed).permutation(len(rows))[:most]
    if task == "classification":
        drawn = np.append(drawn, np.unique(rows.target, return_index=True)[1])  # each class has a row
    drawn = np.unique(drawn)
    return LabelledRows(raw=rows.raw[drawn], target=rows.target[drawn])


def _answer(model: Pipeline, raw: NDArray[np.float64], *, task: Task, at_once: int) -> NDArray[np.float64]:
    """Answer as a graph does: values, probabilities of the second of two classes, or of each of more."""
    predict_part = model.predict if task == "regression" else model.predict_proba
    parts = [predict_part(raw[at : at + at_once]) for at in range(0, len(raw), at_once)]
    answers: NDArray[np.float64] = np.concatenate(parts)
    return answers[:, 1] if answers.shape[1:] == (2,) else answers


def _models(columns: Sequence[RawFeature], preprocessing: Pipeline, *, task: Task, seed: int) -> dict[str, Pipeline]:
    """Name -> unfitted model that takes raw rows. The products come from the run's own fitted preprocessing.

    Gradient boosting takes the coded columns as they are, gaps and categories by its own means.
    """
    products = FrozenEstimator(preprocessing)
    categories = [
        place
        for place, column in enumerate(columns)
        if column.kind == "category" and len(column.levels) <= MOST_BOOSTED_LEVELS
    ]
    boosting = {"categorical_features": categories or None, "random_state": seed}
    if task == "regression":
        return {
            "mean": make_pipeline(DummyRegressor()),
            "linear regression": make_pipeline(products, LinearRegression()),
            "gradient boosting": make_pipeline(HistGradientBoostingRegressor(**boosting)),
        }
    logistic = LogisticRegression(max_iter=LOGISTIC_ITERATIONS)
    return {
        "majority": make_pipeline(DummyClassifier(strategy="prior")),
        "logistic regression": make_pipeline(products, StandardScaler(), logistic),
        "gradient boosting": make_pipeline(HistGradientBoostingClassifier(**boosting)),
    }
