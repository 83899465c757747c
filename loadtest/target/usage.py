"""What the service and the machine have spent and counted up to a moment, and between two."""

from dataclasses import dataclass

import psutil

from loadtest.record.trials import Load
from loadtest.target.counters import Counters
from loadtest.target.server import Server, Use


@dataclass(frozen=True)
class Reading:
    """Up to one moment. counters, use: None where the service does not say, or was not started here."""

    counters: Counters | None
    use: Use | None
    steal_seconds: float
    all_seconds: float


@dataclass(frozen=True)
class Spent:
    """Between two readings; None where it can't be read.

    counted: requests, as the service counts them; cpu_seconds: of its workers; waited_seconds: in which they were ready
    to run and had no processor; memory_bytes: of the largest worker, at the end; steal_share: of all processors, what
    the host took for others.
    """

    counted: float | None
    cpu_seconds: float | None
    waited_seconds: float | None
    memory_bytes: int | None
    steal_share: float | None


def read_usage(counters: Counters | None, server: Server | None) -> Reading:
    """Read this machine's clocks beside what the service counts."""
    times = psutil.cpu_times()
    return Reading(
        counters=counters,
        use=server.use() if server else None,
        steal_seconds=getattr(times, "steal", 0.0),
        all_seconds=sum(times),
    )


def spent_between(before: Reading, after: Reading, load: Load) -> Spent:
    """Return what ``load`` cost."""
    all_seconds = after.all_seconds - before.all_seconds
    cpu, waited = _used(before.use, after.use)
    return Spent(
        counted=_counted(before, after, load),
        cpu_seconds=cpu,
        waited_seconds=waited,
        memory_bytes=after.use.memory_bytes if after.use else None,
        steal_share=(after.steal_seconds - before.steal_seconds) / all_seconds if all_seconds > 0 else None,
    )


def _counted(before: Reading, after: Reading, load: Load) -> float | None:
    if before.counters is None or after.counters is None:
        return None
    return after.counters.of(load.architecture, load.body) - before.counters.of(load.architecture, load.body)


def _used(before: Use | None, after: Use | None) -> tuple[float | None, float | None]:
    """Return processor seconds, and seconds of waiting for one."""
    if before is None or after is None:
        return None, None
    cpu = after.cpu_seconds - before.cpu_seconds
    if before.waited_seconds is None or after.waited_seconds is None:
        return cpu, None
    return cpu, after.waited_seconds - before.waited_seconds
