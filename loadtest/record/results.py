"""What a capacity study measured: every trial as it was. All that summary, report and comparison read.

Times are seconds and latencies milliseconds where a name does not say otherwise. A trial's counts, latencies and
rates leave out the arrivals that were scheduled in its warm-up; its processor times and failures do not.
"""

from pathlib import Path
from typing import Literal, get_args

from pydantic import ValidationError

from loadtest.record.errors import InputError
from loadtest.record.whole_file import write_whole
from service.contract.card import Description, Difference, Frozen

RESULTS_FILE = "results.json"
FORMAT: Literal[3] = 3
"""Of the results file; 1 was the closed-loop comparison's, 2 had gates in words and latencies of answers alone."""

Arrivals = Literal["poisson", "constant"]
ARRIVALS: tuple[Arrivals, ...] = get_args(Arrivals)
Shape = Literal["constant", "step", "ramp", "burst", "soak"]
"""How the rate of open arrivals changes over a run."""
SHAPES: tuple[Shape, ...] = get_args(Shape)
Body = Literal["json", "npy", "raw"]
"""json: features as JSON; npy: features as a float32 .npy file, answered likewise; raw: raw values as JSON."""
BODIES: tuple[Body, ...] = get_args(Body)
Phase = Literal["saturation", "search", "curve", "rows", "in flight"]
"""saturation: a closed loop of SATURATION_USERS; search: for the capacity; curve: latency against rate; rows: rows in
each request; in flight: requests at the same time."""
GateName = Literal[
    "client lateness",
    "achieved",
    "nothing dropped",
    "counts agree",
    "service undisturbed",
    "generator CPU",
    "answers correct",
]
"""See ``loadtest.study.gates``."""
Verdict = Literal["pass", "fail", "undecided"]
"""Whether the SLO was held; see ``loadtest.study.slo``."""

SATURATION_USERS = 16
SWEEP_BLOCKS = 3
"""Repeats of a sweep, and of a study with fewer blocks as many as those."""
ROUNDING = 1 + 1e-9
"""A rate that was computed twice is the same rate."""
OPERATING_SHARE = 0.7
"""Of the capacity: the rate at which latencies are compared."""
CDF_LEVELS = tuple(k / 100 for k in range(1, 100)) + (0.995, 0.999)


class Settings(Frozen):
    """What was asked for."""

    host: str | None
    """None: the service was started for this study."""
    architectures: list[str]
    body: Body
    rows: int
    slo_p99_ms: float
    quick: bool
    """Without search, curve and sweeps: saturation, and one common rate."""
    blocks: int
    """Repeats of each measurement: the unit of every interval."""
    seconds: float
    """Of a trial, its warm-up left out."""
    warm_up_seconds: float
    arrivals: Arrivals
    seed: int
    processes: int
    """That generate the load: ``--generators``, or Locust's workers."""
    price_per_core_hour: float | None


class Load(Frozen):
    """What one trial offered."""

    architecture: str
    body: Body
    rows: int
    rate: float | None
    """Scheduled arrivals/s (open); None for a closed loop."""
    in_flight: int | None
    """Users that each wait for their answer (closed loop); None for open arrivals."""
    arrivals: Arrivals
    seconds: float
    warm_up_seconds: float
    seed: int


class Gate(Frozen):
    """One condition under which a trial's figures can be believed."""

    name: GateName
    figure: float | None
    """What is held against ``limit``; None where it could not be measured, or where nothing was."""
    limit: float
    """The most that ``figure`` may be, in its unit: milliseconds, requests, or a share."""
    parts: dict[str, float] = {}
    """What the figure is made of, for example the arrivals that were sent and offered."""
    ok: bool | None
    """None: it could not be measured here, or an overload excuses it."""

    @property
    def excess(self) -> float:
        """How far the figure lies beyond the limit: of two gates of one name, that of more is the worse."""
        return 0.0 if self.figure is None else self.figure - self.limit


class Latency(Frozen):
    """From the scheduled instant (open arrivals) or from sending (closed loop) to the whole answer.

    A request that was dropped, cut off or never answered is later than all others. A quantile among those is not
    known: it is at least the longest latency of an answer, which then stands in its place.
    """

    p50_ms: float
    p95_ms: float
    p99_ms: float
    cdf_ms: list[float]
    """Quantiles at ``CDF_LEVELS``."""
    known: float = 1.0
    """Level up to which quantiles are known; above they are lower bounds."""


class TimeSplit(Frozen):
    """Where the time of a median request goes, in milliseconds.

    client: scheduled until taken up by the generator; outside: network, HTTP and queue; parse, infer, write: as the
    service says (Server-Timing).
    """

    client_ms: float
    outside_ms: float
    parse_ms: float
    infer_ms: float
    write_ms: float


class ServerUse(Frozen):
    """What the service spent on a trial, its warm-up included. Only for a service that the study started."""

    requests: int
    cpu_seconds: float
    """Processor time of its workers."""
    memory_bytes: int
    """Resident memory of its largest worker, after the trial."""


