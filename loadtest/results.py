"""What a comparison measured: the rounds as they were, and the figures derived from them. All that a report reads."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from loadtest.payloads import Body
from service.card import ModelCard

RESULTS_FILE = "results.json"


class Frozen(BaseModel):
    """A record that does not change once it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Settings(Frozen):
    """What was asked for."""

    host: str | None
    """None: the service was started for this comparison."""
    architectures: list[str]
    body: Body
    rows: int
    users: int
    seconds: float
    rounds: int
    warm_up_seconds: float
    slo_p99_ms: float


class Round(Frozen):
    """One architecture under load once; latencies in milliseconds, after the warm-up."""

    architecture: str
    number: int
    seconds: float
    requests: int
    failures: dict[str, int]
    """Reason -> number of requests."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    generator_cpu_seconds: float
    """Over the whole round, its warm-up included, as the two below."""
    server_cpu_seconds: float | None
    """None for a host of the user's."""
    all_requests: int

    @property
    def requests_per_second(self) -> float:
        """Throughput after the warm-up."""
        return self.requests / self.seconds

    @property
    def generator_share(self) -> float | None:
        """Share of one processor that the load generator took; near 1, it is the generator that was measured."""
        return self.generator_cpu_seconds / self.all_requests * self.requests_per_second if self.all_requests else None


class Alone(Frozen):
    """An architecture served by itself, by one worker."""

    ready_seconds: float
    worker_memory_bytes: int
    """Resident memory of the worker, after requests of the comparison's kind."""


class Quality(Frozen):
    """What the model card says: what the architecture is worth and what it took to train."""

    task: Literal["classification", "regression"]
    parameters: int
    loss: float
    accuracy: float | None
    r2: float | None
    train_seconds: float
    peak_memory_bytes: int


class Environment(Frozen):
    """Where this was measured."""

    time: str
    processor: str
    processors: int
    platform: str
    python: str
    locust: str
    command: str


class Results(Frozen):
    """A whole comparison."""

    kind: Literal["closed loop"] = "closed loop"
    release: str
    settings: Settings
    environment: Environment
    quality: dict[str, Quality]
    rounds: list[Round]
    alone: dict[str, Alone]

    def rounds_of(self, architecture: str) -> list[Round]:
        """Return the rounds of one architecture, in the order of their numbers."""
        return sorted((one for one in self.rounds if one.architecture == architecture), key=lambda one: one.number)

    @property
    def failures(self) -> dict[str, dict[str, int]]:
        """Architecture -> reason -> requests that failed over all rounds; empty where none did."""
        total: dict[str, dict[str, int]] = {}
        for one in self.rounds:
            for reason, count in one.failures.items():
                reasons = total.setdefault(one.architecture, {})
                reasons[reason] = reasons.get(reason, 0) + count
        return total

    @property
    def valid(self) -> bool:
        """Whether every answer of every round was right, and every round had some."""
        return not self.failures and all(one.requests > 0 for one in self.rounds)


def make_quality(card: ModelCard) -> Quality:
    """Take from the card what a comparison shows."""
    return Quality(
        task=card.task,
        parameters=card.parameters,
        loss=card.test.loss,
        accuracy=card.test.accuracy,
        r2=card.test.r2,
        train_seconds=card.train_seconds,
        peak_memory_bytes=card.peak_memory_bytes,
    )


def save_results(results: Results, folder: Path) -> Path:
    """Write ``results.json`` into ``folder`` and return its path. Raises OSError."""
    path = folder / RESULTS_FILE
    path.write_text(results.model_dump_json(indent=2) + "\n")
    return path


def load_results(path: Path) -> Results:
    """Read what ``save_results`` wrote. Raises OSError, ValueError."""
    return Results.model_validate_json(path.read_text())
