"""The figures of a point that laws, fronts and the choice compare: its quality and what it costs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from service.contract.curve import CurvePoint, Measure, Shape

Cost = Literal["latency_seconds", "network_memory_bytes", "train_seconds"]
COSTS: tuple[Cost, ...] = ("latency_seconds", "network_memory_bytes", "train_seconds")


def quality(point: CurvePoint) -> float:
    """Held-out accuracy, or R2. Raise ValueError where the point has neither."""
    found = point.test.r2 if point.test.accuracy is None else point.test.accuracy
    if found is None:
        raise ValueError(f"a point must have an accuracy or an R2, however: {point.name} has none")
    return found


def train_seconds(point: CurvePoint) -> float:
    """Seconds of all processors over all epochs; a disturbed epoch does not move the median of them."""
    return float(np.median(point.processor_seconds)) * len(point.processor_seconds)


FIGURES: Mapping[Measure, Callable[[CurvePoint], float]] = {
    "loss": lambda point: point.test.loss,
    "train_seconds": train_seconds,
    "network_memory_bytes": lambda point: float(point.memory.network_bytes),
    "latency_seconds": lambda point: point.latency_seconds[1],
}


def by_shape(points: Sequence[CurvePoint]) -> dict[Shape, list[CurvePoint]]:
    """Points of each shape, both by weights: a shape has more where the rows of a seed show a category more levels."""

    def place(point: CurvePoint) -> tuple[int, int, int]:
        return point.weights, point.shape.depth, point.shape.width

    shapes: dict[Shape, list[CurvePoint]] = {}
    for point in sorted(points, key=place):
        shapes.setdefault(point.shape, []).append(point)
    return shapes


def at_full_rows(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """Return the points with the most rows that any has."""
    most = max((point.rows for point in points), default=0)
    return [point for point in points if point.rows == most]


def typical(points: Sequence[CurvePoint], measure: Measure) -> float:
    """Return the median over seeds; of times, of those that nothing disturbed where there are any."""
    calm = [point for point in points if not point.disturbed] if measure.endswith("_seconds") else []
    return float(np.median([FIGURES[measure](point) for point in calm or points]))


def name_of(point: CurvePoint) -> str:
    """Return what a sentence calls its shape."""
    if point.shape.depth == 0 and point.name == str(point.shape):
        return "the linear model"
    return point.name
