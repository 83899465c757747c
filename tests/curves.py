"""Curves as a sweep would write them: a simulated table on which larger networks and more rows help, at a price."""

import itertools
import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from service.contract.card import Metrics
from service.contract.curve import (
    LATENCY_ROWS,
    Candidate,
    Choice,
    Curve,
    CurvePoint,
    Estimate,
    FailedPoint,
    Law,
    Machine,
    Memory,
    ParetoFront,
    Shape,
)
from service.contract.names import Task
from tests.studies import HOSTILE

Cost = Literal["latency_seconds", "network_memory_bytes", "train_seconds"]
FEATURES = 230
SHAPES = (Shape(depth=0, width=0), *(Shape(depth=depth, width=width) for depth in (1, 2, 5) for width in (10, 50, 200)))
ROWS = (1_000, 3_000, 10_000, 30_000)
SEEDS = 3
BEST_POSSIBLE = 0.952
MACHINE = Machine(
    processors=2, model="AMD EPYC", versions={"python": "3.11.7", "torch": "2.13.0", "onnxruntime": "1.32.0"}
)
CHOSEN, BEST = Shape(depth=2, width=50), Shape(depth=5, width=200)


def count_weights(shape: Shape) -> int:
    """Weights and biases of a network of ``FEATURES`` inputs and one output."""
    sizes = [FEATURES, *[shape.width] * shape.depth, 1]
    return sum((below + 1) * above for below, above in itertools.pairwise(sizes))


def make_point(shape: Shape, rows: int, seed: int, *, task: Task = "classification", name: str = "") -> CurvePoint:
    """One trained network."""
    random = np.random.default_rng([shape.depth, shape.width, rows, seed])
    weights = count_weights(shape)
    help_of_depth = {0: 0.0, 1: 0.6, 2: 1.0}.get(shape.depth, 1.01)
    learnt = help_of_depth * 0.07 * (1 - (weights / 1200) ** -1.35) * (1 - 4 / math.sqrt(rows))
    accuracy = 0.862 + learnt + 0.008 * math.log10(rows / 1000) + float(random.normal(0, 0.0011))
    seconds = (0.004 + 6e-7 * weights) * rows / 1000 * float(random.lognormal(0, 0.03))
    metrics = (
        Metrics(loss=0.62 - 0.55 * accuracy, accuracy=accuracy, auc=0.5 + accuracy / 2, brier=0.3 - 0.25 * accuracy)
        if task == "classification"
        else Metrics(loss=1 - accuracy, r2=accuracy, rmse=3 * math.sqrt(1 - accuracy))
    )
    return CurvePoint(
        shape=shape,
        name=name or str(shape),
        rows=rows,
        seed=seed,
        weights=weights,
        bytes=4 * weights + 700,
        test=metrics,
        epochs=20,
        threads=1,
        wall_seconds=[1.02 * seconds * float(random.lognormal(0, 0.02)) for _ in range(20)],
        processor_seconds=[seconds * float(random.lognormal(0, 0.02)) for _ in range(20)],
        disturbed=False,
        memory=Memory(
            peak_bytes=40_000_000 + 20 * weights, data_bytes=rows * 160, network_bytes=900_000 + 18 * weights
        ),
        latency_seconds={
            count: (6e-6 + 4e-10 * weights + count * (2e-8 + 2e-11 * weights)) * float(random.lognormal(0, 0.02))
            for count in LATENCY_ROWS
        },
    )


def make_curve(
    *,
    shapes: tuple[Shape, ...] = SHAPES,
    rows: tuple[int, ...] = ROWS,
    seeds: int = SEEDS,
    task: Task = "classification",
    fingerprint: str = "0",
) -> Curve:
    """A whole sweep."""
    points = [make_point(shape, count, seed, task=task) for shape in shapes for count in rows for seed in range(seeds)]
    return Curve(
        version="0.5.0",
        source="generated",
        fingerprint=fingerprint,
        task=task,
        target="alarm",
        test_rows=20_000,
        best_possible_accuracy=BEST_POSSIBLE if task == "classification" else None,
        points=points,
        failed=[
            FailedPoint(
                shape=Shape(depth=5, width=800), name="5x800", rows=30_000, seed=1, reason="the loss was not finite"
            )
        ],
        laws=make_laws(),
        choice=make_choice(points),
        machine=MACHINE,
    )