class Trial(Frozen):
    """One load on one architecture."""

    number: int
    """In the order in which they were run, from 1."""
    phase: Phase
    block: int
    load: Load
    offered: int
    """Arrivals that were scheduled (open), or requests that were sent (closed loop)."""
    dropped: int
    """Arrivals that were given up because too many were under way."""
    answered: int
    """Requests with the right answer."""
    late: int
    """Requests over the SLO, dropped, failed or cut off."""
    backlog: int
    """Requests under way at the end, less those at the end of the warm-up; 0 for a closed loop."""
    failures: dict[str, int]
    """Reason -> requests."""
    requests_per_second: float
    """Right answers a second."""
    latency: Latency | None
    """None where nothing was answered."""
    split: TimeSplit | None
    lateness_p99_ms: float | None
    """Of the generator: from the scheduled instant until it took the arrival up; None for a closed loop."""
    generator_share: float
    """Of one processor: of the busiest process of the load generator."""
    steal_share: float | None
    """Of all processors: time that the host took for others; None where that can't be read."""
    server: ServerUse | None
    gates: list[Gate]
    verdict: Verdict | None
    """None for a closed loop."""
    stopped_early: bool = False
    """The SLO was missed beyond doubt before the end."""
    replaced: bool = False
    """It failed a gate and was run again: no figure rests on it."""

    @property
    def valid(self) -> bool:
        """Whether no gate failed."""
        return all(gate.ok is not False for gate in self.gates)


class Capacity(Frozen):
    """The highest rate that held the SLO, as one block of the search found it."""

    architecture: str
    block: int
    outcome: Literal["found", "generator", "none", "undecided"]
    """found: ``rate`` held and 5 % more did not; generator: ``rate`` held, and the load generator could not offer more;
    none: not even the lowest rate that was tried held; undecided: repeats at the boundary contradict each
    other, or the lowest rate could be neither held nor missed."""
    rate: float | None
    """Requests/s; None for the outcomes none and undecided."""
    next_rate: float | None = None
    """The lowest rate that was tried and not held; None where every one was."""


class Alone(Frozen):
    """An architecture served by itself, by one worker."""

    ready_seconds: float
    worker_memory_bytes: int
    """Resident memory of the worker, after requests of the study's kind."""


class Environment(Frozen):
    """Where this was measured."""

    started: str
    """ISO 8601, UTC."""
    processor: str
    processors: int
    service_processors: int | None
    """Processors that the service had to itself; None: it shared all, or was started elsewhere."""
    workers: int | None
    platform: str
    versions: dict[str, str]
    """Library -> version."""
    command: str


class Results(Frozen):
    """A whole study, or what there is of it."""

    format: Literal[3] = FORMAT
    release: str
    settings: Settings
    environment: Environment
    cards: dict[str, Description]
    differences: dict[str, Difference]
    """Empty where the release's evaluation is not in the store of this machine."""
    trials: list[Trial]
    capacities: list[Capacity]
    alone: dict[str, Alone]
    seconds: float
    """That the study took."""
    partial: str | None
    """Why it ended before its end; None for a whole study."""
    notes: list[str] = []
    """What else a reader should know."""

    @property
    def highest_decisive(self) -> dict[tuple[str, int], float]:
        """(architecture, block) -> the highest rate whose trials decided the capacity; 0 where nothing was found.

        That of a capacity which was found is the next rate, which did not hold: a trial there that can't be believed
        would make the capacity too low. Where the load generator was the limit it is the rate that held.
        """
        return {
            (found.architecture, found.block): (found.next_rate if found.outcome == "found" else None)
            or found.rate
            or 0.0
            for found in self.capacities
        }

    def rests_on(self, trial: Trial) -> bool:
        """Whether a figure rests on ``trial``: not where it was run again, or offered more than what decided."""
        if trial.replaced or trial.phase != "search":
            return not trial.replaced
        highest = self.highest_decisive.get((trial.load.architecture, trial.block), 0.0)
        return trial.load.rate is not None and trial.load.rate <= highest * ROUNDING

    @property
    def valid(self) -> bool:
        """Whether it is whole and no trial that a figure rests on failed a gate."""
        return self.partial is None and all(trial.valid for trial in self.trials if self.rests_on(trial))


def make_folder(folder: Path, option: str) -> None:
    """Find out before the load whether its results can be written. option: that names it. Raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".draft").touch()
        (folder / ".draft").unlink()
    except OSError as error:
        raise InputError(
            f"{option} must be a folder that can be written to, however: {folder}: {error.strerror}. Choose another."
        ) from None


def save_results(results: Results, folder: Path) -> Path:
    """Write ``results.json`` into ``folder``, whole or not at all, and return its path. Raises OSError."""
    path = folder / RESULTS_FILE
    write_whole(path, results.model_dump_json(indent=1) + "\n")
    return path


def load_results(path: Path) -> Results:
    """Read what ``save_results`` wrote; ``path`` is the file or its folder. Raises InputError."""
    file = path / RESULTS_FILE if path.is_dir() else path
    try:
        return Results.model_validate_json(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"results must be a file that can be read, however: {file}: {reason}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise InputError(
            f"results must be of this version (format {FORMAT}), however: {file}: {where}: {first['msg']}. "
            "Measure again with this version, or read them with the version that wrote them."
        ) from None
