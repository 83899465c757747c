"""How good predictions are on held-out rows, whether a lead is more than luck, and what needs no network at all."""

import time
import warnings
from collections.abc import Mapping

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

from service.contract.card import Difference, Metrics
from service.contract.names import PREDICTION, Task
from training.summary import BaselineSummary
from training.table.split import Rows

CONFIDENCE = 0.95
LOGISTIC_ITERATIONS = 1000


def predict(graph: bytes, rows: NDArray[np.generic]) -> NDArray[np.float32]:
    """Answers of ONNX Runtime, as the service will give them. rows: (n, inputs) -> (n,) float32."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    predictions: NDArray[np.float32] = session.run([PREDICTION], {session.get_inputs()[0].name: rows})[0]
    return predictions


def measure_quality(
    predictions: NDArray[np.generic], *, target: NDArray[np.float64], task: Task, scale: float
) -> Metrics:
    """Return the metrics of (n,) predictions. scale: the target's standard deviation in the training split."""
    values = predictions.astype(np.float64)
    if task == "regression":
        error = float(metrics.mean_squared_error(target, values))
        return Metrics(loss=error / scale**2, r2=float(metrics.r2_score(target, values)), rmse=error**0.5)
    return Metrics(
        loss=float(metrics.log_loss(target, values, labels=[0, 1])),
        accuracy=float(metrics.accuracy_score(target, values > 0.5)),
        auc=float(metrics.roc_auc_score(target, values)),
        brier=float(metrics.brier_score_loss(target, values)),
    )


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
        right: NDArray[np.float64] = ((predictions > 0.5) == (target > 0.5)).astype(np.float64)
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
    *, rows: Rows, test: Rows, preprocessing: Pipeline, task: Task, scale: float, seed: int
) -> dict[str, BaselineSummary]:
    """Fit each baseline on ``rows`` (all that is not held out) and measure it on ``test``."""
    results = {}
    for name, model in _models(preprocessing, task=task, seed=seed).items():
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a yardstick is shown as it is
            model.fit(rows.raw, rows.target)
        seconds = time.perf_counter() - started
        predictions = model.predict(test.raw) if task == "regression" else model.predict_proba(test.raw)[:, 1]
        measured = measure_quality(predictions, target=test.target, task=task, scale=scale)
        results[name] = BaselineSummary(test=measured, train_seconds=seconds)
    return results


def _models(preprocessing: Pipeline, *, task: Task, seed: int) -> dict[str, Pipeline]:
    """Name -> unfitted model that takes raw rows. The products come from the run's own fitted preprocessing."""
    products = FrozenEstimator(preprocessing)
    if task == "regression":
        return {
            "mean": make_pipeline(DummyRegressor()),
            "linear regression": make_pipeline(products, LinearRegression()),
            "gradient boosting": make_pipeline(HistGradientBoostingRegressor(random_state=seed)),
        }
    logistic = LogisticRegression(max_iter=LOGISTIC_ITERATIONS)
    return {
        "majority": make_pipeline(DummyClassifier(strategy="prior")),
        "logistic regression": make_pipeline(products, StandardScaler(), logistic),
        "gradient boosting": make_pipeline(HistGradientBoostingClassifier(random_state=seed)),
    }
