"""Summary of a run, as ``--summary`` writes it and the evaluation entry keeps it; the console shows nothing else."""

from typing import Self

from service.contract.card import Calibration, Description, Difference, EpochTrace, Frozen, LeftOut, Metrics
from service.contract.names import Task


class DataSummary(Frozen):
    """The table: where it came from, its size and split, and what it asks for."""

    source: str
    rows: int
    """Rows of the table, without those that were generated to be held out."""
    train_rows: int
    validation_rows: int
    test_rows: int
    raw_features: int
    features: int
    target: str
    task: Task
    positive_class: str | None = None
    classes: tuple[str, ...] = ()
    best_possible_accuracy: float | None = None
    fingerprint: str
    rows_without_target: int
    """Rows that were dropped, beside ``rows``."""
    missing_spellings: list[str]
    left_out: list[LeftOut]
    sampled_rows: int | None = None
    """Of a table that was streamed: see ``DataSource``."""


class NetworkSummary(Frozen):
    """A trained architecture: what it is, what it cost, and how good it is."""

    depth: int
    width: int
    parameters: int
    bytes: int
    train_seconds: float
    processor_seconds: float | None = None
    threads: int | None = None
    disturbed: bool = False
    peak_memory_bytes: int
    network_memory_bytes: int | None = None
    test: Metrics
    threshold: float | None = None
    """Two classes: see ``Target``."""
    calibration: Calibration | None = None
    trace: list[EpochTrace]

    @classmethod
    def of_card(cls, card: Description) -> Self:
        """Take what the card knows."""
        shared = card.model_dump(include=set(cls.model_fields))
        two_classes = len(card.target.classes) == 2
        return cls.model_validate({**shared, "threshold": card.target.threshold if two_classes else None})


class BaselineSummary(Frozen):
    """A yardstick's held-out quality and the seconds that fitting it took."""

    test: Metrics
    train_seconds: float
    train_rows: int | None = None
    """None: all that are not held out."""


class TrainingSummary(Frozen):
    """All that a run found."""

    release: str
    seed: int
    data: DataSummary
    architectures: dict[str, NetworkSummary]
    differences: dict[str, Difference]
    baselines: dict[str, BaselineSummary]
