"""What a worker says of itself on ``/metrics``: that it lives, wants requests, and what it uses of the machine.

Import this in a worker alone, as ``service.answers.metrics``. Whichever worker is asked answers for all, so each one
writes down what only it knows, on a timer: it costs no request anything.
"""

import asyncio
import time

import psutil
from prometheus_client import Counter, Gauge

from service.answers.readiness import READINESS

SECONDS_BETWEEN_LOOKS = 1.0

WORKERS = Gauge("archscale_workers", "Workers that live", multiprocess_mode="livesum")
READY = Gauge("archscale_workers_ready", "Workers that want new requests", multiprocess_mode="livesum")
STARTS = Counter("archscale_worker_starts", "Workers that were started, those that replaced others included")
STARTED = Gauge(
    "archscale_start_time_seconds", "When the first worker started, in seconds since 1970", multiprocess_mode="min"
)
CPU_SECONDS = Counter("archscale_cpu_seconds", "Processor seconds of all workers, user and system")
MEMORY = Gauge(
    "archscale_resident_memory_bytes",
    "Resident memory of all workers, what they share counted for each",
    multiprocess_mode="livesum",
)


class Vitals:
    """Those of this process."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._counted_cpu_seconds = 0.0
        STARTED.set(self._process.create_time())
        # In this order: workers that died are those that were started and live no more.
        WORKERS.set(1)
        STARTS.inc()

    def look(self) -> None:
        """Write down what changes."""
        spent = time.process_time()
        CPU_SECONDS.inc(spent - self._counted_cpu_seconds)
        self._counted_cpu_seconds = spent
        MEMORY.set(self._process.memory_info().rss)
        READY.set(READINESS.is_ready)


def report() -> None:
    """Begin to report. To be called in the loop of a worker."""
    loop, vitals = asyncio.get_running_loop(), Vitals()

    def keep_looking() -> None:
        vitals.look()
        loop.call_later(SECONDS_BETWEEN_LOOKS, keep_looking)

    keep_looking()
