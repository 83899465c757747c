"""Give the service and the load generator processors of their own, so that neither waits for the other's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def available() -> list[int]:
    """Return the processors that this process may use; numbers that mean nothing where there is no affinity."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def share(processors: list[int], generators: int) -> tuple[list[int], list[int]]:
    """Return those of the service and those of ``generators`` processes: the same ones where there are too few."""
    if len(processors) <= generators or not hasattr(os, "sched_setaffinity"):
        return processors, processors
    return processors[:-generators], processors[-generators:]


@contextmanager
def on(processors: list[int]) -> Iterator[None]:
    """Start what is started meanwhile on ``processors``."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
