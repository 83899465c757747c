"""Tables of measurements: what one is, how it is split, and the fingerprint of its values."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.contract.names import Task
from training.errors import UserError

VALIDATION_FRACTION = 0.13
"""Share of the rows that are not held out which chooses the epoch; the others are fitted."""
FEWEST_TRAINING_ROWS = 20
FEWEST_JUDGING_ROWS = 2
"""Validation and held-out rows: R2 and the class shares need two."""


@dataclass(frozen=True)
class Table:
    """Checked rows. raw: (n, d) float64, natural units; target: (n,) float64, 0 or 1 for classes.

    ``classes``: the names of 0 and of 1. ``held_out``: the first row that is held out, where the table comes split.
    ``probability``: (n,) the true probability of the positive class, where it is known.
    """

    source: str
    raw_names: list[str]
    raw: NDArray[np.float64]
    target_name: str
    target: NDArray[np.float64]
    task: Task
    classes: tuple[str, str] | None = None
    held_out: int | None = None
    probability: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Rows:
    """raw: (n, d) float64, natural units; target: (n,) float64."""

    raw: NDArray[np.float64]
    target: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class Split:
    """``train`` is fitted, ``validation`` chooses the epoch, ``test`` is held out and chooses nothing."""

    train: Rows
    validation: Rows
    test: Rows


def fingerprint(table: Table) -> str:
    """SHA-256 in hexadecimal over column names, raw values and target."""
    digest = hashlib.sha256("\0".join([*table.raw_names, table.target_name]).encode())
    digest.update(np.ascontiguousarray(table.raw).tobytes())
    digest.update(table.target.tobytes())
    return digest.hexdigest()


def best_possible_accuracy(table: Table) -> float | None:
    """Accuracy over the held-out rows of whoever knows the true probabilities; None where nobody does."""
    if table.probability is None or table.held_out is None:
        return None
    knows = table.probability[table.held_out :] > 0.5
    return float(np.mean(knows == table.target[table.held_out :]))


def split(table: Table, *, test_fraction: float, seed: int) -> Split:
    """Split at random, each class by itself. Raise UserError where a part would be too small to be of use."""
    rng = np.random.default_rng(seed)
    everything = np.arange(len(table.target))
    if table.held_out is None:
        test, rest = _divide(everything, table=table, fraction=test_fraction, rng=rng)
    else:
        test, rest = everything[table.held_out :], everything[: table.held_out]
    validation, train = _divide(rest, table=table, fraction=VALIDATION_FRACTION, rng=rng)
    _check_sizes(table, train=train, validation=validation, test=test)
    return Split(*(Rows(raw=table.raw[rows], target=table.target[rows]) for rows in (train, validation, test)))


def _divide(
    rows: NDArray[np.int64], *, table: Table, fraction: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ``fraction`` of every class in ``rows`` (at least one row of each), and what remains."""
    strata = table.target[rows] if table.classes else np.zeros(len(rows))
    taken = np.zeros(len(rows), dtype=bool)
    for stratum in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == stratum))
        taken[members[: max(1, round(fraction * len(members)))]] = True
    return rows[taken], rows[~taken]


def _check_sizes(
    table: Table, *, train: NDArray[np.int64], validation: NDArray[np.int64], test: NDArray[np.int64]
) -> None:
    judged = min(len(validation), len(test))
    if len(train) < FEWEST_TRAINING_ROWS or judged < FEWEST_JUDGING_ROWS:
        raise UserError(
            f"{table.source}: a table must leave at least {FEWEST_TRAINING_ROWS} rows to train on and "
            f"{FEWEST_JUDGING_ROWS} to validate and to hold out, however: {len(table.target)} rows leave {len(train)}, "
            f"{len(validation)} and {len(test)}. Add rows or change --test-fraction."
        )
    for value, name in enumerate(table.classes or ()):
        if not np.any(table.target[train] == value):
            raise UserError(
                f"{table.source}: every class must have rows in every part, however: of '{name}' there are "
                f"{np.sum(table.target == value)}, and none is left to train on. Add rows of it."
            )
