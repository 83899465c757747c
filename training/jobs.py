"""What passes between the run and the fresh process that trains one architecture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.contract.card import EpochTrace, Recipe
from service.contract.names import Task
from training.options import Architecture


@dataclass(frozen=True)
class ScaledRows:
    """Rows to learn from; the products are left to the reader.

    columns: (n, d) float32, scaled; target: (n,) float32, 0 or 1, or standard deviations from the mean.
    """

    columns: NDArray[np.float32]
    target: NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """One affine layer, ``x @ weight.T + bias``. weight: (outputs, inputs) float64; bias: (outputs,) float64."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]


@dataclass(frozen=True)
class TargetScale:
    """Networks learn ``(target - mean) / scale``, in the target's unit; 0 and 1 for classes."""

    mean: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class TrialJob:
    """What to train, on what. reference_features: (m, features) float64, rows to answer in float64."""

    architecture: Architecture
    task: Task
    recipe: Recipe
    train: ScaledRows
    validation: ScaledRows
    target_scale: TargetScale
    reference_features: NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """What the fresh process found.

    layers: folded, float64; state: PyTorch's own arrays by name; reference: (m,) float64, PyTorch's answers for
    the job's ``reference_features``, before folding; seconds: of the epochs; peak_memory: bytes over what the
    imports take.
    """

    layers: list[Layer]
    state: dict[str, NDArray[np.float32]]
    reference: NDArray[np.float64]
    trace: list[EpochTrace]
    seconds: float
    peak_memory: int
