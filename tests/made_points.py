"""Points of a curve whose figures a formula gives, for what reads them."""

from collections.abc import Callable

import numpy as np

from service.contract.card import Metrics
from service.contract.curve import LATENCY_ROWS, CurvePoint, Memory, Shape

EPOCHS = 3


def made_point(
    shape: Shape,
    *,
    rows: int = 10_000,
    seed: int = 0,
    weights: int | None = None,
    loss: float = 0.3,
    accuracy: float | None = 0.9,
    r2: float | None = None,
    seconds: float = 1.0,
    memory: float = 1e6,
    latency: float = 1e-5,
    name: str | None = None,
) -> CurvePoint:
    """Make a point; weights: those of 20 columns where none are given."""
    return CurvePoint(
        shape=shape,
        name=name or str(shape),
        rows=rows,
        seed=seed,
        weights=weights or count_weights(shape),
        bytes=4 * (weights or count_weights(shape)),
        test=Metrics(loss=loss, accuracy=accuracy, r2=r2),
        epochs=EPOCHS,
        threads=1,
        wall_seconds=[seconds / EPOCHS] * EPOCHS,
        processor_seconds=[seconds / EPOCHS] * EPOCHS,
        disturbed=False,
        memory=Memory(peak_bytes=round(memory), data_bytes=0, network_bytes=round(memory)),
        latency_seconds={count: latency * count for count in LATENCY_ROWS},
    )


def count_weights(shape: Shape) -> int:
    """Count weights and biases behind 230 features."""
    if shape.depth == 0:
        return 231
    return 231 * shape.width + (shape.depth - 1) * (shape.width + 1) * shape.width + shape.width + 1


def points_by_rows(
    loss: Callable[[int], float], *, counts: tuple[int, ...], noise: float = 0.0, seeds: int = 3, start: int = 0
) -> list[CurvePoint]:
    """One shape at several numbers of rows. noise: standard deviation of the loss's logarithm."""
    rng = np.random.default_rng(start)
    return [
        made_point(
            Shape(depth=2, width=50),
            rows=rows,
            seed=seed,
            loss=loss(rows) * float(np.exp(rng.normal(0, noise))),
            seconds=(0.1 + 1e-4 * rows) * float(np.exp(rng.normal(0, noise))),
        )
        for rows in counts
        for seed in range(seeds)
    ]
