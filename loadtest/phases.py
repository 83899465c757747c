"""The phases of a study, in the order in which a whole or a quick one runs them."""

import math
from collections.abc import Callable

from loadtest.intervals import median
from loadtest.judge import fewest_requests
from loadtest.locust_run import run_locust
from loadtest.results import OPERATING_SHARE, SATURATION_USERS, Alone, Capacity, Settings, Trial
from loadtest.search import Answer, search
from loadtest.server import serve_newest
from loadtest.study import Study

SWEEP_BLOCKS = 3
SWEEP_SECONDS = 3.0
IN_FLIGHT = (1, 2, 4, 8, 16, 32, 64)
ROWS = (1, 4, 16, 64, 256, 1024, 4096)
ROWS_IN_FLIGHT = 4
"""Enough to keep one worker busy, and few enough for 4,096 rows of each to fit into memory."""
CURVE = (0.25, 0.5, OPERATING_SHARE, 0.85, 1.0)
"""Shares of the capacity at which latencies are measured."""
FIRST_STEP, LATER_STEP = 2.0, 1.15
"""Factors between rates: while nothing is known, and where another block has found the capacity already."""
START_SHARE = 0.7
"""Of the closed loop's throughput: where the first search starts."""
QUICK_SHARE = 0.5
"""Of the slowest one's closed-loop throughput: the common rate of a quick study."""
LOWEST_RATE = 10.0
"""Requests/s. A p99 of less takes minutes to judge."""
ENOUGH = 1.2
"""Times the fewest requests that can pass: as many as that have to be expected."""
BUSY_GENERATOR = 0.5
"""Of its processor: below, a generator that was late was disturbed, not at its limit."""
ALONE_SECONDS = 2.0
"""Load before the memory of an architecture alone is read: what requests need is allocated by then."""
OVERHEAD_SECONDS = 1.2
"""Of a trial: Locust's start and end."""
READY_SECONDS = 3.0
FIRST_PROBES, LATER_PROBES = 10, 7


def run(study: Study) -> None:
    """Measure all that the study's settings ask for. Raises MeasurementError."""
    if study.settings.quick:
        measure_saturation(study)
        measure_common_rate(study)
    else:
        sweep_in_flight(study)
        find_capacities(study)
        measure_curve(study)
        sweep_rows(study)
    if study.settings.host is None:
        measure_alone(study)


def estimate_seconds(settings: Settings, architectures: int) -> float:
    """Return roughly how long ``run`` takes."""
    trial = settings.warm_up_seconds + settings.seconds + OVERHEAD_SECONDS
    sweep = SWEEP_BLOCKS * (settings.warm_up_seconds + SWEEP_SECONDS + OVERHEAD_SECONDS)
    alone = 0.0 if settings.host else 2 * READY_SECONDS + ALONE_SECONDS
    if settings.quick:
        return architectures * (2 * settings.blocks * trial + alone)
    probes = FIRST_PROBES + (settings.blocks - 1) * LATER_PROBES
    whole = (probes + len(CURVE) * settings.blocks) * trial + (len(IN_FLIGHT) + len(ROWS)) * sweep
    return architectures * (whole + alone)


def measure_saturation(study: Study) -> None:
    """Closed loop of ``SATURATION_USERS``: what is answered when there is always more to do."""
    for block, name in study.turns(study.settings.blocks, "saturation"):
        study.measure(study.closed_load(name, SATURATION_USERS, study.settings.seconds), "saturation", block)


def measure_common_rate(study: Study) -> None:
    """Open arrivals, the same for every architecture, at a rate that each stands."""
    rate = QUICK_SHARE * min(_throughput(study, name) for name in study.settings.architectures)
    for block, name in study.turns(study.settings.blocks, "curve"):
        study.measure(_judged_load(study, name, rate, seed=block), "curve", block)


def sweep_in_flight(study: Study) -> None:
    """Closed loops of one to ``IN_FLIGHT[-1]`` users."""
    _sweep(study, IN_FLIGHT, "in flight", lambda name, users: study.measure_closed(name, users))


def find_capacities(study: Study) -> None:
    """Search in every block for the highest rate that holds the SLO."""
    found: dict[str, float] = {}
    for block, name in study.turns(study.settings.blocks, "search"):
        start, step = found.get(name, START_SHARE * _throughput(study, name)), FIRST_STEP
        ...
