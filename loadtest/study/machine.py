"""The machine that a study runs on: its processors, shared out between service and load generator, and what it is."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from loadtest.record.errors import InputError
from loadtest.record.results import Environment

LIBRARIES = ("bentoml", "locust", "gevent", "onnxruntime", "uvicorn", "numpy")


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


def check_generators(generators: int, processors: int) -> None:
    """Raise InputError where they would wait for each other."""
    if generators > processors:
        raise InputError(
            f"--generators must be at most the processors of this machine, {processors}, however: {generators}. "
            "Give fewer, or generate the load on several machines (docs/loadtest.md)."
        )


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


def describe(
    *, service_processors: int | None, workers: int | None, program: str = "python -m loadtest"
) -> Environment:
    """Describe this machine and this process. service_processors, workers: None for a service started elsewhere."""
    return Environment(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        processor=_processor(),
        processors=len(available()),
        service_processors=service_processors,
        workers=workers,
        platform=f"{platform.system()} {platform.release()}",
        versions={"python": platform.python_version(), **_versions()},
        command=" ".join([program, *sys.argv[1:]]),
    )


def _versions() -> dict[str, str]:
    """Leave out what is not here: a load generator's image has no service."""
    found = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _processor() -> str:
    """Name the processor as Linux does, or as Python knows it elsewhere."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
