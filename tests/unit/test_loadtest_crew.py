"""Greenlets that are used again: no more of them than calls at the same time, and none outlives its end."""

import gevent
import pytest

from loadtest.crew import Crew


def test_calls_one_after_the_other_share_a_greenlet() -> None:
    crew, greenlets = Crew(), list[object]()
    for _ in range(3):
        crew.call(lambda: greenlets.append(gevent.getcurrent()))
        gevent.sleep(0)
    assert len(greenlets) == 3
    assert len(set(map(id, greenlets))) == 1
    crew.kill()


def test_calls_at_the_same_time_run_side_by_side() -> None:
    crew, order = Crew(), list[str]()

    def wait(name: str) -> None:
        order.append(f"{name} begins")
        gevent.sleep(0)
        order.append(f"{name} ends")

    crew.call(wait, "first")
    crew.call(wait, "second")
    assert len(crew) == 2
    crew.join(1)
    assert order == ["first begins", "second begins", "first ends", "second ends"]
    assert len(crew) == 0
    crew.kill()


def test_a_call_waits_until_its_caller_does() -> None:
    crew, done = Crew(), list[int]()
    for number in range(2):  # the second finds a greenlet that is free
        crew.call(done.append, number)
        assert len(done) == number
        gevent.sleep(0)
    assert done == [0, 1]
    crew.kill()


def test_joining_ends_where_a_call_does_not() -> None:
    crew = Crew()
    crew.call(gevent.sleep, 3600)
    crew.join(0.02)
    assert len(crew) == 1
    crew.kill()


def test_killing_ends_calls_under_way_and_greenlets_that_are_free() -> None:
    crew, seen = Crew(), list[str]()

    def wait() -> None:
        try:
            gevent.sleep(3600)
        except gevent.GreenletExit:
            seen.append("exit")
            raise

    crew.call(wait)
    crew.call(seen.append, "at once")
    gevent.sleep(0)
    crew.kill()
    assert seen == ["at once", "exit"]
    assert len(crew) == 0


def test_a_call_that_raises_costs_its_greenlet_alone(capsys: pytest.CaptureFixture[str]) -> None:
    crew, done = Crew(), list[str]()

    def fail() -> None:
        raise ValueError("wrong")

    crew.call(fail)
    crew.join(1)
    assert len(crew) == 0
    crew.call(done.append, "right")
    gevent.sleep(0)
    assert done == ["right"]
    assert "ValueError: wrong" in capsys.readouterr().err
    crew.kill()
