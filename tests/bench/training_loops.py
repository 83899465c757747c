"""One epoch in different hands, on one thread: ours, plain PyTorch, scikit-learn, and the matrix products alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from service.contract.names import count_features
from training.architectures import DROPOUT, WEIGHT_DECAY, Architecture, choose_recipe
from training.checkpoints.folder import CheckpointPlan
from training.network import Network, Products, feature_moments
from training.process import ScaledRows, TargetScale, TrainingJob
from training.ranks.group import RankGroup
from training.ranks.place import RankPlace
from training.step.descent import Descent

Epoch = Callable[[], object]
RATE = 1e-3
ENDLESS = 1_000_000
"""Epochs."""


@dataclass(frozen=True)
class Rows:
    """columns: (n, d) float32, scaled; target: (n,) float32, 0 or 1. ``features`` are what the others have stored."""

    columns: Tensor
    target: Tensor

    def features(self) -> Tensor:
        """(n, features) float32: the products too, contiguous."""
        return Products(self.columns.shape[1])(self.columns).contiguous()


def make_epochs(architecture: Architecture, rows: Rows, *, batch_size: int) -> dict[str, Epoch]:
    """Name -> a pass over all rows."""
    features = rows.features()
    return {
        "archscale": _ours(architecture, rows, batch_size=batch_size),
        "DataLoader": _plain(
            architecture,
            features,
            DataLoader(TensorDataset(features, rows.target), batch_size=batch_size, shuffle=True),
            fused=False,
        ),
        "DataLoader at its best": _plain(
            architecture, features, _batched(TensorDataset(features, rows.target), batch_size=batch_size), fused=True
        ),
        "partial_fit": _scikit_learn(architecture, features, rows.target, batch_size=batch_size),
        "matrix products": _products(architecture, features.shape[1], rows=len(features), batch_size=batch_size),
    }


def make_job(
    architecture: Architecture, rows: Rows, *, batch_size: int, checkpoint: CheckpointPlan | None = None
) -> TrainingJob:
    """Return a training that has no end: what it is measured for comes earlier."""
    scaled = ScaledRows(columns=rows.columns.numpy(), target=rows.target.numpy())
    columns = rows.columns.shape[1]
    return TrainingJob(
        architecture=architecture,
        task="classification",
        recipe=choose_recipe(
            architecture,
            task="classification",
            rows=len(rows.target),
            columns=columns,
            epochs=ENDLESS,
            batch_size=batch_size,
            learning_rate=RATE,
            seed=0,
        ),
        train=scaled,
        validation=scaled,
        target_scale=TargetScale(),
        reference_features=np.zeros((1, count_features(columns))),
        checkpoint=checkpoint,
    )


def make_descent(architecture: Architecture, rows: Rows, *, batch_size: int, group: RankGroup | None = None) -> Descent:
    """Return the steps of a training as ``training.fitting`` makes them."""
    mean, deviation = feature_moments(rows.columns)
    network, average = (
        Network(features=len(mean), depth=architecture.depth, width=architecture.width) for _ in range(2)
    )
    network.standardise(mean=mean, deviation=deviation)
    job = make_job(architecture, rows, batch_size=batch_size)
    return Descent(network, average, job=job, group=group or RankGroup(RankPlace()))


def _ours(architecture: Architecture, rows: Rows, *, batch_size: int) -> Epoch:
    descent = make_descent(architecture, rows, batch_size=batch_size)
    return lambda: descent.run_epoch(after_step=lambda: None)


def _batched(dataset: TensorDataset, *, batch_size: int) -> DataLoader[tuple[Tensor, ...]]:
    """Fetch a batch by one indexing, not row by row."""
    sampler = BatchSampler(RandomSampler(dataset), batch_size, drop_last=False)
    return DataLoader(dataset, batch_size=None, sampler=sampler)


def _plain(
    architecture: Architecture, features: Tensor, loader: DataLoader[tuple[Tensor, ...]], *, fused: bool
) -> Epoch:
    """Return the loop of every tutorial: modules, autograd, torch.optim."""
    widths = [features.shape[1]] + [architecture.width] * architecture.depth
    hidden = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU(), nn.Dropout(DROPOUT))]
    model = nn.Sequential(*hidden, nn.Linear(widths[-1], 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY, fused=fused)

    def epoch() -> None:
        model.train()
        for batch, target in loader:
            optimizer.zero_grad()
            binary_cross_entropy_with_logits(model(batch).squeeze(1), target).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return epoch


def _scikit_learn(architecture: Architecture, features: Tensor, target: Tensor, *, batch_size: int) -> Epoch:
    model = MLPClassifier([architecture.width] * architecture.depth, batch_size=batch_size, random_state=0)
    x, y = features.numpy(), target.numpy().astype(int)

    def epoch() -> None:
        order = np.random.default_rng(0).permutation(len(y))
        for at in range(0, len(y), batch_size):
            rows = order[at : at + batch_size]
            model.partial_fit(x[rows], y[rows], classes=[0, 1])

    return epoch


def _products(architecture: Architecture, features: int, *, rows: int, batch_size: int) -> Epoch:
    """Return the matrix products of every batch, forward and back, into buffers that are there."""
    sizes = [features] + [architecture.width] * architecture.depth + [1]
    batches = [min(batch_size, rows - at) for at in range(0, rows, batch_size)]
    weights = [torch.rand(b, a) for a, b in pairwise(sizes)]
    slopes = [torch.empty_like(weight) for weight in weights]
    values = {n: [torch.rand(size, n) for size in sizes] for n in set(batches)}
    results = {n: [torch.empty(size, n) for size in sizes] for n in set(batches)}

    @torch.inference_mode()
    def epoch() -> None:
        for n in batches:
            given, found = values[n], results[n]
            for layer, weight in enumerate(weights):
                torch.mm(weight, given[layer], out=found[layer + 1])
            for layer in reversed(range(len(weights))):
                torch.mm(given[layer + 1], given[layer].t(), out=slopes[layer])
                if layer:
                    torch.mm(weights[layer].t(), given[layer + 1], out=found[layer])

    return epoch


def tile(columns: Tensor, target: Tensor, *, rows: int) -> Rows:
    """Repeat rows until there are as many."""
    chosen = torch.arange(rows) % len(target)
    return Rows(columns=columns[chosen], target=target[chosen])


def interleave(
    epochs: dict[str, Epoch], *, rounds: int, seconds: Callable[[Epoch], float]
) -> Iterator[dict[str, float]]:
    """Yield the seconds of one epoch of each, round after round; the first round warms up and is left out."""
    for number in range(rounds + 1):
        found = {name: seconds(epoch) for name, epoch in epochs.items()}
        if number:
            yield found
