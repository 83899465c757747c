"""The short form of `make chaos`: whatever befalls a service under load, it loses little and errs never."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.chaos import RESTART, TROUBLES, Outcome, suffer


@pytest.mark.slow
def test_what_befalls_a_service_costs_at_most_what_was_under_way(
    store: Callable[[], Path], home: Path, release: str, tmp_path: Path
) -> None:
    chaos = suffer(home, store(), tmp_path, release, rounds=1)
    assert [outcome.trouble for outcome in chaos.outcomes] == [*TROUBLES, RESTART]
    for outcome in chaos.outcomes:
        assert outcome.bar.is_met, (outcome, chaos.tally.remembered)
    killed = chaos.outcomes[0]
    assert killed.may_lose >= killed.lost > 0  # a worker was hit that had something to do
    assert chaos.tally.right == chaos.tally.sent - killed.lost


def test_more_than_a_trouble_may_cost_fails() -> None:
    outcome = Outcome("a worker is killed", may_lose=3, lost=3, refused=0, wrong=0, seconds=1)
    assert outcome.bar.is_met
    for missed in (replace(outcome, lost=4), replace(outcome, refused=1), replace(outcome, wrong=1)):
        assert not missed.bar.is_met
