"""Intervals over repeats: what is in them, and when there is none."""

import math

import pytest

from loadtest.record.intervals import bracketed, geometric, median, paired_ratio


def test_the_interval_is_students_t_on_the_logarithms() -> None:
    interval = geometric([math.e, math.e**2, math.e**3])
    assert interval is not None
    assert interval.low is not None
    # t(0.975, 2) = 4.302653, standard error of 1, 2, 3 = 1 / sqrt(3)
    assert math.log(interval.low) == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-5)


def test_two_repeats_give_no_interval_and_a_figure_of_0_no_mean() -> None:
    assert str(geometric([2, 8])) == "4.00"
    assert geometric([2, 0, 1]) is None
    assert geometric([]) is None


def test_a_ratio_and_its_inverse_say_the_same() -> None:
    above, below = [4.0, 9.0, 5.0, 7.0], [2.0, 3.0, 2.5, 2.0]
    there, back = paired_ratio(above, below), paired_ratio(below, above)
    assert there is not None
    assert there.high is not None
    assert back is not None
    assert back.low is not None
    assert there.estimate * back.estimate == pytest.approx(1)
    assert there.high * back.low == pytest.approx(1)


def test_a_ratio_needs_pairs() -> None:
    assert paired_ratio([1, 2], [1]) is None
    assert paired_ratio([], []) is None


def test_a_capacity_lies_between_what_held_and_what_did_not() -> None:
    interval = bracketed([100.0, 100.0, 100.0], [104.04, 104.04, 104.04])
    assert interval is not None
    assert interval.estimate == pytest.approx(102)
    assert bracketed([], []) is None


def test_one_disturbed_repeat_does_not_move_the_median() -> None:
    assert median([10.0, 900.0, 11.0]) == 11.0
