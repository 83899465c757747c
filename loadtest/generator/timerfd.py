"""Linux's timer that is a file (timerfd_create(2)): an event loop, which waits for files, wakes up by it on time.

The loops' own timers count whole milliseconds, for epoll does. Python has it from 3.13 on, as ``os.timerfd_create``.
"""

import ctypes
import os
import time


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
