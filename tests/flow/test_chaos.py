"""The short form of `make chaos`: whatever befalls a service under load, it loses little and errs never."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.chaos import MAY_LOSE, RESTART, TROUBLES, Outcome, suffer


@pytest.mark.slow
def test_what_befalls_a_service_costs_at_most_what_was_under_way(
    store: Callable[[], Path], home: Path, release: str, tmp_path: Path
) -> None:
    chaos = suffer(home, store(), tmp_path, release, rounds=1)
    assert [outcome.trouble for outcome in chaos.outcomes] == [*TROUBLES, RESTART]
    for outcome in chaos.outcomes:
        assert outcome.bar.is_met, (outcome, chaos.tally.remembered)
    killed = chaos.outcomes[0]
    assert killed.lost > 0  # a worker was hit that had something to do
    assert chaos.tally.right == chaos.tally.sent - killed.lost


@pytest.mark.parametrize("trouble", [*TROUBLES, RESTART])
def test_each_trouble_has_a_bar(trouble: str) -> None:
    most = MAY_LOSE.get(trouble, 0)
    assert Outcome(trouble, lost=most, refused=0, wrong=0, seconds=1).bar.is_met
    for more in ((most + 1, 0, 0), (0, 1, 0), (0, 0, 1)):
        assert not Outcome(trouble, *more, seconds=1).bar.is_met
