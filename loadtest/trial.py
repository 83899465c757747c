"""One trial: a load on one architecture, what the service and the machine spent meanwhile, and what it amounts to."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from loadtest.arrivals import Schedule
from loadtest.counters import Counters, settle
from loadtest.gates import Facts, check
from loadtest.judge import certain_to_fail, judge
from loadtest.locust_run import run_locust
from loadtest.results import CDF_LEVELS, Latency, Load, Phase, ServerUse, Split, Trial, Verdict
from loadtest.samples import CUT_OFF, DROPPED, OK, Samples
from loadtest.server import Server, Use

MILLISECONDS = 1000


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

    def run(self, load: Load, host: str, name: str, *, stop_early: bool = False) -> Samples:
        """Offer ``load`` to ``host``; keep the samples under ``name``. Raises MeasurementError.

        stop_early: end as soon as the SLO is missed beyond doubt.
        """
        return run_locust(
            load,
            host,
            self.folder / f"{name}.npz",
            slo_p99_ms=self.slo_p99_ms,
            stop_after_late=certain_to_fail(count_planned(load, self.processes)) if stop_early else 0,
            processors=self.processors,
            processes=self.processes,
        )


@dataclass(frozen=True)
class Reading:
    """What was spent and counted up to one moment."""

    counters: Counters | None
    use: Use | None
    steal_seconds: float
    all_seconds: float


def run_trial(bench: Bench, load: Load, *, phase: Phase, block: int, number: int) -> Trial:
    """Load the service once. Raises MeasurementError where Locust has no samples to show."""
    before = _read(bench, settle(bench.host))
    samples = bench.run(load, bench.host, f"{number:04}", stop_early=phase == "search")
    after = _read(bench, settle(bench.host))
    return summarise(samples, load, before, after, slo_p99_ms=bench.slo_p99_ms, phase=phase, block=block, number=number)


def _read(bench: Bench, counters: Counters | None) -> Reading:
    times = psutil.cpu_times()
    return Reading(
        counters=counters,
        use=bench.server.use() if bench.server else None,
        steal_seconds=getattr(times, "steal", 0.0),
        all_seconds=sum(times),
    )


def count_planned(load: Load, processes: int) -> int:
    """Arrivals after the warm-up, as the sources of all processes will schedule them."""
    assert load.rate is not None
    whole = load.warm_up_seconds + load.seconds
    sources = [
        Schedule(load.rate / processes, whole, load.arrivals, seed=(load.seed, index, 0)) for index in range(processes)
    ]
    return sum(instant >= load.warm_up_seconds for source in sources for instant in source.times())


def summarise(
    samples: Samples,
    load: Load,
    before: Reading,
    after: Reading,
    *,
    slo_p99_ms: float,
    phase: Phase,
    block: int,
    number: int,
) -> Trial:
    """Leave out what belongs to the warm-up, take quantiles of the rest, and look whether it can be believed."""
    opened = load.rate is not None
    kept = _after_warm_up(samples, load)
    right = kept.select(kept.failure == OK)
    late = int(((kept.latency_ms > slo_p99_ms) | (kept.failure != OK)).sum())
    verdict = _judge(late, len(kept)) if opened else None
    lateness = float(np.quantile(kept.lateness_ms, 0.99)) if opened and len(kept) else None
    facts = _facts(
        samples, kept, load, before, after, slo_p99_ms=slo_p99_ms, lateness=lateness, overloaded=verdict == "fail"
    )
    return Trial(
        number=number,
        phase=phase,
        block=block,
        load=load,
        offered=facts.offered,
        dropped=facts.dropped,
        answered=len(right),
        late=late,
        failures=samples.count_failures(),
        requests_per_second=len(right) / _seconds(samples, kept, load),
        latency=_latency(kept.select(kept.status != 0)),
        split=_split(right) if opened else None,
        lateness_p99_ms=lateness,
        generator_share=samples.generator_share,
        steal_share=_share(after.steal_seconds - before.steal_seconds, after.all_seconds - before.all_seconds),
        server=_server_use(facts, after),
        gates=check(facts),
        verdict=verdict,
        stopped_early=phase == "search" and CUT_OFF in samples.failures,
    )


def _after_warm_up(samples: Samples, load: Load) -> Samples:
    """Open arrivals belong to the instant at which they were due, requests of a closed loop to their end."""
    if not len(samples):
        return samples
    instants = samples.scheduled if load.rate is not None else samples.done
    return samples.select(instants >= _end_of_warm_up(samples, load))


def _end_of_warm_up(samples: Samples, load: Load) -> float:
    return float(samples.scheduled.min()) + load.warm_up_seconds


def _seconds(samples: Samples, kept: Samples, load: Load) -> float:
    """Open arrivals: of the schedule; closed loop: from the warm-up's end to the last answer."""
    if load.rate is not None or not len(kept):
        return load.seconds
    return float(kept.done.max()) - _end_of_warm_up(samples, load) or load.seconds


