"""Greenlets that make one call after the other, so that there are no more of them than calls at the same time.

A greenlet for each call would cost as much again as a short request: CPython 3.11 maps memory for the frames of each
and unmaps it at its end, and gevent notes where it was spawned.
"""

from collections.abc import Callable

import gevent
from gevent.pool import Group

POLL_SECONDS = 0.01
"""How often the end of the last calls is looked for."""

Call = tuple[Callable[..., object], tuple[object, ...]]


class Crew:
    """Calls under way, each in a greenlet of its own. Its length is their number."""

    def __init__(self) -> None:
        self._hub = gevent.get_hub()
        self._all = Group()
        self._idle: list[gevent.Greenlet] = []

    def __len__(self) -> int:
        return len(self._all) - len(self._idle)

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call ``function`` as soon as the greenlet that runs now waits for something."""
        if self._idle:
            self._hub.loop.run_callback(self._idle.pop().switch, (function, arguments))
        else:
            self._all.spawn(self._work, function, arguments)

    def _work(self, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
        while True:
            function(*arguments)
            self._idle.append(gevent.getcurrent())
            function, arguments = self._hub.switch()

    def join(self, seconds: float) -> None:
        """Wait until no call is under way, ``seconds`` at most."""
        polls = int(seconds / POLL_SECONDS)
        while self and polls:
            gevent.sleep(POLL_SECONDS)
            polls -= 1

    def kill(self) -> None:
        """End all: a call that is under way sees ``gevent.GreenletExit``."""
        self._idle.clear()
        self._all.kill()
