"""Pareto fronts: the shapes that no other beats in both quality and a cost."""

from collections.abc import Sequence

import numpy as np

from service.contract.curve import CurvePoint, ParetoFront, Shape
from training.sweep.analysis.figures import COSTS, Cost, at_full_rows, by_shape, quality, typical


def find_fronts(points: Sequence[CurvePoint]) -> list[ParetoFront]:
    """Return a front for each cost, of the shapes at the full number of rows.

    Compared are the mean quality over seeds and the median cost. A shape is beaten by one that is no worse in either
    and better in one.
    """
    shapes = by_shape(at_full_rows(points))
    return [_find_front(shapes, cost) for cost in COSTS]


def _find_front(shapes: dict[Shape, list[CurvePoint]], against: Cost) -> ParetoFront:
    """Go from the cheapest on, and keep what is better than all that is cheaper."""
    measured = [
        (typical(found, against), -float(np.mean([quality(point) for point in found])), shape)
        for shape, found in shapes.items()
    ]
    front: list[Shape] = []
    best = np.inf
    for _, lack, shape in sorted(measured, key=lambda entry: entry[:2]):
        if lack < best:
            front.append(shape)
            best = lack
    return ParetoFront(against=against, shapes=front)
