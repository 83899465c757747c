"""What BentoML's parent process does otherwise for this service. All of it reaches into circus (0.19) and BentoML.

- It looks for dead workers every half second: BentoML fixes 10 seconds (1.4.39), so that half the strength was gone
  for so long. It ends a worker that somebody stopped, whose own watchdog stands still, and takes the dead from the
  metrics even where nothing replaces them.
- A signal to end is obeyed even while a worker is started: circus forgets it then. SIGINT does not drain.
- A second one, a second or more after the first, ends the workers at once: circus ignores it.
- From the first on, it no longer holds the listening socket open, or clients would be connected to nobody when the
  workers have closed theirs.
"""

import signal
import time
from collections.abc import Callable
from typing import Any

import psutil
from circus.arbiter import Arbiter
from circus.controller import Controller
from circus.exc import ConflictError
from circus.sighandler import SysHandler

from service.web import metrics_folder
from service.web.watchdog import Stopped

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_BETWEEN_SIGNALS = 1.0
SECONDS_BETWEEN_TRIES = 0.05


def prepare(hang_seconds: float) -> None:
    """Prepare this process, which is about to start workers. hang_seconds: so long a worker may stand still."""
    Controller.start = _look_more_often(Controller.start, hang_seconds)
    ending = Ending()
    SysHandler.handle_term = lambda handler: ending.ask(handler.controller, signal.SIGTERM)
    SysHandler.handle_int = lambda handler: ending.ask(handler.controller, signal.SIGINT)


def _look_more_often(start: Callable[[Controller], None], hang_seconds: float) -> Callable[[Controller], None]:
    def start_looking(controller: Controller) -> None:
        controller.check_delay = SECONDS_BETWEEN_LOOKS * 1000
        controller.arbiter.manage_watchers = _end_stopped_first(controller.arbiter, Stopped(hang_seconds))
        start(controller)

    return start_looking


def _end_stopped_first(arbiter: Arbiter, stopped: Stopped) -> Callable[[], Any]:
    manage: Callable[[], Any] = arbiter.manage_watchers

    def manage_watchers() -> Any:
        metrics_folder.forget_dead()
        stopped.end([pid for watcher in arbiter.iter_watchers() for pid in watcher.processes])
        return manage()

    return manage_watchers


class Ending:
    """What signals to end have asked for."""

    def __init__(self) -> None:
        self._asked: float | None = None

    def ask(self, controller: Controller, number: signal.Signals) -> None:
        """Obey a signal, in its handler. number: what the workers get."""
        now = time.monotonic()
        if self._asked is None:
            self._asked = now
            controller.loop.add_callback_from_signal(_stop, controller, number)
        elif now - self._asked >= SECONDS_BETWEEN_SIGNALS:
            for worker in psutil.Process().children(recursive=True):
                worker.send_signal(signal.SIGKILL)


def _stop(controller: Controller, number: signal.Signals) -> None:
    arbiter = controller.arbiter
    for watcher in arbiter.iter_watchers():
        watcher.stop_signal = number
    try:
        arbiter.stop()
    except ConflictError:  # a worker is being started
        controller.loop.call_later(SECONDS_BETWEEN_TRIES, _stop, controller, number)
    else:
        arbiter.sockets.close_all()
