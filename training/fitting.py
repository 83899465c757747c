"""Fit one network: AdamW on a one-cycle schedule, weights averaged, the best validation epoch kept."""

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.contract.card import EpochTrace
from training.checkpoints.keeper import Keeper
from training.checkpoints.state import TrainingProgress, TrainingState
from training.cost.memory import MemoryUse, PeakMemory
from training.cost.seconds import Seconds
from training.errors import TrainingError
from training.network import EVALUATION_ROWS, Network, Products, feature_moments, summed_loss
from training.process import ScaledRows, TrainingJob, TrainingResult
from training.ranks.group import RankGroup
from training.ranks.place import RankPlace
from training.step.descent import Descent
from training.stream.spill import StreamedRows

FLAT = 0.01
"""A validation loss within 1 % of the previous one has not moved."""


def train(
    job: TrainingJob, *, memory: PeakMemory, on_epoch: Callable[[EpochTrace], None], group: RankGroup | None = None
) -> TrainingResult:
    """Train for all epochs of the job's recipe and return the averaged weights of the best one.

    ``on_epoch`` hears of every epoch as it ends. Same job, machine and number of threads: same weights. All ranks of a
    ``group`` train the same job, and end with the same weights.
    """
    group = group or RankGroup(RankPlace())
    torch.set_num_threads(job.threads)
    mean, deviation = _moments(job.train)
    memory.begin_network()
    torch.manual_seed(job.recipe.seed)
    network = Network(
        features=job.reference_features.shape[1],
        depth=job.architecture.depth,
        width=job.architecture.width,
        outputs=job.outputs,
    )
    network.standardise(mean=mean, deviation=deviation)
    network.weigh_products(job.recipe.product_weight, columns=job.validation.columns.shape[1])
    if job.task == "classification":
        _begin_at_shares(network, _count_classes(job))
    network.to(group.device)
    group.take_from_first(network.mean, network.deviation)

    products = Products(job.validation.columns.shape[1], device=group.device)
    average = copy.deepcopy(network)
    training = _Training(
        descent=Descent(network, average, job=job, group=group),
        judge=_Judge(average, products=products, job=job, group=group),
        memory=memory,
        keeper=Keeper(job.checkpoint),
        group=group,
    )
    training.run(epochs=job.recipe.epochs, on_epoch=on_epoch)
    seconds, use = training.seconds_of_epochs(), training.memory_use()

    state = average.arrays()  # float32: what follows turns the network into float64
    return TrainingResult(
        state=state,
        reference=_answer(average, job),
        trace=training.trace,
        seconds=seconds,
        disturbed=group.size == 1 and seconds.disturbed,
        memory=use,
    )


