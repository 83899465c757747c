"""Whole searches in blocks, against servers whose capacity theory knows: the rule, the search and the intervals."""

import functools
import math

import numpy as np
import pytest

from loadtest.record.intervals import Interval, bracketed, paired_ratio
from loadtest.study import slo as rule
from loadtest.study.search import RESOLUTION, Found, Judgement, Probe, dither, search
from loadtest.study.slo import allowed_late
from tests.intervals import covers
from tests.queues import Queue, exponential, mm1_capacity, mm1_quantile

judge = functools.cache(rule.judge)

MEAN = 0.001
"""Seconds of work of the slower server."""
SLO = 0.02
"""Seconds: the capacity is then 77 % of what the server can do at most."""
SECONDS, WARM_UP_SECONDS = 10.0, 1.0
"""Of a trial: 150 and 15 relaxation times at the capacity."""
BLOCKS = 5
FIRST_STEP, STEP = 2.0, 1.15
DRIFT = 0.1
"""From block to block, of the speed of the machine, common to all servers: standard deviation of its logarithm."""
NOISE = 0.02
"""From trial to trial, likewise, each by itself."""


def make_probe(rng: np.random.Generator, mean: float, noise: float = NOISE) -> Probe:
    """Run one simulated trial and judge it. mean: seconds of work, on this block's machine."""

    def probe(rate: float) -> Judgement:
        work = mean * math.exp(rng.normal(0, noise))
        latency = Queue(exponential(work)).run(rng, rate, SECONDS, WARM_UP_SECONDS)
        return judge(int((latency > SLO).sum()), len(latency))

    return probe


def study(seed: int, means: list[float], *, drift: float = DRIFT, noise: float = NOISE) -> list[list[Found]]:
    """Search for each server's capacity in every block, in turns; later blocks start from the block before."""
    rng = np.random.default_rng([seed, 1])
    found: list[list[Found]] = [[] for _ in means]
    starts = [400.0] * len(means)
    for block in range(BLOCKS):
        speed = math.exp(rng.normal(0, drift))
        step = STEP if block else FIRST_STEP
        for server in sorted(range(len(means)), reverse=block % 2 == 1):
            start = dither(starts[server], step=step, seed=[seed, server, block])
            answer = search(make_probe(rng, means[server] / speed, noise), start, step=step, lowest=10)
            found[server].append(answer)
            starts[server] = answer.rate or starts[server]
    return found


def compare(seed: int, means: list[float]) -> Interval:
    """Return the ratio of the second server's capacity to the first one's, over blocks in which both were found."""
    pairs = [(b.rate, a.rate) for a, b in zip(*study(seed, means), strict=True) if a.rate and b.rate]
    interval = paired_ratio([above for above, _ in pairs], [below for _, below in pairs])
    assert interval is not None
    return interval


def estimate_capacity(found: list[Found]) -> Interval:
    ends = [(block.rate, block.next_rate) for block in found if block.rate and block.next_rate]
    interval = bracketed([low for low, _ in ends], [high for _, high in ends])
    assert interval is not None
    return interval


def test_without_chance_the_rule_costs_as_much_rate_as_it_costs_late_requests() -> None:
    """The search ends below the capacity, by no more than its 5 % and the late requests that the rule holds back."""

    def probe(rate: float) -> Judgement:
        requests = round(rate * SECONDS)
        return judge(round(requests * min(1.0, math.exp(-(1 / MEAN - rate) * SLO))), requests)

    capacity = mm1_capacity(SLO, MEAN)
    held_back = allowed_late(round(capacity * SECONDS))
    assert held_back == 56
    judged = mm1_capacity(SLO, MEAN, late=held_back / (capacity * SECONDS))
    assert capacity / judged == pytest.approx(1.02, abs=0.003)
    for seed in range(20):
        found = search(probe, dither(400, step=FIRST_STEP, seed=[seed]), step=FIRST_STEP, lowest=10)
        assert found.outcome == "found"
        assert found.rate is not None
        # 0.2 %: the requests, and with them the late ones, are whole numbers, and fewer at a lower rate.
        assert judged / RESOLUTION * 0.998 <= found.rate <= capacity
        assert mm1_quantile(0.99, found.rate, MEAN) <= SLO


def test_a_whole_study_finds_the_capacity_within_5_percent() -> None:
    capacity = mm1_capacity(SLO, MEAN)
    for seed in range(20):
        (found,) = study(seed, [MEAN], drift=0, noise=0)
        assert all(block.outcome == "found" for block in found)
        assert estimate_capacity(found).estimate == pytest.approx(capacity, rel=0.05)


@pytest.mark.slow
def test_intervals_of_the_capacity_cover_it_in_95_percent_of_studies() -> None:
    capacity = mm1_capacity(SLO, MEAN)
    studies = [study(seed, [MEAN], drift=0, noise=0)[0] for seed in range(500)]
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
