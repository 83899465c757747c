"""Whether intervals are honest: the share of studies in which they hold what is known."""

from loadtest.record.intervals import Interval


def covers(interval: Interval | None, truth: float) -> bool:
    """Say whether ``truth`` lies in it. There must be an interval."""
    assert interval is not None
    assert interval.low is not None
    assert interval.high is not None
    return interval.low <= truth <= interval.high
