"""Searches for the capacity of a queue on simulated time, by the search and with the trials of a study."""

from dataclasses import dataclass

import numpy as np

from loadtest.options import parse
from loadtest.record.intervals import Interval, bracketed
from loadtest.record.results import Settings
from loadtest.study.phases import (
    FIRST_STEP,
    LATER_STEP,
    LOWEST_RATE,
    MOST_PROBES,
    START_SHARE,
    search_seconds,
)
from loadtest.study.search import Found, Shown, dither, search
from loadtest.study.slo import certain_to_fail
from loadtest.study.study import overhead_seconds
from tests.queues import Queue


def default_settings(slo_ms: float) -> Settings:
    """Settings of a whole study, as the command line makes them."""
    return parse(["--slo-p99-ms", str(slo_ms)]).settings


@dataclass
class SimulatedTrials:
    """Runs trials as long as those of a study, which end early where the SLO is missed beyond doubt."""

    rng: np.random.Generator
    queue: Queue
    settings: Settings
    seconds: float = 0.0
    """That the trials so far would have taken."""

    def __call__(self, rate: float, repeat: bool) -> Shown:
        """Probe a rate."""
        seconds, warm_up_seconds = search_seconds(self.settings, rate, repeat=repeat), self.settings.warm_up_seconds
        late = self.queue.run(self.rng, rate, seconds, warm_up_seconds) > self.settings.slo_p99_ms / 1000
        # A trial ends with the late request that makes its verdict certain.
        seen = late[: np.searchsorted(np.cumsum(late), certain_to_fail(late.size)) + 1]
        share = seen.size / late.size if late.size else 1.0
        self.seconds += warm_up_seconds + share * seconds + overhead_seconds(self.settings.processes)
        return Shown(float(seen.mean()) if seen.size else 0.0, seconds)


@dataclass(frozen=True)
class SimulatedSearch:
    """What the blocks of a study found, and how long they would have taken."""

    blocks: list[Found]
    seconds: float


def search_blocks(seed: int, queue: Queue, most: float, settings: Settings) -> SimulatedSearch:
    """Search in every block of a study. most: requests/s that the server answers in a closed loop."""
    trials = SimulatedTrials(np.random.default_rng([seed, 0]), queue, settings)
    start, step, blocks = START_SHARE * most, FIRST_STEP, list[Found]()
    for block in range(settings.blocks):
        first = max(dither(start, step=LATER_STEP, seed=[seed, block]), LOWEST_RATE)
        found = search(trials, first, step=step, lowest=LOWEST_RATE, most_trials=MOST_PROBES)
        blocks.append(found)
        if found.rate is not None:
            start, step = found.rate, LATER_STEP
    return SimulatedSearch(blocks, trials.seconds)


def estimate_capacity(found: list[Found]) -> Interval:
    """Combine the blocks that found a capacity; one must."""
    ends = [(block.rate, block.next_rate) for block in found if block.rate and block.next_rate]
    interval = bracketed([low for low, _ in ends], [high for _, high in ends])
    assert interval is not None
    return interval
