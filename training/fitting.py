"""Fit one network: AdamW on a one-cycle schedule, weights averaged, the best validation epoch kept."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from service.contract.card import EpochTrace, Recipe
from service.contract.names import Task
from training.architectures import Network
from training.errors import TrainingError
from training.gradient import Gradient, flatten, summed_loss
from training.jobs import ScaledRows
from training.observations import observe
from training.products import product_columns

WARM_UP = 0.2
"""Share of all steps in which the learning rate rises; it falls along a cosine afterwards (Smith and Topin, 2019)."""
LOWEST_RATE = 0.01
"""First and last learning rate, as a share of the highest."""
AVERAGED_EPOCHS = 1.0
"""The kept weights are an exponential average over about this many epochs of steps."""
EVALUATION_ROWS = 4096
"""Rows expanded at once where no gradient is needed: bounds memory."""


@dataclass(frozen=True)
class Fit:
    """The kept network and how it came about; ``seconds``: wall time of the epochs."""

    network: Network
    trace: list[EpochTrace]
    seconds: float


class Products:
    """Expands scaled columns into features, batch by batch: the products of a large table are never stored."""

    def __init__(self, columns: int) -> None:
        left, right = product_columns(columns)
        self.left, self.right = torch.from_numpy(left), torch.from_numpy(right)

    def __call__(self, columns: Tensor) -> Tensor:
        """**Shape** (n, d) -> (n, d + d (d + 1) / 2).

        Gathers rows of the transpose: four times faster than gathering columns (torch 2.13, 200 rows).
        """
        turned = columns.t().contiguous()
        products = turned.index_select(0, self.left) * turned.index_select(0, self.right)
        return torch.cat([turned, products]).t()


def fit(
    *,
    network: Network,
    train: ScaledRows,
    validation: ScaledRows,
    task: Task,
    recipe: Recipe,
    on_epoch: Callable[[EpochTrace], None],
) -> Fit:
    """Train ``network`` for all epochs of ``recipe`` and return the averaged weights of the best epoch.

    ``on_epoch`` hears of every epoch as it ends. Deterministic for one seed, machine and number of threads.
    """
    started = time.perf_counter()
    products = Products(train.columns.shape[1])
    average = copy.deepcopy(network)
    weights, averages = flatten(network), flatten(average)
    gradient = Gradient(network, dropout=recipe.dropout, task=task)
    steps = _Steps(weights=weights, averages=averages, gradient=gradient, products=products, train=train, recipe=recipe)
    judge = _Judge(network=average, products=products, rows=validation, task=task)
    best, kept = math.inf, averages.clone()
    trace: list[EpochTrace] = []
    for epoch in range(1, recipe.epochs + 1):
        train_loss = steps.run_epoch()
        entry = judge.look(epoch=epoch, train_loss=train_loss, earlier=trace)
        if entry.validation_loss < best:
            best, kept = entry.validation_loss, averages.clone()
        trace.append(entry)
        on_epoch(entry)
    averages.copy_(kept)
    return Fit(network=average, trace=trace, seconds=time.perf_counter() - started)


class _Steps:
    """The gradient steps: one permuted copy of the rows an epoch, read in slices."""

    def __init__(
        self,
        *,
        weights: Tensor,
        averages: Tensor,
        gradient: Gradient,
        products: Products,
        train: ScaledRows,
        recipe: Recipe,
    ) -> None:
        self.weights, self.averages, self.gradient = weights, averages, gradient
        self.products, self.recipe = products, recipe
        self.columns, self.target = torch.from_numpy(train.columns), torch.from_numpy(train.target)
        self.steps_in_epoch = math.ceil(len(train.target) / recipe.batch_size)
        self.done = 0
        self.momentum, self.squares = torch.zeros_like(weights), torch.zeros_like(weights)
        self.counter = torch.zeros(())

    def run_epoch(self) -> float:
        """Pass once over the rows in random order; return their mean loss."""
        order = torch.randperm(len(self.target))
        columns, target = self.columns[order], self.target[order]
        size = self.recipe.batch_size
        total = torch.zeros(())
        for at in range(0, len(order), size):
            total += self.gradient(self.products(columns[at : at + size]).t(), target[at : at + size])
            self._descend()
        return total.item() / len(order)

    def _descend(self) -> None:
        """One step of AdamW (Loshchilov and Hutter, 2019), and of the average.

        The operation beneath ``torch.optim.AdamW(fused=True)``: creating that class imports PyTorch's compiler, which
        takes a second and is never used.
        """
        torch._fused_adamw_(
            [self.weights],
            [self.gradient.vector],
            [self.momentum],
            [self.squares],
            [],
            [self.counter.add_(1)],
            lr=self.recipe.learning_rate * self._rate(),
            beta1=0.9,
            beta2=0.999,
            weight_decay=self.recipe.weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )
        self.done += 1
        span = min(self.done, max(1.0, AVERAGED_EPOCHS * self.steps_in_epoch))
        self.averages.lerp_(self.weights, 1 / span)

    def _rate(self) -> float:
        """Share of the highest learning rate: a linear rise, then half a cosine."""
        progress = self.done / (self.steps_in_epoch * self.recipe.epochs)
        if progress < WARM_UP:
            return max(LOWEST_RATE, progress / WARM_UP)
        return max(LOWEST_RATE, (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2)


class _Judge:
    """Looks at the averaged weights after every epoch, on the validation rows."""

    def __init__(self, *, network: Network, products: Products, rows: ScaledRows, task: Task) -> None:
        self.network, self.products, self.task = network, products, task
        self.columns, self.target = torch.from_numpy(rows.columns), torch.from_numpy(rows.target)

    def look(self, *, epoch: int, train_loss: float, earlier: list[EpochTrace]) -> EpochTrace:
        output = self._output()
        loss = float(summed_loss(output, self.target, task=self.task)) / len(output)
        if not math.isfinite(loss + train_loss):
            raise TrainingError(f"the loss must stay finite, however: epoch {epoch} broke it. Lower --learning-rate.")
        entry = EpochTrace(
            epoch=epoch,
            train_loss=train_loss,
            validation_loss=loss,
            validation_accuracy=self._accuracy(output) if self.task == "classification" else None,
            validation_r2=self._r2(loss) if self.task == "regression" else None,
            observation="",
        )
        return entry.model_copy(update={"observation": observe(entry, earlier=earlier)})

    def _output(self) -> Tensor:
        with torch.no_grad():
            parts = torch.split(self.columns, EVALUATION_ROWS)
            return torch.cat([self.network(self.products(part)) for part in parts])

    def _accuracy(self, output: Tensor) -> float:
        return float(((output > 0) == (self.target > 0.5)).float().mean())

    def _r2(self, loss: float) -> float:
        """Coefficient of determination; 0 where the validation rows do not vary at all."""
        variance = float(self.target.var(correction=0))
        return 1 - loss / variance if variance > 0 else 0.0