def make_choice(points: list[CurvePoint]) -> Choice:
    """The smallest that is good enough, by rule."""
    most = max(point.rows for point in points)
    full: dict[Shape, list[CurvePoint]] = {}
    for point in sorted(points, key=lambda point: point.weights):
        if point.rows == most:
            full.setdefault(point.shape, []).append(point)
    means = {shape: _quality(found) for shape, found in full.items()}
    best = max(means, key=lambda shape: means[shape])
    candidates = [
        Candidate(
            shape=shape,
            name=found[0].name,
            weights=found[0].weights,
            quality=Estimate(value=means[shape], low=means[shape] - 0.0019, high=means[shape] + 0.0019),
            behind=means[best] - means[shape],
            behind_at_most=means[best] - means[shape] + (0 if shape == best else 0.0021),
        )
        for shape, found in full.items()
    ]
    chosen = next(candidate for candidate in candidates if candidate.behind_at_most <= 0.005)
    return Choice(
        chosen=chosen.shape,
        best=best,
        margin=0.005,
        candidates=candidates,
        fronts=_find_fronts(full, means),
        sentence=(
            f"Take {chosen.name}: its accuracy, {chosen.quality.value:.4f}, is at most {chosen.behind_at_most:.4f} "
            f"behind that of the best, {best}, with {candidates[-1].weights / chosen.weights:.1f} times fewer weights."
        ),
        command=f"python -m training --architecture chosen={chosen.shape}",
    )


def _quality(points: list[CurvePoint]) -> float:
    values = [point.test.accuracy if point.test.accuracy is not None else point.test.r2 for point in points]
    return float(np.mean([value for value in values if value is not None]))


def _find_fronts(full: dict[Shape, list[CurvePoint]], means: dict[Shape, float]) -> list[ParetoFront]:
    costs: dict[Cost, Callable[[CurvePoint], float]] = {
        "latency_seconds": lambda point: point.latency_seconds[1],
        "network_memory_bytes": lambda point: point.memory.network_bytes,
        "train_seconds": lambda point: float(np.median(point.processor_seconds)),
    }
    fronts = []
    for against, read in costs.items():
        cost = {shape: float(np.mean([read(point) for point in points])) for shape, points in full.items()}
        kept: list[Shape] = []
        for shape in sorted(cost, key=lambda shape: cost[shape]):
            if not kept or means[shape] > means[kept[-1]]:
                kept.append(shape)
        fronts.append(ParetoFront(against=against, shapes=kept))
    return fronts


def make_laws() -> list[Law]:
    """Two that fit, and two that do not."""

    def about(value: float) -> Estimate:
        return Estimate(value=value, low=0.93 * value, high=1.07 * value)

    return [
        Law(
            of="loss",
            against="weights",
            sizes=10,
            held="30,000 rows",
            floor=about(0.101),
            coefficient=about(1.9),
            exponent=Estimate(value=-0.41, low=-0.47, high=-0.35),
            at_ten_times=about(0.104),
            at_largest=0.1096,
            sentence="A network of ten times the weights would lower the loss from 0.110 to 0.104 [0.097, 0.111].",
        ),
        Law(
            of="loss",
            against="rows",
            sizes=4,
            held="2x50",
            sentence="Nothing is stated of loss against rows: four sizes are too few, it takes five.",
        ),
        Law(
            of="train_seconds",
            against="weights",
            sizes=10,
            held="30,000 rows",
            floor=about(2.4),
            coefficient=about(3.6e-4),
            exponent=Estimate(value=1.0, low=0.96, high=1.04),
            at_ten_times=about(748.0),
            at_largest=77.0,
            sentence="Training time grows as weights to the power of 1.00 (0.96 to 1.04) above 2.4 s.",
        ),
        Law(
            of="network_memory_bytes",
            against="weights",
            sizes=10,
            held="30,000 rows",
            sentence="Nothing is stated of memory against weights: the interval is wider than the figure.",
        ),
    ]


def without_choice(curve: Curve) -> Curve:
    """A curve whose sweep could not choose."""
    return curve.model_copy(update={"choice": None, "choice_lacks": "there is one shape, and it takes two"})


def hostile_curve() -> Curve:
    """Names, words and reasons that would be markup."""
    curve = make_curve(rows=(1_000, 10_000))
    points = [point.model_copy(update={"name": f"{HOSTILE}{point.name}"}) for point in curve.points]
    failed = [point.model_copy(update={"name": HOSTILE, "reason": HOSTILE}) for point in curve.failed]
    laws = [law.model_copy(update={"sentence": HOSTILE, "held": HOSTILE}) for law in curve.laws]
    choice = make_choice(points).model_copy(update={"sentence": HOSTILE, "command": HOSTILE})
    update = {"points": points, "failed": failed, "laws": laws, "choice": choice, "source": HOSTILE, "target": HOSTILE}
    return curve.model_copy(update=update)


def with_latencies(curve: Curve, latency_seconds: Callable[[int], float]) -> Curve:
    """A curve whose networks take so long, whatever the rows. latency_seconds: of so many weights."""
    points = [
        point.model_copy(update={"latency_seconds": dict.fromkeys(LATENCY_ROWS, latency_seconds(point.weights))})
        for point in curve.points
    ]
    return curve.model_copy(update={"points": points})
