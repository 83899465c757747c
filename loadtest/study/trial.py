"""One trial: a load on one architecture, and what the service and the machine spent meanwhile."""

import math
from dataclasses import dataclass
from pathlib import Path

from loadtest.generator.arrivals import Schedule
from loadtest.record.samples import Samples
from loadtest.record.trials import Load, Phase, Trial
from loadtest.study.locust_run import run_locust
from loadtest.study.slo import certain_to_fail
from loadtest.study.trial_result import conclude
from loadtest.target.counters import settled_counters
from loadtest.target.server import Server
from loadtest.target.usage import Reading, read_usage, spent_between


@dataclass(frozen=True)
class Bench:
    """Where trials take place. server: None for a service that was not started here; folder: of the raw samples."""

    host: str
    server: Server | None
    folder: Path
    slo_p99_ms: float
    processors: list[int]
    """Of the load generator."""
    processes: int
    api_key_file: Path | None = None
    many_replicas: bool = False
    """Whether the host is several, of which each counts its own requests: then no counts are read."""

    def read(self) -> Reading:
        """Read what the service and this machine have spent and counted so far."""
        return read_usage(None if self.many_replicas else settled_counters(self.host), self.server)

    def run(
        self, load: Load, host: str, name: str, *, stop_early: bool = False, longest_seconds: float = math.inf
    ) -> Samples:
        """Offer ``load`` to ``host``; keep the samples under ``name``. Raises MeasurementError.

        stop_early: end as soon as the SLO is missed beyond doubt; longest_seconds: that Locust may take in all.
        """
        return run_locust(
            load,
            host,
            self.folder / f"{name}.npz",
            slo_p99_ms=self.slo_p99_ms,
            stop_after_late=certain_to_fail(count_planned(load, self.processes)) if stop_early else 0,
            processors=self.processors,
            processes=self.processes,
            api_key_file=self.api_key_file,
            longest_seconds=longest_seconds,
        )


def measure_trial(
    bench: Bench, load: Load, *, phase: Phase, block: int, number: int, longest_seconds: float = math.inf
) -> Trial:
    """Load the service once. Raises MeasurementError where Locust takes too long, or has no samples to show."""
    before = bench.read()
    stop_early = phase == "search"
    samples = bench.run(load, bench.host, f"{number:04}", stop_early=stop_early, longest_seconds=longest_seconds)
    after = bench.read()
    return conclude(
        samples,
        load,
        spent_between(before, after, load),
        slo_p99_ms=bench.slo_p99_ms,
        phase=phase,
        block=block,
        number=number,
    )


def count_planned(load: Load, processes: int) -> int:
    """Arrivals after the warm-up, as the sources of all processes will schedule them."""
    assert load.rate is not None
    whole = load.warm_up_seconds + load.seconds
    sources = [
        Schedule(load.rate / processes, whole, load.arrivals, seed=(load.seed, index, 0)) for index in range(processes)
    ]
    return sum(instant >= load.warm_up_seconds for source in sources for instant in source.times())
