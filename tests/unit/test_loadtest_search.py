"""Where the search for a capacity ends, and after how many trials."""

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.study.search import (
    MOST_TRIALS,
    REPEAT_LONGER,
    RESOLUTION,
    Answer,
    Found,
    Probe,
    Shown,
    dither,
    search,
)
from loadtest.study.slo import LATE_SHARE

HELD, MISSED = Shown(0.0, 1.0), Shown(1.0, 1.0)
ANSWERS: list[Answer] = [HELD, MISSED, "undecided", "generator"]
STEP = st.sampled_from([1.05, 1.15, 1.5, 2.0, 4.0])


class Server:
    """Holds rates up to ``capacity``; the load generator offers less than ``limit``. Remembers what was tried."""

    def __init__(self, capacity: float, limit: float = math.inf, surprises: dict[int, Answer] | None = None) -> None:
        self.capacity, self.limit, self.surprises = capacity, limit, surprises or {}
        self.rates: list[float] = []

    def __call__(self, rate: float, repeat: bool) -> Answer:
        self.rates.append(rate)
        truth: Answer = "generator" if rate >= self.limit else HELD if rate <= self.capacity else MISSED
        return _as_long_as(self.surprises.get(len(self.rates), truth), repeat)


def _as_long_as(answer: Answer, repeat: bool) -> Answer:
    """Give what a trial showed the weight of a repeat, if it is one."""
    return Shown(answer.late_share, REPEAT_LONGER) if repeat and isinstance(answer, Shown) else answer


@given(st.floats(1, 1e5), st.floats(0.1, 1e6), STEP)
def test_the_capacity_is_bracketed_within_5_percent_from_any_start(capacity: float, start: float, step: float) -> None:
    server = Server(capacity)
    found = search(server, start, step=step, lowest=0.1)
    assert found.outcome == "found"
    assert found.rate is not None
    assert found.next_rate is not None
    assert found.rate <= capacity < found.next_rate <= found.rate * RESOLUTION * (1 + 1e-9)
    assert len(server.rates) <= MOST_TRIALS


def test_a_search_near_its_start_takes_six_trials_and_one_far_off_thirteen() -> None:
    near, far = Server(1_000), Server(1_000)
    search(near, 950, step=1.15, lowest=1)
    search(far, 20, step=2, lowest=1)
    assert (len(near.rates), len(far.rates)) == (6, 13)


def test_a_small_step_grows_when_it_has_to_go_far() -> None:
    server = Server(50)
    search(server, 1_000, step=1.15, lowest=1)
    assert len(server.rates) <= 15


def test_each_end_is_repeated_until_two_trials_agree() -> None:
    server = Server(1_000)
    found = search(server, 950, step=1.15, lowest=1)
    assert [server.rates.count(end or 0) for end in (found.rate, found.next_rate)] == [2, 2]


@pytest.mark.parametrize("hiccup", [MISSED, "undecided", "generator"], ids=["late", "undecided", "generator"])
def test_one_stall_at_half_the_capacity_does_not_become_the_answer(hiccup: Answer) -> None:
    found = search(Server(1_000, surprises={1: hiccup}), 500, step=1.15, lowest=1)
    assert found.outcome == "found"
    assert found.rate == pytest.approx(1_000, rel=0.05)


def test_one_lucky_trial_above_the_capacity_does_not_become_the_answer() -> None:
    found = search(Server(1_000, surprises={1: HELD}), 1_300, step=1.15, lowest=1)
    assert found.outcome == "found"
    assert found.rate == pytest.approx(1_000, rel=0.05)


def test_undecided_trials_do_not_count_as_held() -> None:
    def probe(rate: float, repeat: bool) -> Answer:
        return HELD if rate <= 800 else "undecided" if rate <= 1_000 else MISSED

    found = search(probe, 900, step=1.15, lowest=1)
    assert found.outcome == "found"
    assert found.rate is not None
    assert 800 / RESOLUTION <= found.rate <= 800


@given(st.floats(10, 1e4), st.floats(1, 1e5), STEP)
def test_the_generators_limit_is_never_taken_for_a_capacity(limit: float, start: float, step: float) -> None:
    found = search(Server(1e9, limit), start, step=step, lowest=0.5)
    assert found.outcome == "generator"
    assert found.rate is not None
    assert limit / (RESOLUTION * (1 + 1e-9)) <= found.rate < limit


def test_one_failed_trial_among_refused_ones_is_no_capacity() -> None:
    found = search(Server(1e9, limit=1_000, surprises={2: MISSED}), 990, step=1.04 * RESOLUTION, lowest=1)
    assert found.outcome == "generator"


