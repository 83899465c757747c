"""The phases of a study: what each of them measures."""

import itertools

from loadtest.record.errors import MeasurementError
from loadtest.record.intervals import median
from loadtest.record.results import CURVE, SWEEP_BLOCKS, Alone, Capacity, Settings
from loadtest.record.samples import CUT_OFF, OK
from loadtest.record.trials import SATURATION_USERS, Load, Trial
from loadtest.study.search import REPEAT_LONGER, Answer, Shown, dither, search
from loadtest.study.slo import LATE_SHARE, fewest_requests
from loadtest.study.study import Study, expect_seconds, serve_on
from loadtest.target.catalogue import read_examples
from loadtest.target.connection import accepts_body
from loadtest.target.payloads import RequestKind, make_request_kind

SWEEP_SECONDS = 3.0
"""Of a sweep's trial, and of a study with shorter trials as long as those."""
IN_FLIGHT = (1, 2, 4, 8, 16, 32, 64)
ROWS = (1, 4, 16, 64, 256, 1024, 4096)
ROWS_IN_FLIGHT = 4
"""Enough to keep one worker busy, and few enough for 4,096 rows of each to fit into memory."""
FIRST_STEP, LATER_STEP = 2.0, 1.1
"""Factors between rates: while nothing is known, and where another block has found the capacity already."""
START_SHARE = 0.7
"""Of the closed loop's throughput: where the first search starts."""
MOST_PROBES = 20
"""Of a search: 99 of 100 need no more (``tests/unit/test_loadtest_capacity.py`` runs such)."""
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
READY_SECONDS = 3.0
"""Of a service: its start, and as much again its end."""
ALONE_SECONDS = 2.0
"""Load before the memory of an architecture alone is read: what requests need is allocated by then."""
OF_GENERATOR = {"client lateness", "achieved", "generator CPU"}
"""Gates that a generator at its limit fails."""
SEEDS_OF_BLOCK = 100


def measure_saturation(study: Study) -> None:
    """Ask in a closed loop of ``SATURATION_USERS``: what is answered when there is always more to do."""
    for block, name in study.turns(study.settings.blocks, "saturation"):
        study.measure(study.closed_load(name, SATURATION_USERS, study.settings.seconds), "saturation", block)


def measure_common_rate(study: Study) -> None:
    """Offer the same open arrivals to every architecture, at a rate that each stands."""
    throughputs = [_throughput(study, name) for name in study.settings.architectures]
    measured = [throughput for throughput in throughputs if throughput is not None]
    if len(measured) == len(throughputs):
        rate = QUICK_SHARE * min(measured)
        for block, name in study.turns(study.settings.blocks, "curve"):
            study.measure(_judged(study, name, rate, seed=block), "curve", block)


def sweep_in_flight(study: Study) -> None:
    """Ask in closed loops of one user, and of more and more."""
    blocks, seconds = sweep_of(study.settings)
    for block, name in study.turns(blocks, "in flight"):
        for users in IN_FLIGHT:
            study.measure(study.closed_load(name, users, seconds), "in flight", block)


def sweep_rows(study: Study) -> None:
    """Ask in closed loops for one row, and for more and more, as long as the service takes them in one request."""
    blocks, seconds = sweep_of(study.settings)
    taken = list(ROWS)
    for rows in ROWS:
        kind = make_kind(study, study.settings.architectures[0], rows)
        if not accepts_body(study.bench.host, kind.route, kind.media_type, kind.payloads[0].body):
            megabytes = len(kind.payloads[0].body) / 1e6
            study.notes.append(f"the service takes no {rows:,} rows in a request: a body of {megabytes:.1f} MB.")
            taken = [fewer for fewer in ROWS if fewer < rows]
            break
    for block, name in study.turns(blocks, "rows"):
        for rows in taken:
            study.measure(study.closed_load(name, ROWS_IN_FLIGHT, seconds, rows=rows), "rows", block)


def make_kind(study: Study, architecture: str, rows: int) -> RequestKind:
    """Make requests of the study's kind, of so many rows. Raises InputError."""
    examples = read_examples(study.bench.host, architecture)
    scale = study.catalogue.card(architecture).target.scale
    return make_request_kind(architecture, examples, study.settings.body, rows, scale)


def sweep_of(settings: Settings) -> tuple[int, float]:
    """Return the blocks of a sweep and the seconds of its trials."""
    return min(SWEEP_BLOCKS, settings.blocks), min(SWEEP_SECONDS, settings.seconds)


