"""What a capacity study measured: every trial as it was. All that summary, report and comparison read."""

import math
from typing import Literal

from pydantic import Field

from loadtest.record.trials import Arrivals, Body, Trial
from service.contract.card import Description, Difference, Frozen

FORMAT: Literal[3] = 3
"""Of the results file; 1 was the closed-loop comparison's, 2 had gates in words and latencies of answers alone."""

SWEEP_BLOCKS = 3
"""Repeats of a sweep, and of a study with fewer blocks as many as those."""
ROUNDING = 1 + 1e-9
"""A rate that was computed twice is the same rate."""
OPERATING_SHARE = 0.7
"""Of the capacity: the rate at which latencies are compared."""
CURVE = (0.25, 0.5, OPERATING_SHARE, 0.85, 1.0)
"""Shares of the capacity at which latencies are measured."""


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
    notes: list[str] = Field(default_factory=list)
    """What else a reader should know."""

    @property
    def highest_decisive(self) -> dict[tuple[str, int], float]:
        """(architecture, block) -> the highest rate whose trials decided the capacity.

        That of a capacity which was found is the next rate, which did not hold: a trial there that can't be believed
        would make the capacity too low. Where the load generator was the limit it is the rate that held. Where nothing
        was found every trial decided: had those that can't be believed been undisturbed, there might be a capacity.
        """
        return {
            (found.architecture, found.block): (found.next_rate if found.outcome == "found" else None)
            or found.rate
            or math.inf
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
