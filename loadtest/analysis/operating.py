"""The operating point: latency and processor time at a share of the sustained rate, or at the rate of a quick study."""

from dataclasses import dataclass

from loadtest.analysis.capacity import Sustained
from loadtest.analysis.evidence import measure, nearest, trials_of
from loadtest.analysis.figures import Figure
from loadtest.analysis.sweeps import PERCENTILES
from loadtest.record.results import OPERATING_SHARE, Results, Trial


@dataclass(frozen=True)
class Operating:
    """rate: requests/s that were offered; cpu_ms: processor time of the service for each request."""

    rate: Figure
    p50_ms: Figure
    p95_ms: Figure
    p99_ms: Figure
    cpu_ms: Figure


def find_operating_trials(results: Results, architecture: str, sustained: Sustained) -> list[Trial]:
    """Return the trial of each block at the operating point; empty where no rate was sustained to take a share of."""
    curve = trials_of(results, "curve", architecture)
    if results.settings.quick:
        return nearest(curve, curve[0].load.rate or 0.0) if curve else []
    value = sustained.requests.value
    return [] if value is None else nearest(curve, OPERATING_SHARE * value.estimate)


def find_operating(results: Results, architecture: str, sustained: Sustained) -> Operating:
    """Measure the operating point; withheld with the sustained rate that it is a share of."""
    withheld = sustained.requests.withheld
    if withheld is not None and not results.settings.quick:
        return _everywhere(Figure(withheld=withheld))
    trials = find_operating_trials(results, architecture, sustained)
    return Operating(
        rate=measure(trials, lambda trial: trial.load.rate),
        p50_ms=measure(trials, PERCENTILES["p50"]),
        p95_ms=measure(trials, PERCENTILES["p95"]),
        p99_ms=measure(trials, PERCENTILES["p99"]),
        cpu_ms=measure(trials, _cpu_ms),
    )


def _everywhere(figure: Figure) -> Operating:
    return Operating(rate=figure, p50_ms=figure, p95_ms=figure, p99_ms=figure, cpu_ms=figure)


def _cpu_ms(trial: Trial) -> float | None:
    used = trial.server
    return 1000 * used.cpu_seconds / used.requests if used is not None and used.requests else None
