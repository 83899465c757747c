"""Whole searches for the capacity of a server that has a known one: M/M/1, where p99 meets the SLO.

The rule that judges a trial wants to see fewer late requests than 1 in 100, so that an ideal search, too, ends below
the capacity. How far is calculated: the same search and rule, on simulated time.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadtest.intervals import Interval, bracketed, geometric
from loadtest.judge import judge
from loadtest.phases import FIRST_STEP, LATER_STEP, LOWEST_RATE, START_SHARE, find_capacities, measure_saturation
from loadtest.results import Capacity, Settings, Trial
from loadtest.search import Answer, dither, search
from loadtest.study import open_study
from tests.bench.lines import QUICK, SEARCHES, copies
from tests.queues import Queue, mm1_capacity

SLO_MS = 50.0
SECONDS, WARM_UP_SECONDS = 10.0, 1.0
"""Of a trial: 130 relaxation times at the capacity."""
SIMULATED = 200
TOLERANCE = 0.05


@dataclass(frozen=True)
class Searched:
    """What the searches found, at the same time, each on a server of its own."""

    capacities: list[Capacity]
    trials: list[Trial]
    ideal: list[float]
    """Requests/s that simulated searches find, one number for each."""

    @property
    def truth(self) -> float:
        """Requests/s at which one request in a hundred takes longer than the SLO."""
        return mm1_capacity(SLO_MS / 1000, QUICK.mean)

    @property
    def found(self) -> Interval | None:
        """Over the searches that found one."""
        ends = [(one.rate, one.next_rate) for one in self.capacities if one.rate and one.next_rate]
        return bracketed([low for low, _ in ends], [high for _, high in ends])

    @property
    def right(self) -> bool:
        """Whether it is within ``TOLERANCE`` of what ideal searches find on average."""
        found, ideal = self.found, geometric(self.ideal)
        return found is not None and ideal is not None and abs(found.estimate / ideal.estimate - 1) <= TOLERANCE


def search_capacities(host: str, folder: Path) -> Searched:
    """Search ``SEARCHES`` times at once. Raises MeasurementError."""
    lines = copies(QUICK, SEARCHES)
    with ThreadPoolExecutor(SEARCHES) as pool:
        studies = list(
            pool.map(lambda seed: _search(host, folder / lines[seed].name, lines[seed].name, seed), range(SEARCHES))
        )
    return Searched(
        capacities=[one for capacities, _ in studies for one in capacities],
        trials=[one for _, trials in studies for one in trials],
        ideal=[rate for rate in map(_simulate, range(SIMULATED)) if rate],
    )


def _search(host: str, folder: Path, name: str, seed: int) -> tuple[list[Capacity], list[Trial]]:
    folder.mkdir()
    settings = Settings(
        host=host,
        architectures=[name],
        body="json",
        rows=1,
        slo_p99_ms=SLO_MS,
        quick=False,
        blocks=1,
        seconds=SECONDS,
        warm_up_seconds=WARM_UP_SECONDS,
        arrivals="poisson",
        seed=seed,
        processes=1,
        price_per_core_hour=None,
    )
    with open_study(settings, folder, lambda what, seconds: None) as study:
        measure_saturation(study)
        find_capacities(study)
    return study.capacities, study.trials


def _simulate(seed: int) -> float | None:
    """Return the middle of what one search finds on simulated time; None where it ends undecided."""
    random, queue = np.random.default_rng(seed), Queue(QUICK.service)

    def probe(rate: float) -> Answer:
        latency = queue.run(random, rate, SECONDS, WARM_UP_SECONDS)
        return judge(int((latency > SLO_MS / 1000).sum()), len(latency))

    start = dither(START_SHARE / QUICK.mean, step=LATER_STEP, seed=[seed])
    found = search(probe, start, step=FIRST_STEP, lowest=LOWEST_RATE)
    return math.sqrt(found.rate * found.next_rate) if found.rate and found.next_rate else None


def tell_searches(searched: Searched) -> str:
    """Say what was found, and what had to be."""
    ideal = geometric(searched.ideal)
    low, high = np.quantile(searched.ideal, (0.05, 0.95))
    rates = ", ".join(f"{one.rate:.1f}" if one.rate else one.outcome for one in searched.capacities)
    invalid = sum(not one.valid for one in searched.trials)
    assert ideal is not None
    return (
        f"Capacity of M/M/1 with {QUICK.mean * 1000:g} ms of service, p99 <= {SLO_MS:g} ms: {searched.truth:.1f}/s. "
        f"{SEARCHES} searches held {rates}/s; between held and missed {searched.found}/s. The same searches on "
        f"simulated time find {ideal.estimate:.1f}/s on average and {low:.1f} to {high:.1f}/s in nine of ten: "
        f"{'right' if searched.right else 'NOT right'}, to {TOLERANCE:.0%}. "
        f"{len(searched.trials)} trials, {invalid} not valid."
    )
