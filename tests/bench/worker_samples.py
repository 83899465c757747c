"""What a service's workers hold, looked at every few seconds: memory, descriptors, threads, and lines of /metrics."""

import asyncio
import re
from dataclasses import dataclass
from statistics import median

from loadtest.target.server import Server
from tests.flow.steady import Connection, fetch

FIRST_SHARE, LAST_SHARE = (0.2, 0.4), (0.8, 1.0)
"""Parts of the samples that are compared: what is filled once, such as caches, is full before the first."""


@dataclass(frozen=True)
class Sample:
    """memory_bytes: resident; series: lines of /metrics that are no comment. All workers together."""

    memory_bytes: int
    descriptors: int
    threads: int
    series: int
    cpu_seconds: float


@dataclass(frozen=True)
class Growth:
    """From the median of the first samples to that of the last."""

    memory: float
    """Share."""
    descriptors: float
    threads: float
    series: float


async def take(server: Server) -> Sample:
    """Look once."""
    async with await Connection.to(server) as connection:
        page = (await connection.ask(fetch("/metrics"))).body.decode()
    workers = server.workers
    times = [worker.cpu_times() for worker in workers]
    return Sample(
        memory_bytes=sum(worker.memory_info().rss for worker in workers),
        descriptors=sum(worker.num_fds() for worker in workers),
        threads=sum(worker.num_threads() for worker in workers),
        series=len(re.findall(r"^[^#\n]", page, re.MULTILINE)),
        cpu_seconds=sum(spent.user + spent.system for spent in times),
    )


async def keep_taking(server: Server, samples: list[Sample], *, seconds: float) -> None:
    """Look every so many seconds until cancelled."""
    while True:
        samples.append(await take(server))
        await asyncio.sleep(seconds)


def measure_growth(samples: list[Sample]) -> Growth:
    """Compare the last samples with the first. Raises ValueError with fewer than five."""
    if len(samples) < 5:
        raise ValueError(f"growth must be seen in five samples or more, however: {len(samples)}. Look more often.")
    first, last = ([_of(samples, share, name) for name in NAMES] for share in (FIRST_SHARE, LAST_SHARE))
    memory, *rest = zip(first, last, strict=True)
    return Growth(memory[1] / memory[0] - 1, *(after - before for before, after in rest))


NAMES = ("memory_bytes", "descriptors", "threads", "series")


def _of(samples: list[Sample], share: tuple[float, float], name: str) -> float:
    low, high = (int(edge * len(samples)) for edge in share)
    return float(median(getattr(sample, name) for sample in samples[low:high]))
