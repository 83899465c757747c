"""How a worker ends: for a while it answers as before but is not ready, so that load balancers look elsewhere."""

import asyncio
import signal
import threading
from types import FrameType, MethodType

from uvicorn import Server

from service.answers.readiness import READINESS


def drain_before_the_end(seconds: float, *, end_seconds: int) -> None:
    """On SIGTERM be not ready at once, and end so many seconds later. To be called in the loop of a worker.

    end_seconds: so long the end may take then, unless BentoML was told another time: uvicorn and circus would wait for
    a connection that never ends.
    SIGINT ends it at once, after the answers that are owed, however often it comes: from a terminal it comes twice. A
    second SIGTERM changes nothing here: the parent decides.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    end = signal.getsignal(signal.SIGTERM)  # uvicorn's
    assert isinstance(end, MethodType)
    assert isinstance(end.__self__, Server)
    config = end.__self__.config
    config.timeout_graceful_shutdown = config.timeout_graceful_shutdown or end_seconds

    def begin(number: int, _: FrameType | None) -> None:
        if READINESS.is_ready:
            READINESS.is_ready = False
            loop.call_soon_threadsafe(loop.call_later, seconds, end, number, None)

    if seconds:
        signal.signal(signal.SIGTERM, begin)
    signal.signal(signal.SIGINT, lambda _number, _frame: end(signal.SIGTERM, None))
