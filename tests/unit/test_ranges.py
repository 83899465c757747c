"""What raw values are screened by: ranges of numbers, levels of categories, and nothing where a value is missing."""

import numpy as np
import pytest

from service.codec.problems import Problem
from service.codec.rows import raw_input
from service.contract.policies import Policy
from service.models.ranges import Ranges
from tests.raw_columns import MIXED, mixed_columns

TABLE = raw_input(mixed_columns(unknown="ignore"), max_rows=4)
NAN = np.nan
ROWS = np.array([[30, NAN, 1, NAN, 2, NAN], [17, 1e5, 0, 1, -1, -1]])


@pytest.mark.parametrize("policy", ["allow", "clip"])
def test_numbers_out_of_range_and_unknown_levels_are_counted_apart(policy: Policy) -> None:
    rows, outside, unknown = Ranges(MIXED, policy).screen(ROWS, TABLE)
    assert (outside, unknown) == (2, 2)
    clipped = [[18, 9e4] if policy == "clip" else [17, 1e5]]
    np.testing.assert_array_equal(rows, np.vstack([ROWS[:1], np.hstack([clipped, ROWS[1:, 2:]])]))


def test_a_number_out_of_range_may_be_refused_and_nothing_else() -> None:
    ranges = Ranges(MIXED, "reject")
    assert ranges.screen(ROWS[:1], TABLE)[1:] == (0, 0)
    with pytest.raises(Problem) as caught:
        ranges.screen(ROWS, TABLE)
    assert [(fault.row, fault.name) for fault in caught.value.faults] == [(1, "age"), (1, "income")]


def test_a_table_of_numbers_knows_no_levels() -> None:
    ranges = Ranges(MIXED[:2], "allow")
    assert not ranges.know_levels
    assert ranges.screen(np.array([[30.0, -1.0]]), TABLE)[1:] == (1, 0)


def test_values_are_scaled_and_what_is_no_number_is_no_suspect() -> None:
    scaled = Ranges(MIXED, "allow").scale(np.array([[54, NAN, 1, NAN, 2, -1], [90, 9e4, 0, 0, 0, 0]]))
    np.testing.assert_array_equal(scaled, [[0.5, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]])
