"""What a study may still begin, on a clock that the tests turn."""

import pytest

from loadtest.study.deadline import LONGEST, Deadline, OutOfTimeError


class Clock:
    """Says the seconds that were set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deadline(clock: Clock) -> Deadline:
    """Of a study that was announced to take 100 s."""
    return Deadline(100, clock.now, clock, spare=30)


def may_begin(deadline: Deadline, seconds: float) -> bool:
    """Whether a trial of so many seconds may."""
    try:
        deadline.require(seconds)
    except OutOfTimeError:
        return False
    return True


def test_what_ends_at_the_last_moment_may_begin_and_a_second_more_may_not(deadline: Deadline, clock: Clock) -> None:
    clock.now += 100
    assert deadline.left == 100 * LONGEST - 100
    assert may_begin(deadline, 50)
    assert not deadline.missed
    assert not may_begin(deadline, 51)
    assert deadline.missed


def test_the_first_blocks_of_later_parts_are_left_their_time(deadline: Deadline) -> None:
    deadline.reserved = 100
    assert may_begin(deadline, 50)
    assert not may_begin(deadline, 51)


def test_on_a_slow_machine_everything_is_expected_to_take_longer(deadline: Deadline) -> None:
    deadline.note(expected=5, taken=5)
    deadline.note(expected=5, taken=15)
    assert deadline.pace == 2
    assert may_begin(deadline, 75)
    assert not may_begin(deadline, 76)


def test_another_block_leaves_later_parts_the_time_that_they_will_take(deadline: Deadline) -> None:
    deadline.note(expected=5, taken=10)
    deadline.reserved, deadline.block_seconds = 60, 15
    deadline.require_block()
    deadline.block_seconds = 16
    with pytest.raises(OutOfTimeError):
        deadline.require_block()
    assert may_begin(deadline, 16)


def test_a_fast_machine_is_not_expected_to_stay_so(deadline: Deadline) -> None:
    deadline.note(expected=5, taken=1)
    assert deadline.pace == 1


def test_trials_are_run_again_out_of_the_spare_time(deadline: Deadline) -> None:
    assert [deadline.grants_retry(12) for _ in range(3)] == [True, True, False]
    assert deadline.spare == pytest.approx(30 - 24)


def test_no_trial_is_run_again_that_would_not_end_in_time(deadline: Deadline, clock: Clock) -> None:
    clock.now += 145
    assert not deadline.grants_retry(6)
    assert not deadline.missed


def test_without_an_announcement_anything_may_begin_but_nothing_again() -> None:
    deadline = Deadline()
    deadline.require(1e9)
    assert not deadline.grants_retry(1)
