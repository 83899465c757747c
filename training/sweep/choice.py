"""The choice: the smallest shape that is not behind the best by more than a margin, shown with 95 % confidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from service.contract.curve import Candidate, Choice, CurvePoint, Estimate, Shape
from training.errors import TrainingError
from training.sweep.analysis.choice_words import word_choice, word_rows
from training.sweep.analysis.figures import by_shape, quality
from training.sweep.analysis.shortfall import bound_shortfall
from training.sweep.fronts import find_fronts

MARGIN = 0.005
"""Of accuracy or of R2: half a point."""
CONFIDENCE = 0.95
FEWEST_SHAPES = 2
FEWEST_SEEDS = 2


@dataclass(frozen=True)
class ScoredPoint:
    """A point and what it got for each held-out row.

    row_scores: (m,) float32, the same rows for every point of a seed: 1 where the class was right and 0 where it was
    wrong; of a number the negative squared error, in standard deviations of the target.
    """

    point: CurvePoint
    row_scores: NDArray[np.float32]


def choose(
    points: Sequence[ScoredPoint],
    *,
    margin: float = MARGIN,
    released_rows: int | None = None,
    held_out_again: float = 0.0,
    command: Callable[[Shape], str],
) -> Choice:
    """Choose among the shapes at the full number of rows; ``command`` names what trains and releases a shape.

    released_rows: that the release learns from, where it is known; held_out_again: see ``bound_shortfall``.

    The chosen one is the smallest, by weights, whose shortfall has an upper bound (see ``bound_shortfall``: 95 %,
    one-sided, corrected for the number of shapes) of at most ``margin``. Bounds of all shapes hold together, so that
    going from the smallest on until one is found costs nothing more. Where no smaller one is shown to be that near, it
    is the best measured. Raise TrainingError where ``find_lack`` names a reason.
    """
    lack = find_lack(points)
    if lack is not None:
        raise TrainingError(lack)
    shapes = _shapes(points)
    seeds = _common_seeds(shapes)
    scores = [np.stack([found[seed].row_scores for found in shapes.values()]) for seed in seeds]
    shortfall = bound_shortfall(scores, held_out_again=held_out_again)
    candidates = [
        Candidate(
            shape=shape,
            name=found[seeds[0]].point.name,
            weights=min(scored.point.weights for scored in found.values()),
            quality=_over_seeds([found[seed].point for seed in seeds]),
            behind=float(behind),
            behind_at_most=float(at_most),
        )
        for (shape, found), behind, at_most in zip(shapes.items(), shortfall.mean, shortfall.at_most, strict=True)
    ]
    best = int(shortfall.mean.argmin())
    near = [place for place in range(best) if shortfall.at_most[place] <= margin]
    chosen = near[0] if near else best
    compared = [found[seed].point for found in shapes.values() for seed in seeds]
    sentence = word_choice(candidates, list(by_shape(compared).values()), chosen=chosen, best=best, margin=margin)
    return Choice(
        chosen=candidates[chosen].shape,
        best=candidates[best].shape,
        margin=margin,
        candidates=candidates,
        fronts=find_fronts(compared),
        sentence=sentence + word_rows(compared[0].rows, released_rows),
        command=command(candidates[chosen].shape),
    )


def find_lack(points: Sequence[ScoredPoint]) -> str | None:
    """Say why nothing can be chosen from ``points``; None where something can."""
    shapes = _shapes(points)
    if len(shapes) < FEWEST_SHAPES:
        return f"A choice needs at least two shapes at the full number of rows, however: {len(shapes)}. Give more."
    seeds = _common_seeds(shapes)
    if len(seeds) < FEWEST_SEEDS:
        return (
            "A choice needs at least two seeds for which every shape was trained, to tell size from luck, however: "
            f"{len(seeds)}. Give --seeds 3, and leave out a shape that fails."
        )
    for seed in seeds:
        sizes = {len(found[seed].row_scores) for found in shapes.values()}
        if len(sizes) > 1:
            shown = " and ".join(f"{size:,}" for size in sorted(sizes))
            return f"Shapes must have answered the same held-out rows, however: seed {seed} has {shown}. Sweep anew."
    return None


def _shapes(points: Sequence[ScoredPoint]) -> dict[Shape, dict[int, ScoredPoint]]:
    """Points at the full number of rows, by shape and seed, the fewest weights first."""
    most = max((scored.point.rows for scored in points), default=0)
    full = {(scored.point.shape, scored.point.seed): scored for scored in points if scored.point.rows == most}
    shapes = by_shape([scored.point for scored in full.values()])
    return {shape: {point.seed: full[shape, point.seed] for point in found} for shape, found in shapes.items()}


def _common_seeds(shapes: dict[Shape, dict[int, ScoredPoint]]) -> list[int]:
    """Seeds for which every shape has a point: a seed is compared with itself alone."""
    return sorted(set.intersection(*(set(found) for found in shapes.values()))) if shapes else []


def _over_seeds(points: Sequence[CurvePoint]) -> Estimate:
    """Return the mean quality, and Student's t interval over the seeds, within what is possible."""
    values = np.array([quality(point) for point in points])
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values))
    mean = float(values.mean())
    lowest = 0.0 if points[0].test.accuracy is not None else -np.inf
    return Estimate(value=mean, low=max(lowest, mean - half), high=min(1.0, mean + half))
