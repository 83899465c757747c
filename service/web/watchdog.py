"""A worker whose event loop does not turn is ended, with a traceback where it can give one, and so replaced."""

import asyncio
import faulthandler
import logging
import signal
import time
from collections.abc import Iterable

import psutil

logger = logging.getLogger("bentoml.archscale")
TURNS = 4
"""Of the loop, in the time in which one must happen."""


def end_when_the_loop_hangs(seconds: float) -> None:
    """End this process when its loop does not turn for so many seconds. To be called in the loop of a worker."""
    loop = asyncio.get_running_loop()

    def still_turns() -> None:
        faulthandler.dump_traceback_later(seconds, exit=True)
        loop.call_later(seconds / TURNS, still_turns)

    still_turns()


class Stopped:
    """Workers that a signal stopped, as their parent sees them: their own watchdog stands still as well."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[int, float] = {}

    def end(self, workers: Iterable[int]) -> None:
        """End those of these process ids that have been stopped for so many seconds."""
        now = time.monotonic()
        self._since = {pid: self._since.get(pid, now) for pid in workers if _is_stopped(pid)}
        for pid, since in self._since.items():
            if now - since > self._seconds:
                logger.error("worker %d has been stopped for %.1f s: it is replaced", pid, now - since)
                psutil.Process(pid).send_signal(signal.SIGKILL)


def _is_stopped(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False
