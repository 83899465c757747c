"""Greenlets that are used again: as many calls at a time as there are, none lost, none left behind."""

from collections.abc import Iterator

import gevent
import pytest
from gevent.event import Event

from loadtest.generator.greenlets import Crew

LIMIT_SECONDS = 10.0


@pytest.fixture
def crew() -> Iterator[Crew]:
    made = Crew()
    yield made
    made.kill()


def wait_for(crew: Crew) -> None:
    crew.join(LIMIT_SECONDS)
    assert len(crew) == 0


def test_every_call_is_made_once_with_its_arguments(crew: Crew) -> None:
    made: list[tuple[int, str]] = []
    for number in range(50):
        crew.call(lambda *arguments: made.append(arguments), number, "x")
        if number % 7 == 0:
            gevent.sleep(0)
    wait_for(crew)
    assert made == [(number, "x") for number in range(50)]


def test_a_call_begins_when_the_caller_waits(crew: Crew) -> None:
    made: list[int] = []
    crew.call(made.append, 1)
    assert (made, len(crew)) == ([], 1)
    gevent.sleep(0)
    assert (made, len(crew)) == ([1], 0)


def test_calls_run_beside_each_other_and_their_greenlets_are_used_again(crew: Crew) -> None:
    gate, greenlets = Event(), list[gevent.Greenlet]()

    def wait() -> None:
        greenlets.append(gevent.getcurrent())
        assert gate.wait(LIMIT_SECONDS)

    for number in (1, 2, 3):
        crew.call(wait)
        gevent.sleep(0)
        assert len(crew) == number
    gate.set()
    wait_for(crew)
    for _ in range(3):
        crew.call(wait)
    wait_for(crew)
    assert len(greenlets) == 6
    assert len(set(greenlets)) == 3


def test_what_is_under_way_after_the_wait_is_killed_and_sees_it(crew: Crew) -> None:
    ends: list[str] = []

    def hang() -> None:
        try:
            gevent.sleep(3600)
        except gevent.GreenletExit:
            ends.append("killed")
            raise

    crew.call(hang)
    crew.call(ends.append, "done")
    crew.join(0.02)
    assert (ends, len(crew)) == (["done"], 1)
    crew.kill()
    assert (ends, len(crew)) == (["done", "killed"], 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_call_that_fails_takes_its_greenlet_alone(crew: Crew, capsys: pytest.CaptureFixture[str]) -> None:
    made: list[int] = []

    def fail() -> None:
        raise ValueError

    crew.call(fail)
    crew.call(made.append, 1)
    wait_for(crew)
    crew.call(made.append, 2)
    wait_for(crew)
    assert made == [1, 2]
    assert "ValueError" in capsys.readouterr().err
