"""curve.json: what a sweep over sizes of network and data measured, the laws in it and the choice that follows.

Written by ``python -m training sweep``; read by ``python -m loadtest curve`` and ``python -m loadtest plan --sweep``.
"""

from typing import Literal

from pydantic import Field

from service.contract.card import Frozen, Metrics
from service.contract.names import Task

CURVE_FORMAT: Literal[1] = 1
CURVE_FILE = "curve.json"
LATENCY_ROWS = (1, 64, 1024)

Size = Literal["weights", "rows"]
Measure = Literal["loss", "train_seconds", "network_memory_bytes", "latency_seconds"]
"""Seconds of training are those of processors, over all epochs; the latency is that of one row."""


class Shape(Frozen):
    """A network by its layers; depth 0: linear in the features, width 0 then."""

    depth: int = Field(ge=0)
    width: int = Field(ge=0)

    def __str__(self) -> str:
        return f"{self.depth}x{self.width}"


class Memory(Frozen):
    """Peak of the process that trained, bytes: over what its imports take, what holds the data, and the rest."""

    peak_bytes: int
    data_bytes: int
    network_bytes: int
    """What grows with the network: weights, gradients, the optimizer's and the average's copies, activations."""


class CurvePoint(Frozen):
    """One network, trained on so many rows from one seed, and asked for the held-out rows."""

    shape: Shape
    name: str
    """As the user named it; otherwise its shape, such as ``2x50``."""
    rows: int = Field(gt=0)
    """To learn from, those of validation among them."""
    seed: int
    weights: int = Field(gt=0)
    """Weights and biases."""
    bytes: int = Field(gt=0)
    """Size of ``network.onnx``."""
    test: Metrics
    epochs: int
    threads: int
    wall_seconds: list[float]
    """Of each epoch."""
    processor_seconds: list[float]
    """Of each epoch, of all threads."""
    disturbed: bool
    """Whether something else took a part of the processors while it trained."""
    memory: Memory
    latency_seconds: dict[int, float]
    """Median of ONNX Runtime on one thread, by rows: ``LATENCY_ROWS``."""


class FailedPoint(Frozen):
    """A point of the grid without a figure."""

    shape: Shape
    name: str
    rows: int
    seed: int
    reason: str


class Estimate(Frozen):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Law(Frozen):
    """How a figure grows: ``floor + coefficient * size ** exponent`` (a falling one has a negative exponent)."""

    of: Measure
    against: Size
    sizes: int
    """Different ones that it was fitted on."""
    held: str
    """What was held fixed, in words: ``10,000 rows`` or ``2x50``."""
    floor: Estimate | None = None
    coefficient: Estimate | None = None
    exponent: Estimate | None = None
    """None, all three, where the law does not fit or is too wide to be stated."""
    at_ten_times: Estimate | None = None
    """The figure at ten times the largest size measured."""
    at_largest: float | None = None
    """The figure measured at the largest size."""
    sentence: str
    """What it says, or why nothing is stated."""


class ParetoFront(Frozen):
    """Shapes at the full number of rows that no other beats in both quality and a cost, cheapest first."""

    against: Literal["latency_seconds", "network_memory_bytes", "train_seconds"]
    shapes: list[Shape]


class Candidate(Frozen):
    """A shape at the full number of rows: its quality, and what it lacks to the best with the bound used."""

    shape: Shape
    name: str
    weights: int
    quality: Estimate
    """Accuracy, or R2; over seeds."""
    behind: float
    """Quality of the best less its own, mean."""
    behind_at_most: float
    """Upper bound of it at 95 %, one-sided, corrected for the number of shapes looked at."""


class Choice(Frozen):
    """The smallest shape that is at most ``margin`` behind the best, with 95 % confidence."""

    chosen: Shape
    best: Shape
    margin: float
    candidates: list[Candidate]
    """By weights."""
    fronts: list[ParetoFront]
    sentence: str
    command: str
    """What trains and releases it."""


class Machine(Frozen):
    """Where it was measured."""

    processors: int
    model: str
    versions: dict[str, str]


class Curve(Frozen):
    """All of a sweep."""

    format: Literal[1] = CURVE_FORMAT
    version: str
    """Of archscale."""
    source: str
    fingerprint: str
    task: Task
    target: str
    test_rows: int
    best_possible_accuracy: float | None = None
    points: list[CurvePoint]
    failed: list[FailedPoint]
    laws: list[Law]
    choice: Choice | None = None
    """None: fewer than two shapes, or a shape without a figure."""
    choice_lacks: str | None = None
    """Why there is none."""
    machine: Machine
