"""What the fresh process of one architecture does: build, standardise, fit, fold, answer the reference rows."""

import os
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.contract.card import EpochTrace
from training.architectures import Network, fold
from training.fitting import EVALUATION_ROWS, Products, fit
from training.jobs import Trial, TrialJob
from training.memory import PeakMemory

MOST_THREADS = 8
"""More threads than this gain nothing on batches of some hundred rows."""


def train(job: TrialJob, *, memory: PeakMemory, on_epoch: Callable[[EpochTrace], None]) -> Trial:
    """Train ``job`` in this process. Same job, machine and number of processors: same weights."""
    torch.set_num_threads(min(MOST_THREADS, _processors()))
    torch.manual_seed(job.recipe.seed)
    columns = torch.from_numpy(job.train.columns)
    network = Network(
        features=job.reference_features.shape[1],
        depth=job.architecture.depth,
        width=job.architecture.width,
    )
    mean, deviation = feature_moments(columns)
    network.standardise(mean=mean, deviation=deviation)
    result = fit(
        network=network, train=job.train, validation=job.validation, task=job.task, recipe=job.recipe, on_epoch=on_epoch
    )
    peak = memory.peak()
    return Trial(
        layers=fold(result.network, target=job.target_scale),
        state={name: array.numpy() for name, array in result.network.state_dict().items()},
        reference=answer(result.network, job=job),
        trace=result.trace,
        seconds=result.seconds,
        peak_memory=peak,
    )


def feature_moments(columns: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every feature, in two passes of float64. columns: (n, d) float32, scaled."""
    products = Products(columns.shape[1])

    def averaged(function: Callable[[Tensor], Tensor]) -> Tensor:
        parts = torch.split(columns, EVALUATION_ROWS)
        return torch.stack([function(products(part.double())).sum(0) for part in parts]).sum(0) / len(columns)

    mean = averaged(lambda features: features)
    return mean, averaged(lambda features: (features - mean) ** 2).sqrt()


def answer(network: Network, *, job: TrialJob) -> NDArray[np.float64]:
    """PyTorch's answers in float64 for the job's reference rows: probabilities, or values in the target's unit."""
    with torch.no_grad():
        output = network.double()(torch.from_numpy(job.reference_features))
    if job.task == "classification":
        output = torch.sigmoid(output)
    answers: NDArray[np.float64] = (output * job.target_scale.scale + job.target_scale.mean).numpy()
    return answers


def _processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
