"""The rate that an architecture sustains: what the searches of all blocks say together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.analysis.evidence import find_fault, trials_of
from loadtest.analysis.figures import NOT_MEASURED, Figure, repeated
from loadtest.record.results import Capacity, Results

Outcome = Literal["found", "generator", "none", "undecided", "invalid", "missing"]


@dataclass(frozen=True)
class LowestTried:
    """The lowest rate that was tried where none was held."""

    rate: float
    p99_ms: float | None


@dataclass(frozen=True)
class Sustained:
    """Requests/s up to which the SLO is held, or why that is not known.

    In a block that is the middle, on the logarithm, of the highest rate that held and the next, which did not
    (``loadtest.record.intervals.bracketed``).

    found: in every block; generator: held, but somewhere the load generator could not offer more, so that ``requests``
    is a bound; none: in no block; undecided: repeats or blocks contradict each other; invalid: a gate failed.
    """

    outcome: Outcome
    requests: Figure
    lowest: LowestTried | None = None


def find_sustained(results: Results, architecture: str) -> Sustained:
    """Combine the capacities of all blocks that were searched."""
    capacities = [one for one in results.capacities if one.architecture == architecture]
    fault = find_fault(trials_of(results, "search", architecture))
    if fault is not None:
        return Sustained("invalid", Figure(withheld=fault))
    outcome = _combine(capacities)
    rates = {one.block: _middle(one.rate, one.next_rate) for one in capacities if one.rate is not None}
    if outcome == "found":
        return Sustained(outcome, repeated(rates))
    if outcome == "generator":
        return Sustained(outcome, repeated(rates, "at least"))
    if outcome == "none":
        return Sustained(outcome, Figure(instead="none held"), _find_lowest(results, architecture))
    return Sustained(outcome, Figure(instead="undecided") if outcome == "undecided" else NOT_MEASURED)


def _middle(held: float, missed: float | None) -> float:
    return held if missed is None else math.sqrt(held * missed)


def _combine(capacities: Sequence[Capacity]) -> Outcome:
    outcomes = {one.outcome for one in capacities}
    if not outcomes:
        return "missing"
    if outcomes == {"none"}:
        return "none"
    if outcomes & {"none", "undecided"}:
        return "undecided"
    return "generator" if "generator" in outcomes else "found"


def _find_lowest(results: Results, architecture: str) -> LowestTried | None:
    tried = [
        (trial.load.rate, trial.latency)
        for trial in results.trials
        if trial.phase == "search" and trial.load.architecture == architecture and trial.load.rate is not None
    ]
    if not tried:
        return None
    rate, latency = min(tried, key=lambda one: one[0])
    return LowestTried(rate, latency.p99_ms if latency else None)
