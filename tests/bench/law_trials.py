"""Trials of servers whose latencies are known, to see whether the load test finds them.

Every trial is a whole one: Locust in a process of its own, gates, samples in a file. The servers wait instead of
working, and so do the generators, so that the trials of all laws run at the same time: some 600 arrivals/s together.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from loadtest.record.intervals import FEWEST, Interval, geometric
from loadtest.record.samples import load_samples
from loadtest.record.trials import Load, Trial
from loadtest.study.trial import Bench, measure_trial
from loadtest.target.counters import settled_counters
from tests.bench.lines import LAWS, Floats, Line
from tests.bench.truths import LEVELS, quantiles_ms, served

REPEATS = 4
SECONDS = 45.0
"""Of a repeat: 50 relaxation times for M/M/1 at 0.8, the slowest, and whole turns of the servers that stall."""
WARM_UP_SECONDS = 6.0
"""All Locusts start at once on one processor, and the first to be ready must not count while the last one starts."""
SLO_MS = 1000.0
"""That nothing misses: what overload may do is not looked at here."""
INSTRUMENT_MS = 1.0
"""What the instrument may be off by. A repeat in which the generator was later than that (p99) is not valid."""
NAMES = ("p50", "p95", "p99")


@dataclass(frozen=True)
class Repeat:
    """One trial, and how far its quantiles are from those of its own arrivals, calculated. off_ms: (3,)."""

    trial: Trial
    off_ms: Floats

    @property
    def valid(self) -> bool:
        """Whether its figures can be believed."""
        late = self.trial.lateness_p99_ms
        return self.trial.valid and late is not None and late <= INSTRUMENT_MS

    @property
    def quantiles_ms(self) -> tuple[float, ...]:
        """At ``LEVELS``."""
        latency = self.trial.latency
        assert latency is not None
        return latency.p50_ms, latency.p95_ms, latency.p99_ms


@dataclass(frozen=True)
class Run:
    """All repeats of one law and load. truth_ms: (3,)."""

    line: Line
    truth_ms: Floats
    repeats: tuple[Repeat, ...]

    @property
    def used(self) -> list[Repeat]:
        """The valid repeats."""
        return [repeat for repeat in self.repeats if repeat.valid]

    @property
    def valid(self) -> bool:
        """Whether there are enough valid repeats for an interval."""
        return len(self.used) >= FEWEST

    @property
    def right(self) -> bool:
        """Whether every figure is right."""
        return all(self.is_right(figure) for figure in range(len(LEVELS)))

    def interval(self, figure: int) -> Interval | None:
        """Return one of ``NAMES`` over the valid repeats, in ms."""
        return geometric([repeat.quantiles_ms[figure] for repeat in self.used])

    def is_right(self, figure: int) -> bool:
        """Whether the truth lies in the interval, widened by what the instrument may be off by."""
        found = self.interval(figure)
        if found is None or found.low is None or found.high is None:
            return False
        return bool(found.low - INSTRUMENT_MS <= self.truth_ms[figure] <= found.high + INSTRUMENT_MS)

    @property
    def off_ms(self) -> Floats:
        """How far a repeat is off its own arrivals, calculated: the mean of each figure, (3,)."""
        return np.asarray(np.mean([repeat.off_ms for repeat in self.used], axis=0))


def measure_laws(host: str, folder: Path, processor: int) -> list[Run]:
    """Run all trials, from ``processor``. Raises MeasurementError."""
    bench = Bench(host, None, folder, SLO_MS, [processor], 1)
    with ThreadPoolExecutor(len(LAWS)) as pool:
        rounds = [list(pool.map(partial(_repeat, bench, turn), LAWS)) for turn in range(REPEATS)]
    return [Run(line, quantiles_ms(line), tuple(turn[place] for turn in rounds)) for place, line in enumerate(LAWS)]


def _repeat(bench: Bench, turn: int, line: Line) -> Repeat:
    counters = settled_counters(bench.host)
    assert counters is not None
    number = turn * len(LAWS) + LAWS.index(line)
    trial = measure_trial(bench, _load(line, seed=number), phase="curve", block=turn, number=number)
    return Repeat(trial, _off_ms(bench.folder / f"{number:04}.npz", line, int(counters.of(line.name, "json"))))


def _load(line: Line, seed: int) -> Load:
    return Load(
        architecture=line.name,
        body="json",
        rows=1,
        rate=line.rate,
        in_flight=None,
        arrivals=line.arrivals,
        seconds=SECONDS,
        warm_up_seconds=WARM_UP_SECONDS,
        seed=seed,
    )


def _off_ms(file: Path, line: Line, first: int) -> Floats:
    """Compare the quantiles of a trial with those that its own arrivals and service times make: (3,)."""
    samples = load_samples(file)
    samples = samples.select(np.argsort(samples.sent))
    kept = samples.scheduled >= samples.scheduled.min() + WARM_UP_SECONDS
    calculated = served(line, samples.scheduled, first)[kept] * 1000
    return np.asarray(np.quantile(samples.latency_ms[kept], LEVELS) - np.quantile(calculated, LEVELS))


def show_laws(runs: Sequence[Run]) -> tuple[Table, list[str]]:
    """Return the table, and what to say of it."""
    title = f"Known latencies, {REPEATS} repeats of {SECONDS:g} s; ms, 95 % intervals of the repeats"
    table = Table(title=title, title_justify="left")
    for heading in ("law", "load", "figure", "truth", "measured", "inside", "off own arrivals", "late p99", "repeats"):
        table.add_column(heading, justify="left" if heading in {"law", "figure", "inside"} else "right")
    for run in runs:
        for figure, name in enumerate(NAMES):
            table.add_row(*_cells(run, figure, name), end_section=name == NAMES[-1])
    valid = [run for run in runs if run.valid]
    return table, [_count_right(runs, valid), _tell_error(valid)] if valid else ["No run is valid."]


def _count_right(runs: Sequence[Run], valid: Sequence[Run]) -> str:
    figures = [run.is_right(figure) for run in valid for figure in range(len(NAMES))]
    return (
        f"{len(valid)} of {len(runs)} runs valid, {sum(run.right for run in valid)} of {len(valid)} right: the truth "
        f"is within all three intervals, widened by {INSTRUMENT_MS:g} ms. {sum(figures)} of {len(figures)} figures are."
    )


def _tell_error(valid: Sequence[Run]) -> str:
    off = [abs(value) for run in valid for value in run.off_ms]
    return (
        "Off the quantiles that the law makes of the very arrivals and service times of the trials: "
        f"{np.median(off):.2f} ms in the median figure, {max(off):.2f} ms in the worst."
    )


def _cells(run: Run, figure: int, name: str) -> tuple[str, ...]:
    law = (run.line.law, f"{run.line.load:g}") if figure == 0 else ("", "")
    if not run.valid:
        return (*law, name, f"{run.truth_ms[figure]:.2f}", "not valid", "", "", "", f"{len(run.used)}")
    late = max(repeat.trial.lateness_p99_ms or 0.0 for repeat in run.used)
    ends = (f"{late:.2f}", f"{len(run.used)} of {len(run.repeats)}") if figure == 0 else ("", "")
    inside = "yes" if run.is_right(figure) else "no"
    measured = escape(str(run.interval(figure)))
    return (*law, name, f"{run.truth_ms[figure]:.2f}", measured, inside, f"{run.off_ms[figure]:+.2f}", *ends)