def test_a_server_that_holds_nothing_has_none() -> None:
    server = Server(0)
    assert search(server, 1_000, step=2, lowest=10) == Found("none", None, 10)
    assert min(server.rates) == 10


def test_a_start_below_the_lowest_begins_there() -> None:
    server = Server(100)
    assert search(server, 0.001, step=2, lowest=10).outcome == "found"
    assert server.rates[0] == 10


@pytest.mark.parametrize("answer", ["undecided", "generator"])
def test_nothing_is_said_of_a_server_that_no_trial_tested(answer: Answer) -> None:
    assert search(lambda rate, repeat: answer, 1_000, step=2, lowest=10).outcome == "undecided"


def test_a_server_without_limit_is_not_tried_for_ever() -> None:
    server = Server(math.inf)
    assert search(server, 1_000, step=2, lowest=1) == Found("undecided", None, None)
    assert len(server.rates) <= MOST_TRIALS


def test_repeats_that_go_on_contradicting_leave_it_undecided() -> None:
    def probe(rate: float, repeat: bool) -> Answer:
        """Hold whatever is tried for the first time below 1,000, and nothing twice; above, the other way round."""
        return _as_long_as(HELD if repeat != (rate <= 1_000) else MISSED, repeat)

    assert search(probe, 1_000, step=2, lowest=1).outcome == "undecided"


@given(st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=60), st.floats(1, 1e6), STEP)
def test_whatever_trials_answer_the_search_ends_and_says_only_what_they_showed(
    answers: list[Answer], start: float, step: float
) -> None:
    told: dict[float, list[Answer]] = {}
    found = search(_tell(iter(answers), told), start, step=step, lowest=2)
    assert sum(map(len, told.values())) <= MOST_TRIALS + 2
    assert min(told) >= 2
    if found.rate is not None:
        assert found.outcome in {"found", "generator"}
        assert sum(isinstance(answer, Shown) for answer in told[found.rate]) >= 2
        assert found.next_rate is not None
        assert found.next_rate <= found.rate * RESOLUTION * (1 + 1e-9)
    if found.outcome == "found":
        assert sum(answer != "generator" for answer in told[found.next_rate or 0]) >= 2


def _tell(answers: Iterator[Answer], told: dict[float, list[Answer]]) -> Probe:
    def probe(rate: float, repeat: bool) -> Answer:
        answer = _as_long_as(next(answers, MISSED), repeat)
        told.setdefault(rate, []).append(answer)
        return answer

    return probe


def test_it_is_the_mean_of_all_trials_at_a_rate_that_counts_each_by_its_length() -> None:
    def search_with(late_share: float) -> Found:
        """Late requests come in bursts: first trials show none, repeats above 500/s this share."""

        def probe(rate: float, repeat: bool) -> Answer:
            bursts = Shown(late_share, REPEAT_LONGER) if repeat else HELD
            return MISSED if rate > 1_000 else bursts if rate > 500 else HELD

        return search(probe, 900, step=1.15, lowest=1)

    mean_at_the_limit = LATE_SHARE * (REPEAT_LONGER + 1) / REPEAT_LONGER
    assert search_with(0.99 * mean_at_the_limit).rate == pytest.approx(1_000, rel=0.05)
    assert search_with(1.01 * mean_at_the_limit) != search_with(0.99 * mean_at_the_limit)


@pytest.mark.parametrize("rate", [math.nan, math.inf, -math.inf, 0.0, -5.0, 1e300])
def test_rates_that_make_no_sense_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"the first rate .* however: "):
        search(Server(1), rate, step=2, lowest=1)
    with pytest.raises(ValueError, match=r"the lowest rate .* however: "):
        search(Server(1), 1, step=2, lowest=rate)


@pytest.mark.parametrize("step", [math.nan, math.inf, 1.0, 0.5])
def test_steps_that_lead_nowhere_are_refused(step: float) -> None:
    with pytest.raises(ValueError, match=r"the first step .* however: "):
        search(Server(1), 1, step=step, lowest=1)


def test_starts_are_dithered_over_one_step_and_by_seed() -> None:
    starts = [dither(1_000, step=2, seed=[7, 0, block]) for block in range(200)]
    assert starts == [dither(1_000, step=2, seed=[7, 0, block]) for block in range(200)]
    assert 1_000 / math.sqrt(2) < min(starts) < 750
    assert 1_300 < max(starts) < 1_000 * math.sqrt(2)
    assert len(set(starts)) == 200
