"""Sleep until an instant, to a twentieth of a millisecond, while other greenlets run.

``gevent.sleep`` ends up to a millisecond late, since libev's epoll counts in whole ones (gevent 26.9 on Linux 6): as
long as a short request takes, and it would be counted as its latency. ``make bench-loadtest`` prints both.
"""

import sys
import time

import gevent

from loadtest.generator.timerfd import TimerFile

READ = 1
"""libev's event mask."""


class Alarm:
    """A timer of one greenlet: Linux's timerfd, and ``gevent.sleep`` elsewhere."""

    def __init__(self) -> None:
        self._file = TimerFile() if sys.platform == "linux" else None
        if self._file is not None:
            self._hub = gevent.get_hub()
            self._watcher = self._hub.loop.io(self._file.number, READ)

    def sleep_until(self, instant: float) -> None:
        """Return at ``instant``, seconds of ``time.perf_counter``; where it has passed, once others have run."""
        seconds = instant - time.perf_counter()
        if seconds <= 0 or self._file is None:
            gevent.sleep(max(seconds, 0))
            return
        self._file.set(seconds)
        self._hub.wait(self._watcher)
        self._file.clear()

    def close(self) -> None:
        """Give the timer back."""
        if self._file is not None:
            self._watcher.close()
            self._file.close()
            self._file = None
