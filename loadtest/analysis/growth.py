"""The points of a sweep, averaged over seeds: what a network of one shape reaches and costs after so many rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.contract.curve import LATENCY_ROWS, Curve, CurvePoint, Shape


@dataclass(frozen=True)
class Spread:
    """One figure over the seeds: its mean, the lowest and the highest."""

    mean: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Size:
    """One shape after so many rows. seeds: how many; disturbed: of how many the times can't be trusted.

    Seconds are those of an epoch, the median of a training's; latency: rows in a request -> seconds. Both are of the
    seeds that nothing disturbed, where there are any.
    """

    shape: Shape
    name: str
    rows: int
    seeds: int
    disturbed: int
    weights: int
    bytes: int
    quality: Spread
    """Accuracy, or R2."""
    loss: Spread
    auc: Spread | None
    processor_seconds: Spread
    wall_seconds: Spread
    network_bytes: Spread
    data_bytes: Spread
    peak_bytes: Spread
    latency: dict[int, Spread]


def average_seeds(curve: Curve) -> tuple[Size, ...]:
    """Put the points of a shape and a number of rows together, in the order of depth, width and rows."""
    together: dict[tuple[int, int, int], list[CurvePoint]] = {}
    for point in curve.points:
        together.setdefault((point.shape.depth, point.shape.width, point.rows), []).append(point)
    return tuple(_average(points) for _, points in sorted(together.items()))


def _average(points: Sequence[CurvePoint]) -> Size:
    first = points[0]
    calm = [point for point in points if not point.disturbed] or points
    aucs = [point.test.auc for point in points if point.test.auc is not None]
    return Size(
        shape=first.shape,
        name=first.name,
        rows=first.rows,
        seeds=len(points),
        disturbed=sum(point.disturbed for point in points),
        weights=first.weights,
        bytes=first.bytes,
        quality=_spread([read_quality(point) for point in points]),
        loss=_spread([point.test.loss for point in points]),
        auc=_spread(aucs) if len(aucs) == len(points) else None,
        processor_seconds=_spread([_median(point.processor_seconds) for point in calm]),
        wall_seconds=_spread([_median(point.wall_seconds) for point in calm]),
        network_bytes=_spread([point.memory.network_bytes for point in points]),
        data_bytes=_spread([point.memory.data_bytes for point in points]),
        peak_bytes=_spread([point.memory.peak_bytes for point in points]),
        latency={rows: _spread([point.latency_seconds[rows] for point in calm]) for rows in LATENCY_ROWS},
    )


def _spread(values: Sequence[float]) -> Spread:
    return Spread(float(np.mean(values)), min(values), max(values))


def read_quality(point: CurvePoint) -> float:
    """Return the accuracy on held-out rows, or R2."""
    quality = point.test.r2 if point.test.accuracy is None else point.test.accuracy
    assert quality is not None  # one of them is there, whatever the task
    return quality


def _median(seconds: Sequence[float]) -> float:
    return float(np.median(seconds))


def at_most_rows(sizes: Sequence[Size]) -> tuple[Size, ...]:
    """Return the sizes that learnt from the most rows, those that are compared with each other, by weights."""
    most = max((size.rows for size in sizes), default=0)
    return tuple(sorted((size for size in sizes if size.rows == most), key=lambda size: size.weights))


def list_depths(sizes: Sequence[Size]) -> tuple[int, ...]:
    """Return each depth once, in order."""
    return tuple(sorted({size.shape.depth for size in sizes}))
