"""The alarm of open arrivals: never early, and others run meanwhile. It needs gevent's loop, but no patched library."""

import os
import sys
import time
from collections.abc import Iterator

import gevent
import pytest

from loadtest.generator.timer import Alarm


@pytest.fixture(params=["timerfd", "elsewhere"])
def alarm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Alarm]:
    """An alarm of Linux, and one of a system without timerfd."""
    if request.param == "elsewhere":
        monkeypatch.setattr(sys, "platform", "darwin")
    elif sys.platform != "linux":
        pytest.skip("timerfd is Linux's")
    made = Alarm()
    yield made
    made.close()


def test_it_never_rings_early(alarm: Alarm) -> None:
    for seconds in (0.0201, 0.003, 0.0004, 0.00001, 0.0, -1.0):
        instant = time.perf_counter() + seconds
        alarm.sleep_until(instant)
        assert time.perf_counter() >= instant


def test_others_run_meanwhile(alarm: Alarm) -> None:
    turns: list[float] = []

    def take_turns() -> None:
        while True:
            turns.append(time.perf_counter())
            gevent.sleep(0.001)

    other = gevent.spawn(take_turns)
    instant = time.perf_counter() + 0.05
    alarm.sleep_until(instant)
    other.kill()
    assert len(turns) > 1
    assert turns[0] < instant


def test_each_of_several_rings_at_its_own_instant(alarm: Alarm) -> None:
    begin, rung = time.perf_counter(), list[tuple[float, float]]()
    second = Alarm()

    def ring(alarm: Alarm, *offsets: float) -> None:
        for offset in offsets:
            alarm.sleep_until(begin + offset)
            rung.append((offset, time.perf_counter() - begin))

    gevent.joinall([gevent.spawn(ring, alarm, 0.01, 0.03), gevent.spawn(ring, second, 0.02, 0.04)])
    second.close()
    assert sorted(due for due, _ in rung) == [0.01, 0.02, 0.03, 0.04]
    assert all(at >= due for due, at in rung)


def test_an_instant_that_has_passed_lets_others_run_first(alarm: Alarm) -> None:
    order: list[str] = []
    gevent.spawn(order.append, "other")
    alarm.sleep_until(time.perf_counter() - 1)
    assert order == ["other"]


def test_a_sleeper_that_is_killed_leaves_an_alarm_that_can_be_closed(alarm: Alarm) -> None:
    sleeper = gevent.spawn(alarm.sleep_until, time.perf_counter() + 3600)
    gevent.sleep(0)
    sleeper.kill()
    assert sleeper.dead
    alarm.close()
    alarm.close()


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
def test_a_closed_alarm_gives_its_file_back() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        made = Alarm()
        made.sleep_until(time.perf_counter() + 0.0001)
        made.close()
    assert len(os.listdir("/proc/self/fd")) <= before + 2  # gevent's loop keeps its own
