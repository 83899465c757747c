"""The rate that an architecture sustains: what the searches of all blocks say together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.evidence import find_fault, trials_of
from loadtest.figures import NOT_MEASURED, Figure, repeated
from loadtest.results import Capacity, Results, Trial

Outcome = Literal["found", "generator", "none", "undecided", "invalid", "missing"]
ROUNDING = 1 + 1e-9
"""A rate that was computed twice is the same rate."""


@dataclass(frozen=True)
class LowestTried:
    """The lowest rate that was tried where none was held."""

    rate: float
    p99_ms: float | None


@dataclass(frozen=True)
class Sustained:
    """Requests/s that held the SLO, or why that is not known.

    found: in every block; generator: held, but somewhere the load generator could not offer more, so that ``requests``
    is a bound; none: in no block; undecided: repeats or blocks contradict each other; invalid: a gate failed.
    """

    outcome: Outcome
    requests: Figure
    lowest: LowestTried | None = None


def find_sustained(results: Results, architecture: str) -> Sustained:
    """Combine the capacities of all blocks that were searched."""
    capacities = [one for one in results.capacities if one.architecture == architecture]
    trials = trials_of(results, "search", architecture)
    fault = find_fault([trial for trial in trials if _carries(trial, capacities)])
    if fault is not None:
        return Sustained("invalid", Figure(withheld=fault))
    outcome = _combine(capacities)
    rates = {one.block: one.rate for one in capacities if one.rate is not None}
    if outcome == "found":
        return Sustained(outcome, repeated(rates))
    if outcome == "generator":
        return Sustained(outcome, repeated(rates, "at least"))
    if outcome == "none":
        return Sustained(outcome, Figure(instead="none held"), _find_lowest(trials))
    return Sustained(outcome, Figure(instead="undecided") if outcome == "undecided" else NOT_MEASURED)


def _carries(trial: Trial, capacities: Sequence[Capacity]) -> bool:
    """Whether a capacity rests on ``trial``: it was offered at most the rate that its block found."""
    return any(
        one.block == trial.block and one.rate is not None and (trial.load.rate or 0.0) <= one.rate * ROUNDING
        for one in capacities
    )


def _combine(capacities: Sequence[Capacity]) -> Outcome:
    outcomes = {one.outcome for one in capacities}
    if not outcomes:
        return "missing"
    if outcomes == {"none"}:
        return "none"
    if outcomes & {"none", "undecided"}:
        return "undecided"
    return "generator" if "generator" in outcomes else "found"


def _find_lowest(trials: Sequence[Trial]) -> LowestTried | None:
    tried = [trial for trial in trials if trial.load.rate is not None]
    if not tried:
        return None
    first = min(tried, key=lambda trial: trial.load.rate or 0.0)
    return LowestTried(first.load.rate or 0.0, first.latency.p99_ms if first.latency else None)