def _judge(late: int, requests: int) -> Verdict:
    return judge(late, requests) if requests else "fail"


def _latency(answered: Samples) -> Latency | None:
    if not len(answered):
        return None
    p50, p95, p99, *cdf = np.quantile(answered.latency_ms, (0.5, 0.95, 0.99, *CDF_LEVELS)).tolist()
    return Latency(p50_ms=p50, p95_ms=p95, p99_ms=p99, cdf_ms=cdf)


def _split(right: Samples) -> Split | None:
    """Medians of the parts; what is neither the generator's nor a stage of the service lies outside of both."""
    timed = right.select(np.isfinite(right.parse))
    if not len(timed):
        return None
    outside = timed.latency_ms - timed.lateness_ms - timed.parse - timed.infer - timed.write
    parts = (timed.lateness_ms, outside, timed.parse, timed.infer, timed.write)
    client, rest, parse, infer, write = (float(np.median(part)) for part in parts)
    return Split(client_ms=client, outside_ms=rest, parse_ms=parse, infer_ms=infer, write_ms=write)


def _facts(
    samples: Samples,
    kept: Samples,
    load: Load,
    before: Reading,
    after: Reading,
    *,
    slo_p99_ms: float,
    lateness: float | None,
    overloaded: bool,
) -> Facts:
    failures = samples.count_failures()
    expected = {DROPPED, CUT_OFF}
    dropped = kept.failed_for(DROPPED)
    end = _end_of_warm_up(samples, load) + load.seconds if len(samples) else 0.0
    counted = cpu = waited = None
    if before.counters and after.counters:
        counted = after.counters.of(load.architecture, load.body) - before.counters.of(load.architecture, load.body)
    if before.use and after.use:
        cpu = after.use.cpu_seconds - before.use.cpu_seconds
        if before.use.waited_seconds is not None and after.use.waited_seconds is not None:
            waited = after.use.waited_seconds - before.use.waited_seconds
    return Facts(
        open=load.rate is not None,
        overloaded=overloaded,
        slo_p99_ms=slo_p99_ms,
        offered=len(kept),
        in_time=int(((kept.sent <= end) & ~dropped).sum()),
        dropped=int(dropped.sum()),
        lateness_p99_ms=lateness,
        generator_share=samples.generator_share,
        all_answered=int((samples.status != 0).sum()),
        all_unanswered=int(((samples.status == 0) & ~samples.failed_for(DROPPED)).sum()),
        wrong={reason: count for reason, count in failures.items() if reason not in expected},
        counted=counted,
        busy_seconds=None if cpu is None or waited is None else cpu + waited,
        cpu_seconds=cpu,
    )


def _server_use(facts: Facts, after: Reading) -> ServerUse | None:
    if facts.cpu_seconds is None or after.use is None:
        return None
    return ServerUse(requests=facts.all_answered, cpu_seconds=facts.cpu_seconds, memory_bytes=after.use.memory_bytes)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
