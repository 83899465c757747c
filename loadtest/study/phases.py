"""The phases of a study, in the order in which a whole or a quick one runs them."""

import itertools
import time

from loadtest.record.intervals import median
from loadtest.record.results import OPERATING_SHARE, SATURATION_USERS, Alone, Capacity, Load, Settings, Trial
from loadtest.study.search import Answer, dither, search
from loadtest.study.slo import fewest_requests
from loadtest.study.study import Study, serve_on
from loadtest.target.catalogue import read_examples
from loadtest.target.payloads import make_request_kind
from loadtest.target.probe import takes

SWEEP_BLOCKS = 3
"""Repeats of a sweep, and of a study with fewer blocks as many as those."""
SWEEP_SECONDS = 3.0
"""Of a sweep's trial, and of a study with shorter trials as long as those."""
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
QUEUE_SHOWS, LONGEST_SECONDS = 20, 30.0
"""Times the SLO that a trial lasts at least, and where that ends: 5 % too much then make the last arrivals late."""
BUSY_GENERATOR = 0.5
"""Of its processor: below, a generator that was late was disturbed, not at its limit."""
ALONE_SECONDS = 2.0
"""Load before the memory of an architecture alone is read: what requests need is allocated by then."""
OVERHEAD_SECONDS = 1.2
"""Of a trial: Locust's start and end."""
READY_SECONDS = 3.0
FIRST_PROBES, LATER_PROBES = 10, 7
OF_GENERATOR = {"client lateness", "achieved", "generator CPU"}
"""Gates that a generator at its limit fails."""
SEEDS_OF_BLOCK = 100


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
    blocks, seconds = _sweep(settings)
    sweep = blocks * (settings.warm_up_seconds + seconds + OVERHEAD_SECONDS)
    alone = 0.0 if settings.host else 2 * READY_SECONDS + ALONE_SECONDS
    if settings.quick:
        return architectures * (2 * settings.blocks * trial + alone)
    probes = FIRST_PROBES + (settings.blocks - 1) * LATER_PROBES
    whole = (probes + len(CURVE) * settings.blocks) * trial + (len(IN_FLIGHT) + len(ROWS)) * sweep
    return architectures * (whole + alone)


def measure_saturation(study: Study) -> None:
    """Ask in a closed loop of ``SATURATION_USERS``: what is answered when there is always more to do."""
    for block, name in study.turns(study.settings.blocks, "saturation"):
        study.measure(study.closed_load(name, SATURATION_USERS, study.settings.seconds), "saturation", block)


def measure_common_rate(study: Study) -> None:
    """Offer the same open arrivals to every architecture, at a rate that each stands."""
    rate = QUICK_SHARE * min(_throughput(study, name) for name in study.settings.architectures)
    for block, name in study.turns(study.settings.blocks, "curve"):
        study.measure(_judged(study, name, rate, seed=block), "curve", block)


def sweep_in_flight(study: Study) -> None:
    """Ask in closed loops of one user, and of more and more."""
    blocks, seconds = _sweep(study.settings)
    for block, name in study.turns(blocks, "in flight"):
        for users in IN_FLIGHT:
            study.measure(study.closed_load(name, users, seconds), "in flight", block)


def sweep_rows(study: Study) -> None:
    """Ask in closed loops for one row, and for more and more."""
    blocks, seconds = _sweep(study.settings)
    taken = _find_taken(study)
    for block, name in study.turns(blocks, "rows"):
        for rows in taken:
            study.measure(study.closed_load(name, ROWS_IN_FLIGHT, seconds, rows=rows), "rows", block)


def _find_taken(study: Study) -> list[int]:
    """Return which of ``ROWS`` the service takes in one request: bodies have a limit, the same for all."""
    architecture = study.settings.architectures[0]
    examples = read_examples(study.bench.host, architecture)
    scale = study.catalogue.card(architecture).target.scale
    taken = []
    for rows in ROWS:
        kind = make_request_kind(architecture, examples, study.settings.body, rows, scale)
        if not takes(study.bench.host, kind):
            megabytes = len(kind.payloads[0].body) / 1e6
            study.notes.append(f"the service takes no {rows:,} rows in a request: a body of {megabytes:.1f} MB.")
            break
        taken.append(rows)
    return taken


