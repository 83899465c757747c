"""Searches for the capacity of a queue on simulated time, by the search and with the trials of a study."""

import numpy as np
import numpy.typing as npt

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
from loadtest.study.search import Found, Probe, Shown, dither, search
from loadtest.study.slo import certain_to_fail
from tests.queues import Queue


def default_settings(slo_ms: float) -> Settings:
    """Settings of a whole study, as the command line makes them."""
    return parse(["--slo-p99-ms", str(slo_ms)]).settings


def make_probe(rng: np.random.Generator, queue: Queue, settings: Settings) -> Probe:
    """Run trials as long as those of a study, which end early where the SLO is missed beyond doubt."""

    def probe(rate: float, repeat: bool) -> Shown:
        seconds = search_seconds(settings, rate, repeat=repeat)
        latency = queue.run(rng, rate, seconds, settings.warm_up_seconds)
        return Shown(share_until_stopped(latency > settings.slo_p99_ms / 1000), seconds)

    return probe


def share_until_stopped(late: npt.NDArray[np.bool_]) -> float:
    """Return the share of late requests up to the one that ends a trial. late: (n,) in the order of arrival."""
    if not late.size:
        return 0.0
    stopped = int(np.searchsorted(np.cumsum(late), certain_to_fail(late.size))) + 1
    return float(late[:stopped].mean())


def search_blocks(seed: int, queue: Queue, most: float, settings: Settings) -> list[Found]:
    """Search in every block of a study. most: requests/s that the server answers in a closed loop."""
    rng = np.random.default_rng([seed, 0])
    start, step, blocks = START_SHARE * most, FIRST_STEP, list[Found]()
    for block in range(settings.blocks):
        first = max(dither(start, step=LATER_STEP, seed=[seed, block]), LOWEST_RATE)
        probe = make_probe(rng, queue, settings)
        found = search(probe, first, step=step, lowest=LOWEST_RATE, most_trials=MOST_PROBES)
        blocks.append(found)
        if found.rate is not None:
            start, step = found.rate, LATER_STEP
    return blocks


def estimate_capacity(found: list[Found]) -> Interval:
    """Combine the blocks that found a capacity; one must."""
    ends = [(block.rate, block.next_rate) for block in found if block.rate and block.next_rate]
    interval = bracketed([low for low, _ in ends], [high for _, high in ends])
    assert interval is not None
    return interval
