"""When a trial's late requests show that the SLO was held, or missed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.study.slo import allowed_late, certain_to_fail, fewest_requests, judge

Requests = st.integers(min_value=0, max_value=200_000)


def test_a_pass_takes_as_many_requests_as_loadgen_asks_for() -> None:
    assert [fewest_requests(late) for late in (0, 1)] == [459, 662]
    assert judge(0, 459) == "pass"
    assert judge(0, 458) == "undecided"


@pytest.mark.parametrize(("requests", "allowed", "failing"), [(1_000, 2, 19), (10_000, 77, 125), (100_000, 927, 1_075)])
def test_more_requests_narrow_what_is_undecided(requests: int, allowed: int, failing: int) -> None:
    assert (allowed_late(requests), certain_to_fail(requests)) == (allowed, failing)


@given(Requests)
def test_the_thresholds_are_those_of_the_verdict(requests: int) -> None:
    allowed, failing = allowed_late(requests), certain_to_fail(requests)
    assert allowed is None or judge(allowed, requests) == "pass"
    unsure = range(0 if allowed is None else allowed + 1, min(failing, requests + 1))
    assert {judge(late, requests) for late in {*unsure[:1], *unsure[-1:]}} <= {"undecided"}
    assert failing > requests or judge(failing, requests) == "fail"


@given(st.integers(min_value=0, max_value=2_000))
def test_the_fewest_requests_pass_and_one_fewer_does_not(late: int) -> None:
    requests = fewest_requests(late)
    assert judge(late, requests) == "pass"
    assert judge(late, requests - 1) != "pass"


def test_nothing_sent_says_nothing() -> None:
    assert judge(0, 0) == "undecided"
    assert allowed_late(0) is None
    assert certain_to_fail(0) > 0


def test_more_late_requests_than_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="however: 3 of 2"):
        judge(3, 2)
