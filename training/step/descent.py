"""Gradient descent: AdamW on a one-cycle schedule, and the average of the weights."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from training.checkpoints.state import TrainingProgress, TrainingState
from training.network import Network, flatten
from training.process import ScaledRows, TrainingJob
from training.ranks.group import RankGroup
from training.step.batches import EpochRows, MemoryRows
from training.step.file_rows import FileRows
from training.step.gradient import Gradient
from training.stream.spill import StreamedRows

WARM_UP = 0.2
"""Share of all steps in which the learning rate rises; it falls along a cosine afterwards (Smith and Topin, 2019)."""
LOWEST_RATE = 0.01
"""First and last learning rate, as a share of the highest."""
AVERAGED_EPOCHS = 1.0
"""The kept weights are an exponential average over about this many epochs of steps."""


def open_rows(rows: ScaledRows | StreamedRows, *, device: torch.device) -> EpochRows:
    """Return the rows to learn from, as epochs pass them."""
    return MemoryRows(rows, device=device) if isinstance(rows, ScaledRows) else FileRows(rows, device=device)


class Descent:
    """The gradient steps of all epochs, and where among them it is."""

    def __init__(self, network: Network, average: Network, *, job: TrainingJob, group: RankGroup) -> None:
        self.weights, self.averages = flatten(network), flatten(average)
        self.recipe, self.group, device = job.recipe, group, self.weights.device
        self.source = open_rows(job.train, device=device)
        self.gradient = Gradient(network, columns=self.source.columns, dropout=job.recipe.dropout, task=job.task)
        self.steps_in_epoch = math.ceil(self.source.count / self.recipe.batch_size)
        self.done, self.rows = 0, 0
        self.loss, self.random_of_epoch = torch.zeros((), device=device), torch.get_rng_state()
        self.momentum, self.squares = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self.counter = torch.zeros((), device=device)

    def run_epoch(self, *, after_step: Callable[[], None]) -> float:
        """Pass once over the rows in random order, or over those that are left; return their mean loss.

        Each rank computes a part of every batch, and all of them make the step.
        """
        self.group.take_from_first(self.weights, self.averages, self.momentum, self.squares)
        batches = self.source.batches(
            self._order(), batch_size=self.recipe.batch_size, part=self.group.part, passed=self.rows
        )
        for batch in batches:
            self.gradient(batch.columns, batch.target, rows=batch.rows, part=batch.part)
            self.group.add_up(self.gradient.sums)
            self.loss += self.gradient.loss
            self._descend()
            self.rows += batch.rows
            after_step()
        self.rows = 0
        return self.loss.item() / self.source.count

    @property
    def copied(self) -> int:
        """Bytes of the rows that an epoch copies, to have them in its order."""
        return self.source.bytes_copied(ranks=self.group.size)

    def state(self, *, best: Tensor, progress: TrainingProgress) -> TrainingState:
        """Return all that ``restore`` needs: no copies, but from a GPU."""
        return TrainingState(
            weights=self.weights.cpu(),
            momentum=self.momentum.cpu(),
            squares=self.squares.cpu(),
            averages=self.averages.cpu(),
            best=best.cpu(),
            loss=self.loss.cpu(),
            random=torch.get_rng_state(),
            random_of_epoch=self.random_of_epoch,
            progress=progress,
        )

    def restore(self, state: TrainingState) -> None:
        """Go on from there."""
        for name in ("weights", "momentum", "squares", "averages", "loss"):
            getattr(self, name).copy_(getattr(state, name))
        self.random_of_epoch = state.random_of_epoch
        torch.set_rng_state(state.random)
        self.done, self.rows = state.progress.steps, state.progress.rows
        self.counter.fill_(self.done)

    def _order(self) -> Tensor:
        """Draw the order of the epoch's rows; once more where the epoch is under way."""
        if self.rows == 0:
            self.random_of_epoch = torch.get_rng_state()
            self.loss.zero_()
            return self.source.draw()
        now = torch.get_rng_state()
        torch.set_rng_state(self.random_of_epoch)
        order = self.source.draw()
        torch.set_rng_state(now)
        return order

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
