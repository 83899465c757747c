"""One load on one architecture, and what became of it.

Times are seconds and latencies milliseconds where a name does not say otherwise. A trial's counts, latencies and
rates leave out the arrivals that were scheduled in its warm-up; its processor times and failures do not.
"""

from typing import Literal, get_args

from pydantic import Field

from service.contract.card import Frozen

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
CDF_LEVELS = (*(k / 100 for k in range(1, 100)), 0.995, 0.999)


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
    parts: dict[str, float] = Field(default_factory=dict)
    """What the figure is made of, for example the arrivals that were sent and offered."""
    ok: bool | None
    """None: it could not be measured here, or an overload excuses it."""

    @property
    def excess(self) -> float:
        """How far the figure lies beyond the limit: of two gates of one name, that of more is the worse."""
        return 0.0 if self.figure is None else self.figure - self.limit


class Latency(Frozen):
    """From the scheduled instant (open arrivals) or from sending (closed loop) to the whole answer.

    A request that was dropped, cut off, refused (503) or never answered is later than all others. A quantile among
    those is not known: it is at least the longest latency of an answer, which then stands in its place.
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
    """Requests over the SLO, dropped, refused, failed or cut off."""
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
