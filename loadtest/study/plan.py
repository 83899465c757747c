"""The parts of a whole and of a quick study in their order, and how long they should take: the study's time is bounded.

Parts that are not whole when their time is over are left as they are, for the parts after them to have theirs.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil, inf

from loadtest.analysis.forecast import find_capacity
from loadtest.record.errors import MeasurementError
from loadtest.record.results import CURVE, Settings
from loadtest.study import phases
from loadtest.study.deadline import LEAST_SECONDS, LONGEST, SPARE, Deadline, OutOfTimeError
from loadtest.study.locust_run import CLOSED_START_SECONDS
from loadtest.study.study import Study, overhead_seconds
from loadtest.target.connection import accepts_body

PROBES, MORE_PROBES, REPEATED = 4, 3, 2.5
"""Trials of a search that are no repeats, on average; how many more the first one takes; repeats, as if
whole: the bracket moves now and then, but about half of them are stopped early."""
CAUTION = 0.8
"""Of the capacity that a service should have: a search tries lower rates too, whose trials are longer."""
LARGE_BODIES_SECONDS = 4.0
"""Of a sweep over rows: Locust encodes large bodies before it sends them."""
END_SECONDS = 4.0
"""The service is stopped, and the report written."""
REQUESTS = 10
"""To see how long one takes: the fastest is the least disturbed."""


@dataclass(frozen=True)
class Part:
    """One phase. seconds: of a block for all architectures; more_at_first: that the first block takes beyond these."""

    measure: Callable[[Study], None]
    blocks: int
    seconds: float
    more_at_first: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What a study measures. seconds: how long that takes, which it announces."""

    parts: tuple[Part, ...]
    seconds: float


def make_plan(settings: Settings, rates: Sequence[float]) -> Plan:
    """Say what is measured. rates: requests/s that each architecture answers, roughly; infinite where unknown."""
    overhead = overhead_seconds(settings.processes)

    around_trial = settings.warm_up_seconds + overhead

    def opened(rate: float) -> float:
        return around_trial + phases.judged_seconds(settings, rate)

    def searched(rate: float, *, repeat: bool) -> float:
        return around_trial + phases.search_seconds(settings, rate, repeat=repeat)

    def closed(seconds: float) -> float:
        return len(rates) * (ceil(settings.warm_up_seconds + seconds + CLOSED_START_SECONDS) + overhead)

    blocks, seconds = phases.sweep_of(settings)
    if settings.quick:
        parts = [
            Part(phases.measure_saturation, settings.blocks, closed(settings.seconds)),
            Part(phases.measure_common_rate, settings.blocks, len(rates) * opened(phases.QUICK_SHARE * min(rates))),
        ]
    else:
        capacities = [_expect_capacity(rate, settings.slo_p99_ms) for rate in rates]
        first = sum(searched(capacity, repeat=False) for capacity in capacities)
        repeats = REPEATED * sum(searched(capacity, repeat=True) for capacity in capacities)
        curve = sum(opened(capacity * share) for capacity in capacities for share in CURVE)
        parts = [
            Part(phases.sweep_in_flight, blocks, len(phases.IN_FLIGHT) * closed(seconds)),
            Part(phases.find_capacities, settings.blocks, PROBES * first + repeats, MORE_PROBES * first),
            Part(phases.measure_curve, settings.blocks, curve),
            Part(phases.sweep_rows, blocks, len(phases.ROWS) * closed(seconds) + len(rates) * LARGE_BODIES_SECONDS),
        ]
    around = END_SECONDS
    if settings.host is None:
        parts.append(
            Part(phases.measure_alone, 1, closed(phases.ALONE_SECONDS) + len(rates) * 2 * phases.READY_SECONDS)
        )
        around += phases.READY_SECONDS
    return Plan(
        tuple(parts),
        max(LEAST_SECONDS, around + sum(part.blocks * part.seconds + part.more_at_first for part in parts)),
    )


def _expect_capacity(rate: float, slo_ms: float) -> float:
    """Return roughly the requests/s that hold the SLO: a slow service's are few, and its trials long."""
    by_law = inf if rate == inf else CAUTION * find_capacity(1 / rate, slo_ms / 1000)
    return max(min(phases.START_SHARE * rate, by_law), phases.LOWEST_RATE)


def expect_rates(study: Study) -> list[float]:
    """Ask each architecture a few times, one request at a time; infinite where it does not answer."""
    rates = []
    for name in study.settings.architectures:
        kind, took = phases.make_kind(study, name, study.settings.rows), list[float]()
        with suppress(MeasurementError):
            for payload in kind.payloads[:REQUESTS]:
                began = time.perf_counter()
                if accepts_body(study.bench.host, kind.route, kind.media_type, payload.body):
                    took.append(time.perf_counter() - began)
        rates.append(1 / min(took) if took else inf)
    return rates


def run(study: Study, plan: Plan) -> str | None:
    """Measure what is planned, in ``LONGEST`` times its seconds at most; return why it is not all, or None where it is.

    Raises MeasurementError, and InputError where the service no longer says what it serves.
    """
    deadline = study.deadline = Deadline(plan.seconds, study.began, study.clock, spare=SPARE * plan.seconds)
    for place, part in enumerate(plan.parts):
        deadline.block_seconds = part.seconds
        later = plan.parts[place + 1 :]
        deadline.reserved = END_SECONDS + sum(follows.seconds + follows.more_at_first for follows in later)
        with suppress(OutOfTimeError):
            part.measure(study)
    if not deadline.missed:
        return None
    return (
        f"its time was over: it should have taken {plan.seconds:,.0f} s and ends within {LONGEST:g} times that, but "
        "this machine was slower, or busy with something else"
    )
