"""What the load generator itself costs, against a server that answers at once: lateness, processor time, timers."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gevent
import numpy as np
from rich.table import Table

from loadtest.generator.timer import Alarm
from loadtest.record.intervals import median, paired_ratio
from loadtest.record.samples import Samples, load_samples
from loadtest.record.trials import Load
from loadtest.study.machine import on
from loadtest.study.trial import Bench
from loadtest.target.server import PROJECT
from tests.bench.known_server import AT_ONCE

RATES = ((2000.0, 1), (5000.0, 1), (8000.0, 1), (1000.0, 64))
"""Arrivals/s, and rows in each."""
ROUNDS = 4
SECONDS, WARM_UP_SECONDS = 2.5, 0.5
SLO_MS = 50.0
USERS = 16
CLOSED_SECONDS = 3
SLEEPS = 1000
LONGEST_SLEEP_SECONDS = 0.003
LEVELS = (0.5, 0.99)


@dataclass(frozen=True)
class Offered:
    """One load of open arrivals. lateness_ms: (2,) at ``LEVELS``; share: of a processor."""

    scheduled: int
    answered: int
    dropped: int
    lateness_ms: tuple[float, ...]
    share: float


def offer_arrivals(host: str, folder: Path, processor: int) -> dict[tuple[float, int], list[Offered]]:
    """Offer each of ``RATES`` in turn, ``ROUNDS`` times. Raises MeasurementError."""
    bench = Bench(host, None, folder, SLO_MS, [processor], 1)
    found: dict[tuple[float, int], list[Offered]] = {kind: [] for kind in RATES}
    for turn in range(ROUNDS):
        for rate, rows in RATES:
            load = Load(
                architecture=AT_ONCE,
                body="json",
                rows=rows,
                rate=rate,
                in_flight=None,
                arrivals="poisson",
                seconds=SECONDS,
                warm_up_seconds=WARM_UP_SECONDS,
                seed=turn,
            )
            found[rate, rows].append(_summarise(bench.run(load, host, f"{rate:.0f}-{rows}-{turn}")))
    return found


def _summarise(samples: Samples) -> Offered:
    kept = samples.select(samples.scheduled >= samples.scheduled.min() + WARM_UP_SECONDS)
    return Offered(
        scheduled=len(kept),
        answered=int((kept.failure == 0).sum()),
        dropped=int((kept.status == 0).sum()),
        lateness_ms=tuple(np.quantile(kept.lateness_ms, LEVELS).tolist()),
        share=samples.generator_share,
    )


def show_arrivals(found: dict[tuple[float, int], list[Offered]]) -> Table:
    """Return medians over the rounds."""
    table = Table(title=f"Open arrivals from one processor, medians of {ROUNDS} rounds", title_justify="left")
    for heading in ("arrivals/s", "rows", "achieved", "dropped", "late p50, ms", "late p99, ms", "worst", "CPU", "us"):
        table.add_column(heading, justify="right")
    for (rate, rows), rounds in found.items():
        p50, p99 = ([offer.lateness_ms[level] for offer in rounds] for level in (0, 1))
        share = median([offer.share for offer in rounds])
        achieved = sum(offer.answered for offer in rounds) / sum(offer.scheduled for offer in rounds)
        cells = (
            f"{median(p50):.2f}",
            f"{median(p99):.2f}",
            f"{max(p99):.2f}",
            f"{share:.0%}",
            f"{share / rate * 1e6:.0f}",
        )
        table.add_row(f"{rate:,.0f}", str(rows), f"{achieved:.2%}", str(sum(offer.dropped for offer in rounds)), *cells)
    return table


def compare_clients(host: str, processor: int) -> tuple[list[float], list[float]]:
    """Return microseconds of processor time a request, round by round: ours, and with FastHttpUser's client."""
    ours, theirs = list[float](), list[float]()
    for turn in range(ROUNDS):
        kinds = [("loadtest/locustfile.py", "ArchitectureUser", ours), ("tests/bench/fast_http.py", "FastUser", theirs)]
        for file, user, found in kinds if turn % 2 else kinds[::-1]:
            found.append(_cost_of_closed(host, processor, file, user))
    return ours, theirs


def _cost_of_closed(host: str, processor: int, file: str, user: str) -> float:
    with tempfile.TemporaryDirectory() as folder, on([processor]):
        results = Path(folder) / "samples.npz"
        command = [sys.executable, "-m", "locust", "-f", file, "--headless", "--only-summary", "--host", host, user]
        command += ["--architecture", AT_ONCE, "--users", str(USERS), "--spawn-rate", str(USERS), "--stop-timeout", "5"]
        command += ["--run-time", f"{CLOSED_SECONDS}s", "--results", str(results)]
        subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        samples = load_samples(results)
    seconds = float(samples.done.max() - samples.scheduled.min())
    return samples.generator_share * seconds / len(samples) * 1e6


def tell_clients(ours: list[float], theirs: list[float]) -> str:
    """Say what a request costs with either client."""
    ratio = paired_ratio(ours, theirs)
    return (
        f"A request of a closed loop of {USERS} takes {median(ours):.0f} us of processor time, {median(theirs):.0f} us "
        f"with FastHttpUser's client: {ratio} times, {ROUNDS} rounds in turn."
    )


def time_timers(processor: int) -> dict[str, list[float]]:
    """Return how late sleeps end, in ms: ``Alarm``'s and ``gevent.sleep``'s."""
    alarm = Alarm()
    ways = {"Alarm": alarm.sleep_until, "gevent.sleep": lambda instant: gevent.sleep(instant - time.perf_counter())}
    with on([processor]):
        late = {name: _sleep(way) for name, way in ways.items()}
    alarm.close()
    return late


def _sleep(way: Callable[[float], None]) -> list[float]:
    late = []
    for seconds in np.random.default_rng(0).uniform(0, LONGEST_SLEEP_SECONDS, SLEEPS).tolist():
        instant = time.perf_counter() + seconds
        way(instant)
        late.append((time.perf_counter() - instant) * 1000)
    return late


def tell_timers(late: dict[str, list[float]]) -> str:
    """Say how late either is."""
    quantiles = {name: np.quantile(values, LEVELS) for name, values in late.items()}
    parts = [f"{name} p50 {p50:.3f} ms, p99 {p99:.3f} ms" for name, (p50, p99) in quantiles.items()]
    return f"How late {SLEEPS:,} sleeps of up to {LONGEST_SLEEP_SECONDS * 1000:g} ms end: {'; '.join(parts)}."