def find_capacities(study: Study) -> None:
    """Search in every block for the highest rate that holds the SLO: from far at first, then about what was found."""
    known: dict[str, float] = {}
    for block, name in study.turns(study.settings.blocks, "search"):
        start, step = known.get(name), LATER_STEP
        if start is None:
            throughput, step = _throughput(study, name), FIRST_STEP
            if throughput is None:
                continue
            start = START_SHARE * throughput
        seed = (study.settings.seed, study.settings.architectures.index(name), block)
        start = max(dither(start, step=LATER_STEP, seed=seed), LOWEST_RATE)
        probe = _Prober(study, name, block)
        found = search(probe, start, step=step, lowest=LOWEST_RATE, most_trials=MOST_PROBES)
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

    def __call__(self, rate: float, repeat: bool) -> Answer:
        seconds = search_seconds(self.study.settings, rate, repeat=repeat)
        load = self.study.open_load(self.architecture, rate, seconds, seed=next(self.seeds))
        return read_answer(self.study.measure(load, "search", self.block))


def read_answer(trial: Trial) -> Answer:
    """Return what a trial says of the service: how many were late, or nothing where it can't be believed."""
    if trial.valid:
        late_share = trial.late / trial.offered if trial.offered else 1.0
        growing = trial.verdict == "fail" and late_share <= LATE_SHARE
        return Shown(1.0 if growing else late_share, trial.load.seconds)
    failed = {gate.name for gate in trial.gates if gate.ok is False}
    if failed & OF_GENERATOR and trial.generator_share > BUSY_GENERATOR:
        return "generator"
    return "undecided"


def measure_curve(study: Study) -> None:
    """Offer open arrivals at shares of each architecture's own capacity."""
    for block, name in study.turns(study.settings.blocks, "curve"):
        rates = [found.rate for found in study.capacities if found.architecture == name and found.rate is not None]
        if rates:
            for place, share in enumerate(CURVE):
                seed = block * SEEDS_OF_BLOCK + place
                study.measure(_judged(study, name, share * median(rates), seed=seed), "curve", block)


def measure_alone(study: Study) -> None:
    """Serve each architecture by itself, by one worker, for its memory and its start.

    Raises MeasurementError where one never answers rightly; wrong answers among right ones are noted.
    """
    release = study.catalogue.release
    for name in study.settings.architectures:
        load = study.closed_load(name, SATURATION_USERS, ALONE_SECONDS)
        study.deadline.require(2 * READY_SECONDS + expect_seconds(load, study.settings.processes))
        study.tell(f"alone: {name}")
        alone = {"ARCHSCALE_RELEASE": release, "ARCHSCALE_ARCHITECTURES": name, "ARCHSCALE_WORKERS": "1"}
        with serve_on(study.service_processors, **alone) as server:
            samples = study.bench.run(load, server.url, f"alone-{name}", longest_seconds=study.deadline.left)
            wrong = ", ".join(f"{n:,} x {why}" for why, n in samples.count_failures().items() if why != CUT_OFF)
            if not (samples.failure == OK).any():
                raise MeasurementError(f"{name} served alone must answer rightly, however: {wrong or 'no answer'}.")
            if wrong:
                study.notes.append(f"{name} served alone answered wrongly before its memory was read: {wrong}.")
            study.alone[name] = Alone(
                ready_seconds=server.ready_seconds, worker_memory_bytes=server.worker_memory_bytes()
            )


def judged_seconds(settings: Settings, rate: float) -> float:
    """Return for how long open arrivals come: their p99 can be judged, and a queue that grows comes to show."""
    queue_shows = min(QUEUE_SHOWS * settings.slo_p99_ms / 1000, LONGEST_SECONDS)
    return max(settings.seconds, ENOUGH * fewest_requests() / rate, queue_shows)


def search_seconds(settings: Settings, rate: float, *, repeat: bool) -> float:
    """Return for how long arrivals of a search's trial come. repeat: at an end of its last bracket."""
    return judged_seconds(settings, rate) * (REPEAT_LONGER if repeat else 1)


def _judged(study: Study, architecture: str, rate: float, seed: int) -> Load:
    return study.open_load(architecture, rate, judged_seconds(study.settings, rate), seed)


def _throughput(study: Study, architecture: str) -> float | None:
    """Return the highest requests/s of a closed loop; None where none was measured."""
    closed = [
        trial.requests_per_second
        for trial in study.trials
        if trial.load.architecture == architecture and trial.phase in {"saturation", "in flight"} and not trial.replaced
    ]
    return max(closed, default=None)
