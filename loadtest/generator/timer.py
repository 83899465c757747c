"""Sleep until an instant, to a twentieth of a millisecond, while other greenlets run.

``gevent.sleep`` ends up to a millisecond late, since libev's epoll counts in whole ones (gevent 26.9 on Linux 6): as
long as a short request takes, and it would be counted as its latency. ``make bench-loadtest`` prints both. Linux's
timer that is a file (timerfd_create(2)) wakes an event loop, which waits for files, on time. Python has it from 3.13
on, as ``os.timerfd_create``.
"""

import ctypes
import os
import sys
import time

import gevent

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


class _Setting(ctypes.Structure):
    """``struct itimerspec``: no repeat, and the seconds and nanoseconds to wait."""

    _fields_ = (
        ("every_seconds", ctypes.c_long),
        ("every_nanoseconds", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


class TimerFile:
    """A file that can be read once the time set has passed. Raises OSError."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self.number = self._library.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK)
        if self.number < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def set(self, seconds: float) -> None:
        """Make it readable in ``seconds``, more than 0, and not before; what was set last is all that counts."""
        whole, part = divmod(seconds, 1)
        setting = _Setting(0, 0, int(whole), max(1, int(part * 1e9)))
        self._library.timerfd_settime(self.number, 0, ctypes.byref(setting), None)

    def clear(self) -> None:
        """Make it unreadable again, after it became readable."""
        os.read(self.number, 8)

    def close(self) -> None:
        """Give it back."""
        os.close(self.number)
