"""The rate that an architecture sustains, as the searches of all blocks say, and its latencies at a share of that."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.analysis.figures import (
    NOT_MEASURED,
    Figure,
    average,
    average_percentile,
    find_failed_gates,
    repeated,
    trials_of,
)
from loadtest.record.results import OPERATING_SHARE, Capacity, Results
from loadtest.record.trials import Trial

Outcome = Literal["found", "generator", "none", "undecided", "invalid", "missing"]


@dataclass(frozen=True)
class LowestTried:
    """The lowest rate that was tried where none was held, requests/s, and its p99 in milliseconds."""

    rate: float
    p99_ms: Figure


@dataclass(frozen=True)
class Sustained:
    """Requests/s up to which the SLO is held, or why that is not known.

    In a block that is the middle, on the logarithm, of the highest rate that held and the next, which did not
    (``loadtest.record.intervals.bracketed``).

    found: in every block; generator: held, but somewhere the load generator could not offer more, so that ``requests``
    is a bound, made of the rates that held alone; none: in no block; undecided: repeats or blocks contradict each
    other; invalid: a gate failed.
    """

    outcome: Outcome
    requests: Figure
    lowest: LowestTried | None = None


def find_sustained(results: Results, architecture: str) -> Sustained:
    """Combine the capacities of all blocks that were searched."""
    trials = trials_of(results, "search", architecture)
    failed = find_failed_gates(trials)
    if failed:
        return Sustained("invalid", Figure(withheld=failed))
    capacities = [capacity for capacity in results.capacities if capacity.architecture == architecture]
    outcome = _combine(capacities)
    held = {capacity.block: capacity.rate for capacity in capacities if capacity.rate is not None}
    match outcome:
        case "found":
            between = {
                capacity.block: math.sqrt(held[capacity.block] * (capacity.next_rate or held[capacity.block]))
                for capacity in capacities
            }
            return Sustained(outcome, repeated(between))
        case "generator":
            return Sustained(outcome, repeated(held, "at least"))
        case "none":
            return Sustained(outcome, Figure(instead="none held"), _find_lowest(results, architecture))
        case "undecided":
            return Sustained(outcome, Figure(instead="undecided"))
    return Sustained(outcome, NOT_MEASURED)


def _combine(capacities: Sequence[Capacity]) -> Outcome:
    outcomes = {capacity.outcome for capacity in capacities}
    if not outcomes:
        return "missing"
    if outcomes == {"none"}:
        return "none"
    if outcomes & {"none", "undecided"}:
        return "undecided"
    return "generator" if "generator" in outcomes else "found"


def _find_lowest(results: Results, architecture: str) -> LowestTried | None:
    tried = {
        trial.load.rate: trial
        for trial in results.trials
        if trial.phase == "search" and trial.load.architecture == architecture and trial.valid and trial.load.rate
    }
    if not tried:
        return None
    rate = min(tried)
    return LowestTried(rate, average_percentile([tried[rate]], "p99"))


@dataclass(frozen=True)
class Operating:
    """At a share of the sustained rate, or at the rate of a quick study: where latencies are compared.

    rate: requests/s that were offered; cpu_ms: processor time of the service for each request.
    """

    rate: Figure
    p50_ms: Figure
    p95_ms: Figure
    p99_ms: Figure
    cpu_ms: Figure


def find_operating_trials(results: Results, architecture: str, sustained: Sustained) -> list[Trial]:
    """Return the trial of each block at the operating point; empty where no rate was sustained to take a share of."""
    curve = trials_of(results, "curve", architecture)
    if results.settings.quick:
        return _nearest(curve, curve[0].load.rate or 0.0) if curve else []
    value = sustained.requests.value
    return [] if value is None else _nearest(curve, OPERATING_SHARE * value.estimate)


def _nearest(trials: Iterable[Trial], rate: float) -> list[Trial]:
    """Return the trial of each block whose rate is nearest to ``rate``."""
    blocks: dict[int, list[Trial]] = {}
    for trial in trials:
        blocks.setdefault(trial.block, []).append(trial)
    return [min(found, key=lambda trial: abs((trial.load.rate or 0.0) - rate)) for found in blocks.values()]


def find_operating(results: Results, architecture: str, sustained: Sustained) -> Operating:
    """Measure the operating point; withheld with the sustained rate that it is a share of."""
    withheld = sustained.requests.withheld
    if withheld and not results.settings.quick:
        figure = Figure(withheld=withheld)
        return Operating(rate=figure, p50_ms=figure, p95_ms=figure, p99_ms=figure, cpu_ms=figure)
    trials = find_operating_trials(results, architecture, sustained)
    return Operating(
        rate=average(trials, lambda trial: trial.load.rate),
        p50_ms=average_percentile(trials, "p50"),
        p95_ms=average_percentile(trials, "p95"),
        p99_ms=average_percentile(trials, "p99"),
        cpu_ms=average(trials, _cpu_ms),
    )


def _cpu_ms(trial: Trial) -> float | None:
    used = trial.server
    return 1000 * used.cpu_seconds / used.requests if used is not None and used.requests else None
