"""One figure of one architecture: an estimate with its interval over the blocks, a bound, withheld, or not measured.

The rule: a figure is withheld as soon as one trial that it rests on failed a gate. ``Results.rests_on`` leaves out
trials that were run again, and those of a search that offered more than the rate that was not held.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal

from loadtest.record.intervals import Interval, geometric, paired_ratio
from loadtest.record.results import Results
from loadtest.record.trials import Gate, Latency, Phase, Trial

Bound = Literal["at least", "at most"]
OPPOSITE: dict[Bound, Bound] = {"at least": "at most", "at most": "at least"}
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True)
class FailedGate:
    """One gate that trials failed. worst: where it lay the furthest beyond its limit; failed, trials: how many."""

    worst: Gate
    failed: int
    trials: int


@dataclass(frozen=True)
class Figure:
    """Either ``value``, or why there is none.

    blocks: block -> its value; empty for what is measured once, and then ``value`` has no interval.
    withheld: gates that trials failed on which this figure rests; it is then never shown as a number.
    instead: what is shown where there is no value.
    """

    value: Interval | None = None
    blocks: Mapping[int, float] = field(default_factory=dict)
    bound: Bound | None = None
    withheld: tuple[FailedGate, ...] = ()
    instead: str = "-"

    def through(self, change: Callable[[float], float], *, falling: bool = False) -> "Figure":
        """Return the figure whose values are ``change`` of these. falling: less becomes more, a bound its opposite."""
        if self.value is None:
            return self
        if not self.blocks:
            return once(change(self.value.estimate))
        bound = OPPOSITE[self.bound] if falling and self.bound else self.bound
        return repeated({block: change(value) for block, value in self.blocks.items()}, bound)


NOT_MEASURED = Figure()


def once(value: float | None, bound: Bound | None = None) -> Figure:
    """Make a figure of what is measured once."""
    return NOT_MEASURED if value is None else Figure(value=Interval(value), bound=bound)


def repeated(blocks: Mapping[int, float], bound: Bound | None = None) -> Figure:
    """Make a figure of a positive value for each block; a bound has no interval."""
    value = geometric(list(blocks.values()))
    if value is not None and bound is not None:
        value = Interval(value.estimate)
    return Figure(value=value, blocks=blocks, bound=bound)


def figure_ratio(above: Figure, below: Figure) -> Interval | None:
    """Return ``above / below``, paired block by block; None where either is a bound, withheld or not measured."""
    if above.value is None or below.value is None or above.bound or below.bound:
        return None
    if not above.blocks or not below.blocks:
        return paired_ratio([above.value.estimate], [below.value.estimate])
    shared = [block for block in above.blocks if block in below.blocks]
    return paired_ratio([above.blocks[block] for block in shared], [below.blocks[block] for block in shared])


def trials_of(results: Results, phase: Phase, architecture: str) -> list[Trial]:
    """Return the trials of one phase of one architecture that a figure may rest on, in the order of their running."""
    return [
        trial
        for trial in results.trials
        if trial.phase == phase and trial.load.architecture == architecture and results.rests_on(trial)
    ]


def find_failed_gates(trials: Sequence[Trial]) -> tuple[FailedGate, ...]:
    """Return each gate that trials failed."""
    failed: dict[str, list[Gate]] = {}
    for trial in trials:
        for gate in trial.gates:
            if gate.ok is False:
                failed.setdefault(gate.name, []).append(gate)
    return tuple(FailedGate(find_worst(gates), len(gates), len(trials)) for gates in failed.values())


def find_worst(gates: Sequence[Gate]) -> Gate:
    """Return the gate whose figure lies the furthest beyond its limit, or the least within it."""
    return max(gates, key=lambda gate: gate.excess)


def average(trials: Sequence[Trial], value: Callable[[Trial], float | None], bound: Bound | None = None) -> Figure:
    """Make a figure of one trial a block; withheld where a gate failed, not measured where a value is missing."""
    failed = find_failed_gates(trials)
    if failed:
        return Figure(withheld=failed)
    blocks = {trial.block: found for trial in trials if (found := value(trial)) is not None}
    return repeated(blocks, bound) if blocks and len(blocks) == len(trials) else NOT_MEASURED


def average_latency(trials: Sequence[Trial], level: float, read: Callable[[Latency], float]) -> Figure:
    """Make a figure of the quantile at ``level``, milliseconds: a bound where it is one in any trial."""
    known = all(trial.latency.known >= level for trial in trials if trial.latency is not None)
    return average(
        trials, lambda trial: None if trial.latency is None else read(trial.latency), None if known else "at least"
    )


def average_percentile(trials: Sequence[Trial], name: str) -> Figure:
    """Make a figure of p50, p95 or p99, milliseconds."""
    return average_latency(trials, PERCENTILES[name], attrgetter(f"{name}_ms"))
