"""What a trial is given and what it answers, as the sweep and the fresh process know it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.contract.curve import Machine
from training.cost.memory import MemoryUse
from training.cost.seconds import Seconds
from training.process import TrainingJob


@dataclass(frozen=True)
class PointJob:
    """What to train, and the held-out rows to answer: (n, d) float32, scaled."""

    training: TrainingJob
    test: NDArray[np.float32]


@dataclass(frozen=True)
class PointResult:
    """What was found. predictions: (n,) or (n, k) float32, of ONNX Runtime; latency: median seconds, by rows."""

    predictions: NDArray[np.float32]
    graph_bytes: int
    epochs: list[Seconds]
    threads: int
    memory: MemoryUse
    latency: dict[int, float]
    machine: Machine
