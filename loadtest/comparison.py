"""Load architectures in turn, each also alone: the order of things, and nothing of how one load is run or shown."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from loadtest.catalogue import Catalogue, read_catalogue
from loadtest.results import Alone, Environment, Results, Round, Settings, make_quality
from loadtest.server import Server, serve_newest
from loadtest.trial import run_trial

ALONE_SECONDS = 2.0
"""Load before the memory of an architecture alone is read: what requests need is allocated by then."""

Advance = Callable[[str], None]
"""Hears what begins."""


def compare(settings: Settings, *, advance: Advance) -> Results:
    """Measure what ``settings`` asks for. Raises InputError and MeasurementError."""
    with _host(settings) as (host, server):
        catalogue = read_catalogue(host)
        settings = _with_architectures(settings, catalogue)
        rounds = _run_rounds(settings, host, server, advance=advance)
    return Results(
        release=catalogue.release,
        settings=settings,
        environment=_environment(),
        quality={name: make_quality(catalogue.cards[name]) for name in settings.architectures},
        rounds=rounds,
        alone={} if settings.host else _measure_alone(settings, catalogue.release, advance=advance),
    )


@contextmanager
def _host(settings: Settings) -> Iterator[tuple[str, Server | None]]:
    if settings.host is not None:
        yield settings.host, None
        return
    with serve_newest() as server:
        yield server.url, server


def _with_architectures(settings: Settings, catalogue: Catalogue) -> Settings:
    """Fill in all that are served where none was named. Raises InputError for one that is not."""
    names = [catalogue.card(name).architecture for name in settings.architectures] or list(catalogue.cards)
    return settings.model_copy(update={"architectures": names})


def _run_rounds(settings: Settings, host: str, server: Server | None, *, advance: Advance) -> list[Round]:
    rounds = []
    for number, name in interleave(settings.architectures, settings.rounds):
        advance(f"round {number}: {name}")
        rounds.append(run_trial(settings, host, name, number, cpu_seconds=server.cpu_seconds if server else None))
    return rounds


def interleave(architectures: list[str], rounds: int) -> list[tuple[int, str]]:
    """Return (round, architecture) in turns A B, B A, A B: a machine that slows down disturbs all of them alike."""
    turns = []
    for number in range(1, rounds + 1):
        turns += [(number, name) for name in (architectures if number % 2 else architectures[::-1])]
    return turns


def _measure_alone(settings: Settings, release: str, *, advance: Advance) -> dict[str, Alone]:
    short = settings.model_copy(update={"seconds": ALONE_SECONDS, "warm_up_seconds": 0.0})
    alone = {}
    for name in settings.architectures:
        advance(f"alone: {name}")
        with serve_newest(ARCHSCALE_RELEASE=release, ARCHSCALE_ARCHITECTURES=name, ARCHSCALE_WORKERS="1") as server:
            run_trial(short, server.url, name, 0, cpu_seconds=None)
            alone[name] = Alone(ready_seconds=server.ready_seconds, worker_memory_bytes=server.worker_memory_bytes())
    return alone


def count_steps(settings: Settings, architectures: int) -> int:
    """Return how often ``advance`` is called for so many architectures."""
    return architectures * (settings.rounds + (0 if settings.host else 1))


def _environment() -> Environment:
    return Environment(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        processor=_processor(),
        processors=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        platform=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        locust=version("locust"),
        command=" ".join(["python -m loadtest", *sys.argv[1:]]),
    )


def _processor() -> str:
    """Name the processor as Linux does, or as Python knows it elsewhere."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
