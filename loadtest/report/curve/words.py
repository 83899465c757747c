"""How the figures of a sweep are written: their names, units and spreads."""

from loadtest.analysis.growth import Spread
from loadtest.record.intervals import Interval
from loadtest.report.wording import QUALITY_DECIMALS, Written, fixed, significant
from service.contract.curve import Estimate, Measure
from service.contract.names import Task

MEGABYTE = 1e-6
"""Of a byte, as ``MILLISECOND`` is of a second: what a figure is multiplied by."""
MILLISECOND = 1e3

MEASURES: dict[Measure, tuple[str, float]] = {
    "loss": ("loss", 1.0),
    "train_seconds": ("training, processor s", 1.0),
    "network_memory_bytes": ("memory, MB", MEGABYTE),
    "latency_seconds": ("latency of one row, ms", MILLISECOND),
}
"""Measure -> what it is called, with its unit, and the factor that brings it there."""


def name_quality(task: Task) -> str:
    """Return what the quality is called."""
    return "R2" if task == "regression" else "accuracy"


def name_depth(depth: int) -> str:
    """Return what all networks of one depth are called."""
    return "linear" if depth == 0 else "1 layer" if depth == 1 else f"{depth} layers"


def write_quality(spread: Spread) -> Written:
    """Write the mean over the seeds, with the lowest and the highest."""
    return fixed(_range(spread, 1.0), QUALITY_DECIMALS)


def write_spread(spread: Spread, factor: float = 1.0) -> Written:
    """Write three digits of the mean over the seeds, times ``factor``, with the lowest and the highest."""
    return significant(_range(spread, factor))


def _range(spread: Spread, factor: float) -> Interval:
    if spread.lowest == spread.highest:
        return Interval(factor * spread.mean)
    return Interval(factor * spread.mean, factor * spread.lowest, factor * spread.highest)


def write_estimate(estimate: Estimate, factor: float = 1.0) -> Written:
    """Write three digits of an estimate, times ``factor``, with its interval."""
    return significant(Interval(factor * estimate.value, factor * estimate.low, factor * estimate.high))
