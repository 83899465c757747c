"""What is compared: loads on servers, and the lines of the table that put two of their figures in proportion."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tests.bench.peers.wrk import CONNECTIONS

Form = Literal["json", "raw", "npy", "v2", "v2 binary"]
OURS = "archscale"
IN_PROCESS = "ONNX Runtime in process"
RATE, P50, P99 = "requests/s", "p50, ms", "p99, ms"
READY, MEMORY = "ready, s", "memory, MB"
CPU = OURS + ": CPU us/request, {} worker(s)"
STEADY_MEMORY = OURS + ": memory after many requests, MB"
STEADY_GROWTH = OURS + ": memory after many requests / before"


@dataclass(frozen=True)
class Case:
    """One load on one server."""

    server: str
    form: Form = "json"
    rows: int = 1
    architecture: str = "small"
    connections: int = CONNECTIONS

    def __str__(self) -> str:
        """Name it."""
        many = "" if self.connections == CONNECTIONS else f", {self.connections} connections"
        return f"{self.server}: {self.rows} x {self.form}, {self.architecture}{many}"


@dataclass(frozen=True)
class Figure:
    """A figure of a case, or of a server as a whole."""

    of: Case | str
    measure: str = RATE

    @property
    def name(self) -> str:
        """Under which it is kept."""
        return f"{self.of}: {self.measure}"


@dataclass(frozen=True)
class Line:
    """A figure in proportion to another, or by itself. bar, aim: at least so much, or at most."""

    label: str
    above: Figure | str
    below: Figure | str | None = None
    bar: float | None = None
    aim: float | None = None
    at_most: bool = False

    @property
    def figures(self) -> tuple[Figure | str, ...]:
        """What it needs."""
        return (self.above,) if self.below is None else (self.above, self.below)

    def is_met(self, value: float) -> bool | None:
        """Whether a value reaches the bar; None where there is none."""
        if self.bar is None:
            return None
        return value <= self.bar if self.at_most else value >= self.bar


def rate(server: str, form: Form = "json", rows: int = 1, architecture: str = "small") -> Figure:
    """Requests/s of a load over ``CONNECTIONS``."""
    return Figure(Case(server, form, rows, architecture))


def over(connections: int, architecture: str = "small", measure: str = RATE) -> Figure:
    """Return a figure of one-row JSON over so many connections."""
    return Figure(Case(OURS, architecture=architecture, connections=connections), measure)


ROW = rate(OURS)
LINES = (
    Line("1 row of JSON, to FastAPI", ROW, rate("FastAPI"), 6, 8),
    Line("to BentoML's tutorial", ROW, rate("tutorial BentoML"), 45, 60),
    Line("to LitServe", ROW, rate("LitServe")),
    Line("to MLServer", ROW, rate("MLServer", "v2")),
    Line("to Ray Serve", ROW, rate("Ray Serve")),
    Line("to a bare ASGI handler", ROW, rate("bare ASGI"), 1.75, 2.2),
    Line(
        "to a bare ASGI handler, large",
        rate(OURS, architecture="large"),
        rate("bare ASGI", architecture="large"),
        2.1,
        2.6,
    ),
    Line("to an ASGI echo", ROW, rate("ASGI echo"), 0.88, 1.15),
    Line("to uvloop and httptools, at once", ROW, rate("uvloop and httptools")),
    Line("1 raw row, to 1 row of features", rate(OURS, "raw"), ROW, 1.1, 1.3),
    Line("large, to small, 64 connections", over(64, "large"), over(64), 0.8, 0.88),
    Line("/v2 JSON, to Triton", rate(OURS, "v2"), rate("Triton", "v2"), 2.2, 3),
    Line("/v2 binary, to Triton", rate(OURS, "v2 binary"), rate("Triton", "v2 binary"), 2.2, 3),
    Line(
        "/v2 JSON, to Triton, large",
        rate(OURS, "v2", architecture="large"),
        rate("Triton", "v2", architecture="large"),
        2.4,
        3.5,
    ),
    Line("/v2 JSON, to Triton, no batching", rate(OURS, "v2"), rate("Triton, no batching", "v2")),
    Line("/v2 binary, to Triton, no batching", rate(OURS, "v2 binary"), rate("Triton, no batching", "v2 binary")),
    Line("/v2 JSON, to own route", rate(OURS, "v2"), ROW, 0.85, 0.95),
    Line("/v2 binary, to own route", rate(OURS, "v2 binary"), ROW, 1.0, 1.2),
    Line("64 rows of JSON, to FastAPI", rate(OURS, rows=64), rate("FastAPI", rows=64), 4.5, 7),
    Line("64 rows of .npy, to a bare ASGI handler", rate(OURS, "npy", 64), rate("bare ASGI", "npy", 64), 1.1, 1.4),
    Line(
        "1,024 rows of .npy, to ONNX Runtime in process, large",
        rate(OURS, "npy", 1024, "large"),
        rate(IN_PROCESS, "npy", 1024, "large"),
        0.85,
        0.92,
    ),
    Line("p99 / p50, 16 connections", over(16, measure=P99), over(16, measure=P50), 2.2, 1.8, at_most=True),
    Line("p99 / p50, 256 connections", over(256, measure=P99), over(256, measure=P50), 2.5, 1.8, at_most=True),
    Line("CPU a request, two workers to one", CPU.format(2), CPU.format(1), 1.1, 1.0, at_most=True),
    Line("memory of a worker, MB", STEADY_MEMORY, None, 150, 125, at_most=True),
    Line("memory after many requests, to before", STEADY_GROWTH, None, 1.03, None, at_most=True),
    Line("ready after, s", Figure(OURS, READY), None, 2.5, 1.5, at_most=True),
)


def choose(words: Iterable[str]) -> list[Line]:
    """Return the lines whose labels hold one of the words; all, if there are none."""
    wanted = [word.lower() for word in words]
    return [line for line in LINES if not wanted or any(word in line.label.lower() for word in wanted)]


def cases_of(lines: Iterable[Line]) -> list[Case]:
    """Return the loads that lines need, each once, in their order."""
    figures = [figure for line in lines for figure in line.figures if isinstance(figure, Figure)]
    return list(dict.fromkeys(figure.of for figure in figures if isinstance(figure.of, Case)))
