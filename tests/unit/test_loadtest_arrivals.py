"""When requests are due: reproducible, of the rate that was asked for, independent of each other or even."""

import itertools
import tracemalloc
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loadtest.generator.arrivals import BURST_FACTOR, Schedule
from loadtest.record.trials import ARRIVALS, SHAPES, Arrivals, Load, Shape
from loadtest.study.trial import count_planned

SURPRISE = 0.01
"""Seeds are fixed: a law that fits is not refuted at this level, and never will be."""

schedules = st.builds(
    Schedule,
    rate=st.floats(0.01, 500),
    seconds=st.floats(0.01, 60),
    arrivals=st.sampled_from(ARRIVALS),
    shape=st.sampled_from(SHAPES),
    seed=st.tuples(st.integers(0, 2**40), st.integers(0, 9), st.integers(0, 9)),
)


def times(schedule: Schedule, until: float = float("inf")) -> npt.NDArray[np.float64]:
    """Instants before ``until``: (n,) seconds."""
    return np.array(list(itertools.takewhile(lambda instant: instant < until, schedule.times())))


@given(schedules)
@settings(max_examples=60, deadline=None)
def test_instants_are_in_order_and_within_the_schedule(schedule: Schedule) -> None:
    found = times(schedule)
    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found <= schedule.seconds)).all()


@given(schedules)
@settings(max_examples=60, deadline=None)
def test_the_same_seed_gives_the_same_instants(schedule: Schedule) -> None:
    np.testing.assert_array_equal(times(schedule), times(schedule))


def test_another_seed_source_or_process_gives_other_instants() -> None:
    found = [tuple(times(Schedule(50, 2, seed=seed))) for seed in ((1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1))]
    assert len(set(found)) == len(found)


