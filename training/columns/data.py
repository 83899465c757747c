"""A table that training takes: checked rows of one float64 for each raw column, and the target."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.contract.card import LeftOut, RawFeature
from service.contract.names import Task


@dataclass(frozen=True)
class DataTable:
    """Checked rows. raw: (n, d) float64, as the graphs take it (see ``RawFeature``); target: (n,) float64.

    ``columns``: as the training rows have them. ``classes``: their names, by the numbers that the target then holds;
    two or more. ``held_out``: the first row that is held out, where the table comes split.
    ``probability``: (n,) the true probability of the positive class, where it is known.
    """

    source: str
    columns: list[RawFeature]
    raw: NDArray[np.float64]
    target_name: str
    target: NDArray[np.float64]
    task: Task
    classes: tuple[str, ...] | None = None
    held_out: int | None = None
    probability: NDArray[np.float64] | None = None
    rows_without_target: int = 0
    """Rows of the file that are not among these."""
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def raw_names(self) -> list[str]:
        """Names of the raw columns."""
        return [column.name for column in self.columns]


def fingerprint(table: DataTable) -> str:
    """SHA-256 in hexadecimal over column names, raw values, target, and the levels that codes stand for."""
    digest = hashlib.sha256("\0".join([*table.raw_names, table.target_name]).encode())
    digest.update(np.ascontiguousarray(table.raw).tobytes())
    digest.update(table.target.tobytes())
    for column in table.columns:
        digest.update("\0".join(column.levels).encode())
    return digest.hexdigest()


def best_possible_accuracy(table: DataTable) -> float | None:
    """Accuracy over the held-out rows of whoever knows the true probabilities; None where nobody does."""
    if table.probability is None or table.held_out is None:
        return None
    knows = table.probability[table.held_out :] > 0.5
    return float(np.mean(knows == table.target[table.held_out :]))