def _sweep(settings: Settings) -> tuple[int, float]:
    return min(SWEEP_BLOCKS, settings.blocks), min(SWEEP_SECONDS, settings.seconds)


def find_capacities(study: Study) -> None:
    """Search in every block for the highest rate that holds the SLO: from far at first, then about what was found."""
    known: dict[str, float] = {}
    for block, name in study.turns(study.settings.blocks, "search"):
        start, step = (
            (known[name], LATER_STEP) if name in known else (START_SHARE * _throughput(study, name), FIRST_STEP)
        )
        seed = (study.settings.seed, study.settings.architectures.index(name), block)
        start = max(dither(start, step=LATER_STEP, seed=seed), LOWEST_RATE)
        found = search(_Prober(study, name, block), start, step=step, lowest=LOWEST_RATE)
        if found.rate is not None:
            known[name] = found.rate
        study.keep(
            Capacity(architecture=name, block=block, outcome=found.outcome, rate=found.rate, next_rate=found.next_rate)
        )


class _Prober:
    """Answers for one rate after the other, in one block; the n-th trial has the same seed for every architecture."""

    def __init__(self, study: Study, architecture: str, block: int) -> None:
        self.study, self.architecture, self.block = study, architecture, block
        self.seeds = itertools.count(block * SEEDS_OF_BLOCK)

    def __call__(self, rate: float) -> Answer:
        load = _judged(self.study, self.architecture, rate, seed=next(self.seeds))
        return answer(self.study.measure(load, "search", self.block))


def answer(trial: Trial) -> Answer:
    """Return what a trial says of the service: its verdict, or nothing where it can't be believed."""
    if trial.valid:
        assert trial.verdict is not None
        return trial.verdict
    failed = {gate.name for gate in trial.gates if gate.ok is False}
    if failed & OF_GENERATOR and trial.generator_share > BUSY_GENERATOR:
        return "generator"
    return "undecided"


def measure_curve(study: Study) -> None:
    """Offer open arrivals at shares of each architecture's own capacity."""
    for block, name in study.turns(study.settings.blocks, "curve"):
        rates = [one.rate for one in study.capacities if one.architecture == name and one.rate is not None]
        if rates:
            for place, share in enumerate(CURVE):
                seed = block * SEEDS_OF_BLOCK + place
                study.measure(_judged(study, name, share * median(rates), seed=seed), "curve", block)


def measure_alone(study: Study) -> None:
    """Serve each architecture by itself, by one worker, for its memory and its start."""
    release = study.catalogue.release
    for name in study.settings.architectures:
        alone = {"ARCHSCALE_RELEASE": release, "ARCHSCALE_ARCHITECTURES": name, "ARCHSCALE_WORKERS": "1"}
        began = time.monotonic()
        with serve_on(study.service_processors, **alone) as server:
            load = study.closed_load(name, SATURATION_USERS, ALONE_SECONDS)
            study.bench.run(load, server.url, "alone")
            study.alone[name] = Alone(
                ready_seconds=server.ready_seconds, worker_memory_bytes=server.worker_memory_bytes()
            )
        study.advance(f"alone: {name}", time.monotonic() - began)


def _judged(study: Study, architecture: str, rate: float, seed: int) -> Load:
    """Open arrivals for so long that their p99 can be judged, and that a queue that grows comes to show."""
    settings = study.settings
    queue_shows = min(QUEUE_SHOWS * settings.slo_p99_ms / 1000, LONGEST_SECONDS)
    seconds = max(settings.seconds, ENOUGH * fewest_requests() / rate, queue_shows)
    return study.open_load(architecture, rate, seconds, seed)


def _throughput(study: Study, architecture: str) -> float:
    """Return the highest requests/s of a closed loop."""
    closed = [
        one
        for one in study.trials
        if one.load.architecture == architecture and one.phase in {"saturation", "in flight"} and not one.replaced
    ]
    return max(one.requests_per_second for one in closed)
