"""How good predictions are on held-out rows, and whether one architecture's lead is more than luck."""

from collections.abc import Mapping

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics

from service.contract.card import Difference, Metrics
from service.contract.names import PREDICTION, Task

CONFIDENCE = 0.95


def predict(graph: bytes, rows: NDArray[np.generic]) -> NDArray[np.float32]:
    """Answers of ONNX Runtime, as the service will give them. rows: (n, inputs) -> (n,) float32."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    predictions: NDArray[np.float32] = session.run([PREDICTION], {session.get_inputs()[0].name: rows})[0]
    return predictions


def measure(predictions: NDArray[np.generic], *, target: NDArray[np.float64], task: Task, scale: float) -> Metrics:
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


def compare(
    predictions: Mapping[str, NDArray[np.generic]], *, target: NDArray[np.float64], task: Task
) -> dict[str, Difference]:
    """Compare every architecture with the best, row by row: a paired t interval (Student, 1908).

    Quality is accuracy (classification) or the negative squared error in the target's squared unit (regression).
    """
    quality = {name: _quality(values, target=target, task=task) for name, values in predictions.items()}
    best = max(quality, key=lambda name: float(quality[name].mean()))
    return {name: _difference(best, gaps=values - quality[best]) for name, values in quality.items() if name != best}


def _quality(values: NDArray[np.generic], *, target: NDArray[np.float64], task: Task) -> NDArray[np.float64]:
    predictions = values.astype(np.float64)
    if task == "classification":
        right: NDArray[np.float64] = ((predictions > 0.5) == (target > 0.5)).astype(np.float64)
        return right
    squared: NDArray[np.float64] = (predictions - target) ** 2
    return -squared


def _difference(best: str, *, gaps: NDArray[np.float64]) -> Difference:
    mean = low = high = float(gaps.mean())
    if np.ptp(gaps) > 0:  # equal gaps have no spread to divide by
        interval = stats.ttest_1samp(gaps, 0.0).confidence_interval(CONFIDENCE)
        low, high = float(interval.low), float(interval.high)
    return Difference(best=best, mean=mean, low=low, high=high)
