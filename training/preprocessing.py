"""From a table to rows to learn from: the split, then scaling to 0..1 and all products of degree 2 by scikit-learn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures

from training.errors import UserError
from training.tables import DataTable

VALIDATION_FRACTION = 0.13
"""Share of the rows that are not held out which chooses the epoch; the others are fitted."""
RARE_SHARE = 0.01
"""Levels of a category that fewer training rows have are grouped (``min_frequency`` of scikit-learn's OneHotEncoder)."""
MOST_LEVEL_COLUMNS = 20
"""Columns that one category may become; the rarest levels are grouped (``max_categories`` of OneHotEncoder)."""
FEWEST_TRAINING_ROWS = 20
FEWEST_JUDGING_ROWS = 2
"""Validation and held-out rows: R2 and the class shares need two."""


@dataclass(frozen=True)
class Rows:
    """raw: (n, d) float64, natural units; target: (n,) float64."""

    raw: NDArray[np.float64]
    target: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class SplitRows:
    """``train`` is fitted, ``validation`` chooses the epoch, ``test`` is held out and chooses nothing."""

    train: Rows
    validation: Rows
    test: Rows


def split_table(table: DataTable, *, test_fraction: float, seed: int) -> SplitRows:
    """Split at random, each class by itself. Raise UserError where a part would be too small to be of use."""
    rng = np.random.default_rng(seed)
    everything = np.arange(len(table.target))
    if table.held_out is None:
        test, rest = _divide(everything, table=table, fraction=test_fraction, rng=rng)
    else:
        test, rest = everything[table.held_out :], everything[: table.held_out]
    validation, train = _divide(rest, table=table, fraction=VALIDATION_FRACTION, rng=rng)
    _check_sizes(table, train=train, validation=validation, test=test)
    return SplitRows(*(Rows(raw=table.raw[rows], target=table.target[rows]) for rows in (train, validation, test)))


def _divide(
    rows: NDArray[np.int64], *, table: DataTable, fraction: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ``fraction`` of every class in ``rows`` (at least one row of each), and what remains."""
    strata = table.target[rows] if table.classes else np.zeros(len(rows))
    taken = np.zeros(len(rows), dtype=bool)
    for stratum in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == stratum))
        taken[members[: max(1, round(fraction * len(members)))]] = True
    return rows[taken], rows[~taken]


def _check_sizes(
    table: DataTable, *, train: NDArray[np.int64], validation: NDArray[np.int64], test: NDArray[np.int64]
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


def fit_preprocessing(raw: NDArray[np.float64]) -> Pipeline:
    """Fit scaler and products on the training split alone. raw: (n, d) float64, natural units."""
    pipeline = Pipeline([("scale", MinMaxScaler()), ("products", PolynomialFeatures(degree=2, include_bias=False))])
    return pipeline.fit(raw)


def scale(pipeline: Pipeline, raw: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scale in float64, then round. raw: (n, d) float64 -> (n, d) float32; the products are left to the reader."""
    scaled: NDArray[np.float64] = pipeline["scale"].transform(raw)
    return scaled.astype(np.float32)
