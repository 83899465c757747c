"""The parts of a whole and of a quick study in their order, and how long they should take: the study's time is bounded.

Parts that are not whole when their time is over are left as they are, for the parts after them to have theirs.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil, inf

from loadtest.record.errors import MeasurementError
from loadtest.record.results import Settings
from loadtest.study.deadline import LEAST_SECONDS, LONGEST, Deadline, OutOfTimeError
from loadtest.study.phases import (
    ALONE_SECONDS,
    CURVE,
    IN_FLIGHT,
    QUICK_SHARE,
    READY_SECONDS,
    ROWS,
    START_SHARE,
    find_capacities,
    judged_seconds,
    make_kind,
    measure_alone,
    measure_common_rate,
    measure_curve,
    measure_saturation,
    sweep_in_flight,
    sweep_of,
    sweep_rows,
)
from loadtest.study.study import OVERHEAD_SECONDS, Study
from loadtest.target.connection import accepts_body

FIRST_PROBES, LATER_PROBES = 11, 9
"""Trials of a search on average."""
LARGE_BODIES_SECONDS = 4.0
"""Of a sweep over rows: Locust encodes large bodies before it sends them."""
END_SECONDS = 4.0
"""The service is stopped, and the report written."""
REQUESTS = 3
"""To see how long one takes: the fastest is the least disturbed."""


@dataclass(frozen=True)
class Part:
    """One phase. Seconds are those of a block for all architectures; its first block may take longer."""

    measure: Callable[[Study], None]
    blocks: int
    block_seconds: float
    first_seconds: float

    @property
    def seconds(self) -> float:
        """That the whole part should take."""
        return self.first_seconds + (self.blocks - 1) * self.block_seconds


@dataclass(frozen=True)
class Plan:
    """What a study measures. seconds: how long that takes, which it announces."""

    parts: tuple[Part, ...]
    seconds: float


def make_plan(settings: Settings, rates: Sequence[float]) -> Plan:
    """Say what is measured. rates: requests/s that each architecture answers, roughly; infinite where unknown."""

    def opened(rate: float) -> float:
        return settings.warm_up_seconds + judged_seconds(settings, rate) + OVERHEAD_SECONDS

    def closed(seconds: float) -> float:
        return len(rates) * (ceil(settings.warm_up_seconds + seconds) + OVERHEAD_SECONDS)

    blocks, seconds = sweep_of(settings)
    if settings.quick:
        parts = [
            _part(measure_saturation, settings.blocks, closed(settings.seconds)),
            _part(measure_common_rate, settings.blocks, len(rates) * opened(QUICK_SHARE * min(rates))),
        ]
    else:
        search = sum(opened(START_SHARE * rate) for rate in rates)
        curve = sum(opened(START_SHARE * rate * share) for rate in rates for share in CURVE)
        parts = [
            _part(sweep_in_flight, blocks, len(IN_FLIGHT) * closed(seconds)),
            Part(find_capacities, settings.blocks, LATER_PROBES * search, FIRST_PROBES * search),
            _part(measure_curve, settings.blocks, curve),
            _part(sweep_rows, blocks, len(ROWS) * closed(seconds) + len(rates) * LARGE_BODIES_SECONDS),
        ]
    around = END_SECONDS
    if settings.host is None:
        parts.append(_part(measure_alone, 1, closed(ALONE_SECONDS) + len(rates) * 2 * READY_SECONDS))
        around += READY_SECONDS
    return Plan(tuple(parts), max(LEAST_SECONDS, around + sum(part.seconds for part in parts)))


def _part(measure: Callable[[Study], None], blocks: int, block_seconds: float) -> Part:
    return Part(measure, blocks, block_seconds, block_seconds)


def expect_rates(study: Study) -> list[float]:
    """Ask each architecture a few times, one request at a time; infinite where it does not answer."""
    rates = []
    for name in study.settings.architectures:
        kind, took = make_kind(study, name, study.settings.rows), list[float]()
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
    deadline = study.deadline = Deadline.announce(plan.seconds, study.began, study.clock)
    for place, part in enumerate(plan.parts):
        deadline.block_seconds = part.block_seconds
        deadline.reserved = END_SECONDS + sum(later.first_seconds for later in plan.parts[place + 1 :])
        with suppress(OutOfTimeError):
            part.measure(study)
    if not deadline.missed:
        return None
    return (
        f"its time was over: it should have taken {plan.seconds:,.0f} s and ends within {LONGEST:g} times that, but "
        "this machine was slower, or busy with something else"
    )
