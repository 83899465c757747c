"""Searches for the capacity of a server that has a known one: M/D/1, where p99 meets the SLO.

A search is short: what an ideal one finds is calculated, by the same search on simulated time.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import brentq

from loadtest.record.intervals import Interval, bracketed, geometric
from loadtest.record.results import Capacity
from loadtest.record.trials import Trial
from loadtest.study.phases import FIRST_STEP, LATER_STEP, LOWEST_RATE, START_SHARE
from loadtest.study.search import dither, search
from tests.bench.lines import QUICK
from tests.bench.searching import search_capacities
from tests.queues import Queue, md1_quantile
from tests.searches import SimulatedTrials, default_settings

SLO_MS = 15.0
BLOCKS = 2
SECONDS, WARM_UP_SECONDS = 4.0, 0.5
"""Of a trial: 25 relaxation times at the capacity, and ten times what a busy server needs to forget its start."""
SIMULATED = 100
TOLERANCE = 0.05
HIGHEST_LOAD = 0.88
"""Within which the law's series keeps its digits."""


@dataclass(frozen=True)
class Searched:
    """What the searches found. ideal: requests/s that simulated ones find, one number for each."""

    capacities: list[Capacity]
    trials: list[Trial]
    ideal: list[float]

    @property
    def found(self) -> Interval | None:
        """Over the blocks that found one."""
        ends = [(found.rate, found.next_rate) for found in self.capacities if found.rate and found.next_rate]
        return bracketed([low for low, _ in ends], [high for _, high in ends])

    @property
    def off(self) -> float | None:
        """Relative to what ideal searches find on average."""
        found, ideal = self.found, geometric(self.ideal)
        return None if found is None or ideal is None else found.estimate / ideal.estimate - 1


def true_capacity() -> float:
    """Return the requests/s at which one request in a hundred takes longer than the SLO."""
    mean = QUICK.mean
    return float(brentq(lambda rate: md1_quantile(0.99, rate, mean) - SLO_MS / 1000, 0.1 / mean, HIGHEST_LOAD / mean))


def search_capacity(host: str, folder: Path) -> Searched:
    """Search as a study does, in ``BLOCKS``. Raises MeasurementError."""
    ideal = [rate for rate in map(_simulate, range(SIMULATED)) if rate]
    with search_capacities(
        host,
        folder,
        [QUICK.name],
        slo_ms=SLO_MS,
        blocks=BLOCKS,
        seconds=SECONDS,
        warm_up_seconds=WARM_UP_SECONDS,
    ) as study:
        return Searched(study.capacities, study.trials, ideal)


def _simulate(seed: int) -> float | None:
    """Return the middle of what one search finds on simulated time; None where it ends undecided."""
    settings = default_settings(SLO_MS).model_copy(update={"seconds": SECONDS, "warm_up_seconds": WARM_UP_SECONDS})
    probe = SimulatedTrials(np.random.default_rng(seed), Queue(QUICK.service), settings)
    start = dither(START_SHARE / QUICK.mean, step=LATER_STEP, seed=[seed])
    found = search(probe, start, step=FIRST_STEP, lowest=LOWEST_RATE)
    return math.sqrt(found.rate * found.next_rate) if found.rate and found.next_rate else None


def tell_search(searched: Searched) -> str:
    """Say what was found, and what had to be."""
    ideal, off = geometric(searched.ideal), searched.off
    low, high = np.quantile(searched.ideal, (0.05, 0.95))
    rates = ", ".join(f"{found.rate:.0f}" if found.rate else found.outcome for found in searched.capacities)
    invalid = sum(not trial.valid for trial in searched.trials)
    verdict = "nothing found" if off is None else f"{off:+.1%}, {'right' if abs(off) <= TOLERANCE else 'NOT right'}"
    return (
        f"Capacity of M/D/1, {QUICK.mean * 1000:g} ms of service, p99 <= {SLO_MS:g} ms: {true_capacity():.0f}/s. "
        f"Searches on simulated time find {ideal and ideal.estimate:.0f}/s on average, nine of ten {low:.0f} to "
        f"{high:.0f}/s. {BLOCKS} live ones held {rates}/s, and between held and missed is {searched.found}/s: "
        f"{verdict} to {TOLERANCE:.0%}. {len(searched.trials)} trials, {invalid} not valid and run again."
    )
