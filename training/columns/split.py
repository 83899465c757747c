"""The split of a table's rows: to train on, to choose the epoch, and held out; each class by itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.columns.codes import write_number
from training.columns.data import DataTable
from training.errors import UserError, quoted, write_option

VALIDATION_FRACTION = 0.13
"""Share of the rows that are not held out which chooses the epoch; the others are fitted."""
FEWEST_TRAINING_ROWS = 20
FEWEST_JUDGING_ROWS = 2
"""Validation and held-out rows: R2 and the class shares need two."""
FARTHEST = 1e8
"""Of the range of the training rows. Products are of float32: of numbers some 1e19 ranges away they are infinite, and
the squares of answers to them sooner."""


@dataclass(frozen=True)
class Split:
    """Positions of rows, (n,) int64 each, rising: fitted, choosing the epoch, and held out to choose nothing."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True)
class LabelledRows:
    """raw: (n, d) float64, natural units; target: (n,) float64."""

    raw: NDArray[np.float64]
    target: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class SplitRows:
    """``train`` is fitted, ``validation`` chooses the epoch, ``test`` is held out and chooses nothing."""

    train: LabelledRows
    validation: LabelledRows
    test: LabelledRows


def split_table(table: DataTable, *, test_fraction: float, seed: int) -> SplitRows:
    """Split a table's rows as ``split_target`` says."""
    split = split_target(
        table.target,
        classes=table.classes,
        source=table.source,
        test_fraction=test_fraction,
        seed=seed,
        held_out=table.held_out,
    )
    return take_rows(table, split)


def take_rows(table: DataTable, split: Split) -> SplitRows:
    """Copy the rows of each part. Raise UserError where a value that is not trained on lies out of all proportion."""
    parts = (split.train, split.validation, split.test)
    taken = SplitRows(*(LabelledRows(raw=table.raw[rows], target=table.target[rows]) for rows in parts))
    for part in (taken.validation, taken.test):
        _check_reach(part.raw, table)
    return taken


def _check_reach(raw: NDArray[np.float64], table: DataTable) -> None:
    """Raise UserError for a number so far from the training rows that the answer to its row would overflow."""
    for place, feature in enumerate(table.columns):
        if feature.kind != "number" or not len(raw):
            continue
        reach = FARTHEST * ((feature.maximum - feature.minimum) or 1.0)
        values = raw[:, place]
        with np.errstate(over="ignore"):
            far = np.maximum(values - feature.maximum, feature.minimum - values) > reach  # False for NaN
        if far.any():
            value = write_number(float(values[far.argmax()]))
            raise UserError(
                f"{table.source}: a number must lie within {FARTHEST:,.0f} times the range of its column in the "
                f"training rows, however: {quoted(feature.name)} reaches from {feature.minimum:g} to "
                f"{feature.maximum:g} there and has {value} in another row. Correct it, or give "
                f"{write_option('--missing', value)} where that means no value."
            )


def split_target(
    target: NDArray[np.float64],
    *,
    classes: tuple[str, ...] | None,
    source: str,
    test_fraction: float,
    seed: int,
    held_out: int | None = None,
) -> Split:
    """Split at random, each class by itself. Raise UserError where a part would be too small to be of use.

    target: (n,), the class's place where there are ``classes``. ``held_out``: see ``DataTable``.
    """
    rng = np.random.default_rng(seed)
    everything = np.arange(len(target))
    strata = target if classes else np.zeros(len(target))
    if held_out is None:
        test, rest = _divide(everything, strata=strata, fraction=test_fraction, rng=rng)
    else:
        test, rest = everything[held_out:], everything[:held_out]
    validation, train = _divide(rest, strata=strata, fraction=VALIDATION_FRACTION, rng=rng)
    split = Split(train=train, validation=validation, test=test)
    check_split(split, target=target, classes=classes or (), source=source)
    return split


def _divide(
    rows: NDArray[np.int64], *, strata: NDArray[np.float64], fraction: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ``fraction`` of every stratum in ``rows`` (at least one row of each), and what remains."""
    taken = np.zeros(len(rows), dtype=bool)
    for stratum in np.unique(strata[rows]):
        members = rng.permutation(np.flatnonzero(strata[rows] == stratum))
        taken[members[: max(1, round(fraction * len(members)))]] = True
    return rows[taken], rows[~taken]


def check_split(split: Split, *, target: NDArray[np.float64], classes: tuple[str, ...], source: str) -> None:
    """Raise UserError where a part is too small to be of use. target, classes: as for ``split_target``."""
    judged = min(len(split.validation), len(split.test))
    if len(split.train) < FEWEST_TRAINING_ROWS or judged < FEWEST_JUDGING_ROWS:
        raise UserError(
            f"{source}: a table must leave at least {FEWEST_TRAINING_ROWS} rows to train on and "
            f"{FEWEST_JUDGING_ROWS} to validate and to hold out, however: {len(target)} rows leave {len(split.train)}, "
            f"{len(split.validation)} and {len(split.test)}. Add rows or change --test-fraction."
        )
    for value, name in enumerate(classes):
        if not np.any(target[split.train] == value):
            raise UserError(
                f"{source}: every class must have rows in every part, however: of {quoted(name)} there "
                f"{'is' if np.sum(target == value) == 1 else 'are'} {np.sum(target == value)}, and none is left to "
                "train on. Add rows of it, or take them out."
            )
