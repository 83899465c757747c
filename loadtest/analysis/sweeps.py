"""Figures over a range of loads: points of latency or throughput, each with its interval over the blocks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from loadtest.analysis.figures import PERCENTILES, Figure, average_percentile
from loadtest.record.trials import Trial

ROUNDED_TO = 6
"""Decimals of a rate or a number of rows: what was computed twice is the same."""
Reader = Callable[[Sequence[Trial]], Figure]
"""Makes one figure of the trials at one load."""
LATENCIES: Mapping[str, Reader] = {name: partial(average_percentile, name=name) for name in PERCENTILES}


@dataclass(frozen=True)
class Point:
    """One load. figures: name -> its figure, which has a value."""

    load: float
    figures: Mapping[str, Figure]


@dataclass(frozen=True)
class Sweep:
    """The points in the order of their loads. withheld: those left out because a trial failed a gate."""

    points: tuple[Point, ...]
    withheld: int

    @property
    def loads(self) -> list[float]:
        """Of each point."""
        return [point.load for point in self.points]

    def estimates(self, name: str) -> list[float]:
        """Return the estimate of one figure at each point."""
        values = [point.figures[name].value for point in self.points]
        return [value.estimate for value in values if value is not None]


def sweep(trials: Sequence[Trial], load: Callable[[Trial], float], readers: Mapping[str, Reader]) -> Sweep:
    """Put the trials of equal load together and measure each of them. readers: name of a figure -> what makes it."""
    loads: dict[float, list[Trial]] = {}
    for trial in trials:
        loads.setdefault(round(load(trial), ROUNDED_TO), []).append(trial)
    points = [
        Point(at, {name: read(together) for name, read in readers.items()}) for at, together in sorted(loads.items())
    ]
    return Sweep(
        points=tuple(p for p in points if all(figure.value is not None for figure in p.figures.values())),
        withheld=sum(any(figure.withheld for figure in point.figures.values()) for point in points),
    )


def offered_rate(trial: Trial) -> float:
    """Return the arrivals/s of an open load."""
    return trial.load.rate or 0.0


def rows_per_request(trial: Trial) -> float:
    """Return the rows in each request."""
    return float(trial.load.rows)


def users(trial: Trial) -> float:
    """Return the users of a closed loop."""
    return float(trial.load.in_flight or 0)
