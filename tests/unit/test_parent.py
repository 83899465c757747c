"""How the parent of workers obeys: signals while a worker is started, and workers that stand still."""

import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import psutil
import pytest
from circus.exc import ConflictError

from service.web.parent import Ending
from service.web.watchdog import Stopped
from tests.patience import PATIENCE_SECONDS


class Loop:
    """Runs what it is given when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def add_callback_from_signal(self, call: Callable[..., None], *arguments: Any) -> None:
        self.waiting.append(lambda: call(*arguments))

    def call_later(self, _: float, call: Callable[..., None], *arguments: Any) -> None:
        self.add_callback_from_signal(call, *arguments)

    def turn(self) -> None:
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call()


def at(module: str, seconds: list[float]) -> Any:
    """Let a module of the service look at the clock at these times."""
    return mock.patch(f"service.web.{module}.time", mock.Mock(**{"monotonic.side_effect": seconds}))


@pytest.fixture
def controller() -> mock.Mock:
    watchers = [mock.Mock(stop_signal=signal.SIGTERM)]
    arbiter = mock.Mock(watchers=watchers, **{"iter_watchers.return_value": watchers})
    return mock.Mock(loop=Loop(), arbiter=arbiter)


def test_a_signal_while_a_worker_is_started_is_obeyed_afterwards(controller: mock.Mock) -> None:
    controller.arbiter.stop.side_effect = [ConflictError, ConflictError, None]
    Ending().ask(controller, signal.SIGTERM)
    controller.arbiter.stop.assert_not_called()  # in the handler of a signal
    for _ in range(2):
        controller.loop.turn()
        controller.arbiter.sockets.close_all.assert_not_called()  # the worker that is started needs it
    controller.loop.turn()
    controller.arbiter.sockets.close_all.assert_called_once()
    assert controller.loop.waiting == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_workers_get_the_signal_that_their_parent_got(controller: mock.Mock, number: signal.Signals) -> None:
    Ending().ask(controller, number)
    controller.loop.turn()
    assert [watcher.stop_signal for watcher in controller.arbiter.watchers] == [number]


def test_signals_within_a_second_are_one(controller: mock.Mock) -> None:
    ending = Ending()
    with at("parent", [7.0, 7.9, 8.1]), mock.patch("psutil.Process") as we:
        worker = mock.Mock()
        we.return_value.children.return_value = [worker]
        ending.ask(controller, signal.SIGTERM)
        ending.ask(controller, signal.SIGTERM)
        worker.send_signal.assert_not_called()
        ending.ask(controller, signal.SIGTERM)
        worker.send_signal.assert_called_once_with(signal.SIGKILL)
    controller.loop.turn()
    controller.arbiter.stop.assert_called_once()


@pytest.fixture
def process() -> Iterator[psutil.Popen]:
    process = psutil.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def suspend(process: psutil.Popen) -> None:
    """Stop a process, and wait until it is."""
    process.suspend()
    while process.status() != psutil.STATUS_STOPPED:
        pass


def resume(process: psutil.Popen) -> None:
    """Let it go on, and wait until it does."""
    process.resume()
    while process.status() == psutil.STATUS_STOPPED:
        pass


def test_a_process_that_was_stopped_for_too_long_is_killed(process: psutil.Popen) -> None:
    suspend(process)
    stopped = Stopped(5)
    with at("watchdog", [100.0, 104.0, 106.0]):
        stopped.end([process.pid])
        stopped.end([process.pid])
        assert process.poll() is None
        stopped.end([process.pid])
    assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL


def test_a_process_that_goes_on_is_let_live(process: psutil.Popen) -> None:
    stopped = Stopped(5)
    with at("watchdog", [100.0, 104.0, 106.0, 108.0]):
        for change in (suspend, resume, suspend, suspend):
            change(process)
            stopped.end([process.pid])
    resume(process)
    assert process.poll() is None


def test_a_process_that_is_gone_is_nobodys_affair(process: psutil.Popen) -> None:
    process.kill()
    process.wait(PATIENCE_SECONDS)
    Stopped(5).end([process.pid])