def _moments(rows: ScaledRows | StreamedRows) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every feature: (features,) float64. Of streamed rows they come with them."""
    if isinstance(rows, ScaledRows):
        return feature_moments(torch.from_numpy(rows.columns))
    return torch.from_numpy(rows.mean), torch.from_numpy(rows.deviation)


def _count_classes(job: TrainingJob) -> Tensor:
    """Training rows of each class: (k,) float32."""
    if not isinstance(job.train, ScaledRows):
        return torch.from_numpy(job.train.class_counts).float()
    target = torch.from_numpy(job.train.target)
    return torch.bincount(target.long(), minlength=max(2, job.outputs)).float()


def _begin_at_shares(network: Network, counts: Tensor) -> None:
    """Make the output's biases the logits of the classes' shares, so that no step is spent on finding these."""
    several = network.output.out_features > 1
    with torch.no_grad():
        network.output.bias.copy_((counts / counts.sum()).log() if several else (counts[1:] / counts[0]).log())


def _answer(network: Network, job: TrainingJob) -> NDArray[np.float64]:
    """Answer the job's reference rows in float64: probabilities, (m,) or (m, k), or values in the target's unit."""
    with torch.no_grad():
        output = network.cpu().double()(torch.from_numpy(job.reference_features))
    if job.task == "classification":
        output = torch.softmax(output, 1) if job.outputs > 1 else torch.sigmoid(output)
    answers: NDArray[np.float64] = (output * job.target_scale.scale + job.target_scale.mean).numpy()
    return answers


class _Training:
    """The epochs of one network, from the start or from where an earlier process was killed."""

    def __init__(
        self, *, descent: Descent, judge: "_Judge", memory: PeakMemory, keeper: Keeper, group: RankGroup
    ) -> None:
        self.descent, self.judge, self.memory, self.keeper, self.group = descent, judge, memory, keeper, group
        self.best_loss, self.best = math.inf, descent.averages.clone()
        self.trace: list[EpochTrace] = []
        self.started, self.seconds_before = Seconds.now(), Seconds(0.0, 0.0)
        self.memory_before = MemoryUse(peak=0, data=0, network=0)

    def run(self, *, epochs: int, on_epoch: Callable[[EpochTrace], None]) -> None:
        """Run the epochs that are left, and leave the best one's weights in the averages."""
        self._go_on()
        for entry in self.trace:
            on_epoch(entry)
        while len(self.trace) < epochs:
            loss = self.descent.run_epoch(after_step=lambda: self.keeper.write_if_due(self._state))
            entry = self._with_seconds(self.judge.look(train_loss=loss, earlier=self.trace))
            if entry.validation_loss < self.best_loss:
                self.best_loss = entry.validation_loss
                self.best.copy_(self.descent.averages)
            self.trace.append(entry)
            on_epoch(entry)
        self.keeper.write(self._state)
        self.descent.averages.copy_(self.best)

    def seconds(self) -> Seconds:
        """Of this process and of those before it, as far as their checkpoints tell."""
        return self.seconds_before + (Seconds.now() - self.started)

    def memory_use(self) -> MemoryUse:
        """Return the highest of this process and of those before it."""
        return self.memory.use(copied=self.descent.copied).most(self.memory_before)

    def seconds_of_epochs(self) -> Seconds:
        """Of those that have ended."""
        wall = sum(entry.wall_seconds or 0.0 for entry in self.trace)
        return Seconds(wall, sum(entry.processor_seconds or 0.0 for entry in self.trace))

    def _with_seconds(self, entry: EpochTrace) -> EpochTrace:
        """Add what has passed since the epochs before it, in this process and in one that was killed."""
        spent = self.seconds() - self.seconds_of_epochs()
        return entry.model_copy(update={"wall_seconds": spent.wall, "processor_seconds": spent.processor})

    def _state(self) -> TrainingState:
        progress = TrainingProgress(
            run=self.keeper.run or "",
            steps=self.descent.done,
            rows=self.descent.rows,
            best_loss=self.best_loss if self.trace else None,
            trace=self.trace,
            seconds=self.seconds(),
            memory=self.memory_use(),
        )
        return self.descent.state(best=self.best, progress=progress)

    def _go_on(self) -> None:
        state = self.keeper.read(group=self.group, parameters=self.best.numel())
        if state is None:
            return
        self.descent.restore(state)
        self.best.copy_(state.best)
        progress = state.progress
        self.trace = list(progress.trace)
        self.best_loss = math.inf if progress.best_loss is None else progress.best_loss
        self.seconds_before, self.memory_before = progress.seconds, progress.memory


class _Judge:
    """Looks at the averaged weights after every epoch, on the validation rows."""

    def __init__(self, network: Network, *, products: Products, job: TrainingJob, group: RankGroup) -> None:
        self.network, self.products, self.task, self.group = network, products, job.task, group
        self.columns = torch.from_numpy(job.validation.columns).to(group.device)
        self.target = torch.from_numpy(job.validation.target).to(group.device)
        self.shape = (len(self.target), job.outputs) if job.outputs > 1 else (len(self.target),)

    def look(self, *, train_loss: float, earlier: list[EpochTrace]) -> EpochTrace:
        epoch = len(earlier) + 1
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
        return entry.model_copy(update={"observation": _observe(entry, earlier=earlier)})

    def _output(self) -> Tensor:
        """Of all rows: each rank computes a part of them."""
        output = torch.zeros(self.shape, device=self.columns.device)
        own = self.group.part(len(self.columns))
        with torch.no_grad():
            rows = zip(*(torch.split(of[own], EVALUATION_ROWS) for of in (self.columns, output)), strict=True)
            for columns, part in rows:
                part.copy_(self.network(self.products(columns)))
        self.group.add_up(output)
        return output

    def _accuracy(self, output: Tensor) -> float:
        """Share of the rows whose class is the likeliest. output: (n,) or (n, k) logits."""
        chosen = output.argmax(1) if output.ndim > 1 else output > 0
        return float((chosen == self.target).float().mean())

    def _r2(self, loss: float) -> float:
        """Coefficient of determination; 0 where the validation rows do not vary at all."""
        variance = float(self.target.var(correction=0))
        return 1 - loss / variance if variance > 0 else 0.0


def _observe(entry: EpochTrace, *, earlier: list[EpochTrace]) -> str:
    """Say in a word or two how ``entry`` continues the ``earlier`` epochs."""
    if not earlier:
        return "first epoch"
    previous = earlier[-1]
    change = (entry.validation_loss - previous.validation_loss) / max(previous.validation_loss, 1e-12)
    movement = "flat" if abs(change) <= FLAT else "falling" if change < 0 else "rising"
    if entry.validation_loss < min(seen.validation_loss for seen in earlier):
        return f"{movement}, best so far"
    if movement == "rising" and entry.train_loss < previous.train_loss:
        return "rising, overfitting"
    return movement
