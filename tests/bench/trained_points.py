"""Points of a curve, trained in this process by the product's own training code, on tables that are made for it."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.contract.card import Metrics
from service.contract.curve import LATENCY_ROWS, CurvePoint, Memory, Shape
from service.contract.names import Task
from training.architectures import Architecture, choose_recipe
from training.columns.codes import describe_numbers
from training.columns.split import LabelledRows, split_target
from training.cost.memory import PeakMemory
from training.evaluation import choose_class, measure_quality
from training.fitting import train
from training.preprocessing import fit_preprocessing, scale
from training.process import ScaledRows, TargetScale, TrainingJob
from training.sweep.choice import ScoredPoint

EPOCHS = 20
LINEAR = Shape(depth=0, width=0)
CLASSES = ("no", "yes")
FLOAT_BYTES = 4
COPIES = 5
"""Weights, gradient, two moments, average: what stands for the memory of a network here, which is not measured."""
SECONDS_PER_WEIGHT = 1e-9
"""Latency likewise."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MadeTable:
    """Rows to learn from and rows held out. raw: (n, d) float64; target: (n,) float64, 0 and 1, or a number."""

    learn: LabelledRows
    held_out: LabelledRows
    task: Task


def draw_table(
    draw: Callable[[np.random.Generator, int], tuple[Floats, Floats]],
    *,
    task: Task,
    rows: int,
    held_out: int,
    seed: int,
) -> MadeTable:
    """Draw both parts. draw: a generator and n -> raw (n, d) and target (n,)."""
    raw, target = draw(np.random.default_rng(seed), rows + held_out)
    return MadeTable(LabelledRows(raw[:rows], target[:rows]), LabelledRows(raw[rows:], target[rows:]), task)


def use_one_thread() -> None:
    """Compute on one processor from now on: training takes one thread anyway, and NumPy's gain nothing here."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def train_points(table: MadeTable, shapes: Sequence[Shape], *, rows: int, seeds: Sequence[int]) -> list[ScoredPoint]:
    """Train each shape on the first ``rows`` rows from each seed, which splits and initialises."""
    return [train_point(table, shape, rows=rows, seed=seed) for seed in seeds for shape in shapes]


def train_point(table: MadeTable, shape: Shape, *, rows: int, seed: int) -> ScoredPoint:
    """Train one shape on the first ``rows`` rows, as ``python -m training`` would with 20 epochs."""
    job = _make_job(table, shape, rows=rows, seed=seed)
    before = time.process_time()
    result = train(job, memory=PeakMemory(), on_epoch=lambda _: None)
    seconds = (time.process_time() - before) / EPOCHS
    held_out = table.held_out
    test = measure_quality(result.reference, target=held_out.target, task=table.task, scale=job.target_scale.scale)
    weights = sum(state.size for name, state in result.state.items() if name not in {"mean", "deviation"})
    return ScoredPoint(
        point=_make_point(shape, rows=rows, seed=seed, weights=weights, test=test, seconds=seconds),
        row_scores=_score(result.reference, held_out.target, task=table.task, scale=job.target_scale.scale),
    )


def _make_job(table: MadeTable, shape: Shape, *, rows: int, seed: int) -> TrainingJob:
    learn = table.learn
    split = split_target(
        np.concatenate([learn.target[:rows], table.held_out.target]),
        classes=CLASSES if table.task == "classification" else None,
        source="made",
        test_fraction=0.5,
        seed=seed,
        held_out=rows,
    )
    parts = [LabelledRows(learn.raw[chosen], learn.target[chosen]) for chosen in (split.train, split.validation)]
    columns = [describe_numbers(f"u{place}", parts[0].raw[:, place]) for place in range(learn.raw.shape[1])]
    preprocessing = fit_preprocessing(parts[0].raw, columns)
    target = TargetScale()
    if table.task == "regression":
        target = TargetScale(mean=float(parts[0].target.mean()), scale=float(parts[0].target.std()))
    train_rows, validation = (
        ScaledRows(scale(preprocessing, part.raw), ((part.target - target.mean) / target.scale).astype(np.float32))
        for part in parts
    )
    columns_in = learn.raw.shape[1]
    architecture = Architecture(str(shape), shape.depth, shape.width)
    recipe = choose_recipe(
        architecture,
        task=table.task,
        rows=len(parts[0]),
        columns=columns_in,
        epochs=EPOCHS,
        batch_size=None,
        learning_rate=None,
        seed=seed,
    )
    reference = preprocessing.transform(table.held_out.raw)
    return TrainingJob(architecture, table.task, recipe, train_rows, validation, target, reference)


def _score(answers: Floats, target: Floats, *, task: Task, scale: float) -> NDArray[np.float32]:
    if task == "classification":
        return np.asarray(choose_class(answers) == target, dtype=np.float32)
    return np.asarray(-(((answers - target) / scale) ** 2), dtype=np.float32)


def _make_point(shape: Shape, *, rows: int, seed: int, weights: int, test: Metrics, seconds: float) -> CurvePoint:
    network = COPIES * FLOAT_BYTES * weights
    return CurvePoint(
        shape=shape,
        name=str(shape),
        rows=rows,
        seed=seed,
        weights=weights,
        bytes=FLOAT_BYTES * weights,
        test=test,
        epochs=EPOCHS,
        threads=1,
        wall_seconds=[seconds] * EPOCHS,
        processor_seconds=[seconds] * EPOCHS,
        disturbed=False,
        memory=Memory(peak_bytes=network, data_bytes=0, network_bytes=network),
        latency_seconds={count: SECONDS_PER_WEIGHT * weights * count for count in LATENCY_ROWS},
    )
