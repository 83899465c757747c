"""The choice in one sentence, to be read in ten seconds."""

from collections.abc import Sequence

from service.contract.curve import Candidate, CurvePoint
from training.sweep.analysis.figures import Cost, name_of, typical

POINT = 0.01
ALIKE = 1.15
"""Costs whose ratio is less are called the same: they were measured once for each seed."""
PARTS = ("half", "a third", "a quarter", "a fifth", "a sixth", "a seventh", "an eighth", "a ninth", "a tenth")
LARGE_PARTS = ((0.58, "half"), (0.71, "two thirds"), (1 / ALIKE, "three quarters"))
"""Ratios below each, from 0.4 on."""


def word_choice(
    candidates: Sequence[Candidate], points: Sequence[Sequence[CurvePoint]], *, chosen: int, best: int, margin: float
) -> str:
    """Say what to take, how good it is, and what it saves. points: of each candidate, in their order."""
    take = candidates[chosen]
    metric = "R2" if points[chosen][0].test.accuracy is None else "accuracy"
    start = f"Take {name_of(points[chosen][0])}: {take.quality.value:.3f} {metric}"
    if chosen != best:
        behind = f"{_points(take.behind)} points" if take.behind >= POINT / 20 else "less than 0.1 points"
        at_most = _points(max(take.behind_at_most, POINT / 10))
        savings = _compare(points[chosen], points[best])
        return f"{start}, {behind} behind the best ({name_of(points[best][0])}; at most {at_most}), {savings}."
    if take.behind_at_most > margin:
        at_most = _points(take.behind_at_most)
        return f"{start}, the best measured, though another may be {at_most} points better: more seeds would tell."
    if best == 0:
        return f"{start}, the best measured and the smallest."
    near = min(range(best), key=lambda place: candidates[place].behind_at_most)
    shortfall, at_most = candidates[near].behind, _points(candidates[near].behind_at_most)
    seems = any(candidate.behind <= margin for candidate in candidates[:best])
    doubt = f", and may be {at_most}" if seems else ""
    shown = "shown to be " if seems else ""
    return (
        f"{start}, the best measured. No smaller one is {shown}within {_points(margin)} points: "
        f"{name_of(points[near][0])} is {_points(shortfall)} behind{doubt}."
    )


def word_rows(swept: int, released: int | None) -> str:
    """Say, behind the choice, where it was made on other than the rows that a release learns from."""
    if released in (None, swept):
        return ""
    return f" That is after {swept:,} rows: the release learns from {released:,}, after which another may be better."


def _points(share: float) -> str:
    """Write a difference in hundredths, of accuracy or R2."""
    return f"{share / POINT:.1f}"


def _compare(take: Sequence[CurvePoint], best: Sequence[CurvePoint]) -> str:
    training, latency = (_compare_cost(take, best, cost) for cost in ("train_seconds", "latency_seconds"))
    if training == latency:
        return f"at {training} its training time and latency"
    return f"at {training} its training time and {latency} its latency"


def _compare_cost(take: Sequence[CurvePoint], best: Sequence[CurvePoint], cost: Cost) -> str:
    """Say which part of the cost of ``best`` it is, as it stands before that."""
    ratio = typical(take, cost) / typical(best, cost)
    if ratio >= ALIKE:
        return f"{ratio:.1f} times"
    if ratio > 1 / ALIKE:
        return "about"
    if ratio > 0.4:
        return next(words for limit, words in LARGE_PARTS if ratio <= limit) + " of"
    parts = round(1 / ratio)
    return f"{PARTS[parts - 2]} of" if parts <= 10 else f"1/{parts} of"
