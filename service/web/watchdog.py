"""A worker whose event loop does not turn for a while ends itself, with a traceback, and is replaced."""

import asyncio
import faulthandler

TURNS = 4
"""Of the loop, in the time in which one must happen."""


def end_when_the_loop_hangs(seconds: float) -> None:
    """End this process when its loop does not turn for so many seconds. To be called in the loop of a worker."""
    loop = asyncio.get_running_loop()

    def still_turns() -> None:
        faulthandler.dump_traceback_later(seconds, exit=True)
        loop.call_later(seconds / TURNS, still_turns)

    still_turns()
