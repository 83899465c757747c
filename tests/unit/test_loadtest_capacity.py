"""Whole searches in blocks, against servers whose capacity theory knows: the rule, the search and the intervals."""

import math

import numpy as np
import pytest

from loadtest.record.intervals import Interval, paired_ratio
from loadtest.study.phases import FIRST_STEP, LATER_STEP
from loadtest.study.search import RESOLUTION, Found, Probe, Shown, dither, search
from tests.bench.bench_capacity import BIAS, search_queue
from tests.intervals import covers
from tests.queues import Queue, exponential, mm1_capacity
from tests.searches import SimulatedTrials, default_settings, estimate_capacity

MEAN = 0.001
"""Seconds of work of the slower server."""
SLO = 0.02
"""Seconds: the capacity is then 77 % of what the server can do at most."""
BLOCKS = 5
DRIFT = 0.1
"""From block to block, of the speed of the machine, common to all servers: standard deviation of its logarithm."""
NOISE = 0.02
"""From trial to trial, likewise, each by itself."""


def make_noisy_probe(rng: np.random.Generator, mean: float, noise: float = NOISE) -> Probe:
    """Run trials on a machine that changes its speed between them. mean: seconds of work, on this block's machine."""
    settings = default_settings(1000 * SLO)

    def probe(rate: float, repeat: bool) -> Shown:
        work = mean * math.exp(rng.normal(0, noise))
        return SimulatedTrials(rng, Queue(exponential(work)), settings)(rate, repeat)

    return probe


def study(seed: int, means: list[float], *, drift: float = DRIFT, noise: float = NOISE) -> list[list[Found]]:
    """Search for each server's capacity in every block, in turns; later blocks start from the block before."""
    rng = np.random.default_rng([seed, 1])
    found: list[list[Found]] = [[] for _ in means]
    starts = [400.0] * len(means)
    for block in range(BLOCKS):
        speed = math.exp(rng.normal(0, drift))
        step = LATER_STEP if block else FIRST_STEP
        for server in sorted(range(len(means)), reverse=block % 2 == 1):
            start = dither(starts[server], step=step, seed=[seed, server, block])
            answer = search(make_noisy_probe(rng, means[server] / speed, noise), start, step=step, lowest=10)
            found[server].append(answer)
            starts[server] = answer.rate or starts[server]
    return found


def compare(seed: int, means: list[float]) -> Interval:
    """Return the ratio of the second server's capacity to the first one's, over blocks in which both were found."""
    pairs = [(b.rate, a.rate) for a, b in zip(*study(seed, means), strict=True) if a.rate and b.rate]
    interval = paired_ratio([above for above, _ in pairs], [below for _, below in pairs])
    assert interval is not None
    return interval


def test_without_chance_a_search_brackets_the_capacity() -> None:
    def probe(rate: float, repeat: bool) -> Shown:
        return Shown(min(1.0, math.exp(-(1 / MEAN - rate) * SLO)), 1.0)

    capacity = mm1_capacity(SLO, MEAN)
    for seed in range(20):
        found = search(probe, dither(400, step=FIRST_STEP, seed=[seed]), step=FIRST_STEP, lowest=10)
        assert found.outcome == "found"
        assert found.rate is not None
        assert found.next_rate is not None
        assert found.rate <= capacity < found.next_rate <= found.rate * RESOLUTION * (1 + 1e-9)


@pytest.mark.parametrize(("law", "service_ms"), [("M/D/1", 0.4), ("M/D/1", 2.0), ("M/D/1", 15.0), ("M/M/1", 5.0)])
def test_fast_and_slow_services_come_out_right_at_the_default_settings(law: str, service_ms: float) -> None:
    """In short: ``python -m tests.bench.bench_capacity`` runs ten times as many studies, of more queues."""
    searched = search_queue(law, service_ms, studies=20)
    assert abs(searched.off) <= BIAS
    # Of 20 intervals that hold it in 9 of 10 cases, 15 or more do in 99 of 100.
    assert searched.covered >= 0.75


def test_a_whole_study_finds_the_capacity_within_5_percent() -> None:
    capacity = mm1_capacity(SLO, MEAN)
    for seed in range(20):
        (found,) = study(seed, [MEAN], drift=0, noise=0)
        assert all(block.outcome == "found" for block in found)
        assert estimate_capacity(found).estimate == pytest.approx(capacity, rel=0.05)


@pytest.mark.slow
def test_intervals_of_the_capacity_cover_it_in_95_percent_of_studies() -> None:
    capacity = mm1_capacity(SLO, MEAN)
    studies = [study(seed, [MEAN], drift=0, noise=0)[0] for seed in range(300)]
    share = np.mean([covers(estimate_capacity(found), capacity) for found in studies])
    assert 0.92 <= share <= 0.98, share


@pytest.mark.slow
def test_two_equal_servers_are_told_apart_in_one_study_of_twenty() -> None:
    share = np.mean([not covers(compare(seed, [MEAN, MEAN]), 1) for seed in range(200)])
    assert share <= 0.07, share


@pytest.mark.slow
def test_a_tenth_more_capacity_is_seen() -> None:
    faster = 1 / (mm1_capacity(SLO, MEAN) * 1.1 - math.log(0.01) / SLO)
    assert mm1_capacity(SLO, faster) / mm1_capacity(SLO, MEAN) == pytest.approx(1.1)
    intervals = [compare(1_000 + seed, [MEAN, faster]) for seed in range(200)]
    assert np.mean([interval.low is not None and interval.low > 1 for interval in intervals]) >= 0.8
