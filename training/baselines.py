"""What no network is needed for: the yardsticks beside the architectures."""

import time
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from service.contract.card import Metrics
from service.contract.names import Task
from training.data import Rows
from training.evaluation import measure

LOGISTIC_ITERATIONS = 1000


@dataclass(frozen=True)
class Baseline:
    """A yardstick's held-out quality and the seconds that fitting it took."""

    name: str
    test: Metrics
    train_seconds: float


def fit_baselines(
    *, rows: Rows, test: Rows, preprocessing: Pipeline, task: Task, scale: float, seed: int
) -> list[Baseline]:
    """Fit each baseline on ``rows`` (all that is not held out) and measure it on ``test``."""
    results = []
    for name, model in _models(preprocessing, task=task, seed=seed).items():
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a yardstick is shown as it is
            model.fit(rows.raw, rows.target)
        seconds = time.perf_counter() - started
        predictions = _predict(model, test.raw, task=task)
        measured = measure(predictions, target=test.target, task=task, scale=scale)
        results.append(Baseline(name=name, test=measured, train_seconds=seconds))
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


def _predict(model: Pipeline, raw: NDArray[np.float64], *, task: Task) -> NDArray[np.float64]:
    predictions: NDArray[np.float64] = model.predict(raw) if task == "regression" else model.predict_proba(raw)[:, 1]
    return predictions
