"""Figures over a range of loads: points of latency or throughput, each with its interval over the blocks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadtest.analysis.evidence import Value, measure
from loadtest.record.intervals import Interval
from loadtest.record.results import Latency, Trial

ROUNDED_TO = 6
"""Decimals of a rate or a number of rows: what was computed twice is the same."""


def latency(value: Callable[[Latency], float]) -> Value:
    """Return what reads one figure of a trial's latency, None where nothing was answered."""
    return lambda trial: None if trial.latency is None else value(trial.latency)


PERCENTILES: Mapping[str, Value] = {
    "p50": latency(lambda found: found.p50_ms),
    "p95": latency(lambda found: found.p95_ms),
    "p99": latency(lambda found: found.p99_ms),
}


@dataclass(frozen=True)
class Point:
    """One load. values: name of a figure -> its estimate and interval over the blocks."""

    load: float
    values: Mapping[str, Interval]


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
        return [point.values[name].estimate for point in self.points]


def sweep(trials: Sequence[Trial], load: Callable[[Trial], float], values: Mapping[str, Value]) -> Sweep:
    """Put the trials of equal load together and measure each of them. values: name of a figure -> what reads it."""
    loads: dict[float, list[Trial]] = {}
    for trial in trials:
        loads.setdefault(round(load(trial), ROUNDED_TO), []).append(trial)
    figures = {at: {name: measure(found, value) for name, value in values.items()} for at, found in loads.items()}
    known = {
        at: {name: figure.value for name, figure in found.items() if figure.value is not None}
        for at, found in figures.items()
    }
    return Sweep(
        points=tuple(Point(at, found) for at, found in sorted(known.items()) if len(found) == len(values)),
        withheld=sum(any(figure.withheld is not None for figure in found.values()) for found in figures.values()),
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