@given(rate=st.floats(0.5, 500), seconds=st.floats(0.1, 60), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_constant_arrivals_are_even_and_as_many_as_the_rate_says(rate: float, seconds: float, seed: int) -> None:
    found = times(Schedule(rate, seconds, "constant", seed=(seed,)))
    # Linear between points of a grid: exact but for rounding.
    np.testing.assert_allclose(np.diff(found), 1 / rate, rtol=1e-6)
    assert abs(len(found) - rate * seconds) <= 1


def test_poisson_arrivals_have_exponential_gaps_that_do_not_depend_on_each_other() -> None:
    gaps = np.diff(times(Schedule(100, 200, seed=(7,)))) * 100
    assert stats.kstest(gaps, stats.expon.cdf).pvalue > SURPRISE
    assert stats.spearmanr(gaps[:-1], gaps[1:]).pvalue > SURPRISE


def test_poisson_arrivals_are_poisson_in_number() -> None:
    """A chi-square test of the counts in 2,000 windows of 0.05 s, in which 5 are expected."""
    counts, _ = np.histogram(times(Schedule(100, 100, seed=(3,))), bins=2000, range=(0, 100))
    edges = np.arange(0, 12)
    seen = [np.sum(counts == k) for k in edges[:-1]] + [np.sum(counts >= edges[-1])]
    expected = 2000 * np.append(stats.poisson.pmf(edges[:-1], 5), stats.poisson.sf(edges[-1] - 1, 5))
    assert stats.chisquare(seen, expected).pvalue > SURPRISE


def test_a_long_schedule_is_drawn_stretch_by_stretch() -> None:
    """An hour at 8,000/s has 29 million arrivals: none of them is drawn long before it is due."""
    schedule = Schedule(8_000, 3_600)
    tracemalloc.start()
    begin = list(itertools.islice(schedule.times(), 200_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert begin[-1] == pytest.approx(200_000 / 8_000, rel=0.02)
    assert peak < 50e6


def test_arrivals_of_many_stretches_are_one_process() -> None:
    even = times(Schedule(10_000, 30, "constant", seed=(3,)))
    np.testing.assert_allclose(np.diff(even), 1 / 10_000, rtol=1e-6)
    assert abs(len(even) - 300_000) <= 1
    poisson = times(Schedule(10_000, 30, seed=(3,)))
    gaps = np.diff(poisson) * 10_000
    assert stats.kstest(gaps, stats.expon.cdf).pvalue > SURPRISE
    assert stats.spearmanr(gaps[:-1], gaps[1:]).pvalue > SURPRISE


def expected_ramp(t: float) -> float:
    return t**2 / 40


def expected_step(t: float) -> float:
    return sum(min(max(t - 5 * k, 0), 5) * (k + 1) / 4 for k in range(4))


def expected_burst(t: float) -> float:
    return t + (BURST_FACTOR - 1) * (min(t, 1) + min(max(t - 10, 0), 1))


def expected_soak(t: float) -> float:
    rise, fall = min(t, 2), max(t - 18, 0)
    return rise**2 / 4 + min(max(t - 2, 0), 16) + fall - fall**2 / 4


EXPECTED: dict[Shape, Callable[[float], float]] = {
    "constant": float,
    "ramp": expected_ramp,
    "step": expected_step,
    "burst": expected_burst,
    "soak": expected_soak,
}
"""Shape -> (seconds from the begin) -> arrivals until then at one a second, of a schedule of 20 s."""


def test_every_shape_is_looked_at() -> None:
    assert set(EXPECTED) == set(SHAPES)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_rate_changes_over_time_as_the_shape_says(shape: Shape) -> None:
    """Even arrivals follow the cumulative rate to one arrival."""
    found = times(Schedule(1000, 20, "constant", shape))
    for t in np.arange(0.5, 20.5, 0.5):
        assert np.searchsorted(found, t) == pytest.approx(1000 * EXPECTED[shape](t), abs=2)


@pytest.mark.parametrize("shape", SHAPES)
def test_poisson_arrivals_stay_poisson_whatever_the_shape(shape: Shape) -> None:
    """The time change by the cumulative rate makes every one of them a process of rate one."""
    found = times(Schedule(100, 20, "poisson", shape, seed=(11,)))
    gaps = np.diff([100 * EXPECTED[shape](t) for t in found])
    assert stats.kstest(gaps, stats.expon.cdf).pvalue > SURPRISE


@pytest.mark.parametrize("arrivals", ARRIVALS)
def test_an_endless_schedule_goes_on_and_is_reproducible(arrivals: Arrivals) -> None:
    schedule = Schedule(20, 0, arrivals, seed=(5,))
    found = times(schedule, until=200)
    np.testing.assert_array_equal(found, times(schedule, until=200))
    minutes = [found[(found >= k) & (found < k + 60)] - k for k in (0, 60, 120)]
    assert [len(minute) == pytest.approx(1200, abs=150) for minute in minutes] == [True] * 3
    if arrivals == "poisson":
        assert len({tuple(minute[:5]) for minute in minutes}) == 3
    else:
        np.testing.assert_allclose(np.diff(found), 1 / 20, rtol=1e-6)


def test_an_endless_schedule_repeats_its_shape_each_minute() -> None:
    found = times(Schedule(100, 0, "constant", "ramp"), until=120)
    first, second = (np.histogram(found, bins=6, range=(begin, begin + 60))[0] for begin in (0, 60))
    np.testing.assert_allclose(first, 100 * np.diff(np.arange(0, 70, 10) ** 2) / 120, atol=2)
    np.testing.assert_allclose(second, first, atol=2)


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_the_shares_of_several_processes_add_up(processes: int) -> None:
    def planned(arrivals: Arrivals) -> int:
        load = Load(
            architecture="small",
            body="json",
            rows=1,
            rate=700,
            in_flight=None,
            arrivals=arrivals,
            seconds=10,
            warm_up_seconds=2,
            seed=4,
        )
        return count_planned(load, processes)

    assert planned("constant") == pytest.approx(7000, abs=processes)
    # Five standard deviations of a Poisson number of 7,000.
    assert planned("poisson") == pytest.approx(7000, abs=420)
    assert planned("poisson") == planned("poisson")


def test_no_rate_is_no_arrival() -> None:
    assert [len(times(Schedule(0, 5, arrivals))) for arrivals in ARRIVALS] == [0, 0]
