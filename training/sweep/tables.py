"""The rows that the points of a sweep learn from and are asked: of each seed the same are held out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.contract.names import Task, count_features
from training.architectures import choose_recipe
from training.columns.data import DataTable, best_possible_accuracy, fingerprint
from training.columns.decide import code_table
from training.columns.decided import DecidedTable
from training.columns.size import check_features
from training.columns.split import (
    FEWEST_JUDGING_ROWS,
    FEWEST_TRAINING_ROWS,
    VALIDATION_FRACTION,
    LabelledRows,
    SplitRows,
    split_table,
    take_rows,
)
from training.errors import UserError
from training.generate import HELD_OUT_ROWS, TRAINING_ROWS, generate_table
from training.inspect import decide_columns, read_table
from training.options import TrainingOptions
from training.preprocessing import count_encoded, fit_preprocessing, scale
from training.process import ScaledRows, TargetScale, TrainingJob
from training.sweep.grid import GridPoint

REFERENCE_ROWS = 1
"""The training step wants rows to answer in float64, which a sweep has no use for."""
KEPT_TABLES = 4
"""Tables of other seeds and numbers of rows that are kept at hand: the points of one network ask for each seed's."""


@dataclass(frozen=True)
class HeldOut:
    """What the answers to the held-out rows are judged by. target: (n,) float64; scale: its standard deviation."""

    target: NDArray[np.float64]
    task: Task
    scale: float


@dataclass(frozen=True)
class SweepRows:
    """The rows of one seed, and of one number to learn from, as the network gets them."""

    train: ScaledRows
    validation: ScaledRows
    test: NDArray[np.float32]
    """(n, d), scaled, as ``ScaledRows.columns``."""
    held_out: HeldOut
    target_scale: TargetScale
    outputs: int
    features: int

    @property
    def columns(self) -> int:
        """Number of encoded columns."""
        return int(self.train.columns.shape[1])


@dataclass(frozen=True)
class TableFacts:
    """What is known of the table before anything is trained."""

    source: str
    fingerprint: str
    task: Task
    target: str
    columns: int
    table_rows: int
    """To learn from."""
    most_rows: int | None
    """None: as many as are wanted can be generated."""
    test_rows: int
    best_possible_accuracy: float | None

    @property
    def released_rows(self) -> int:
        """How many rows a release learns from, those that choose the epoch among them."""
        return TRAINING_ROWS if self.most_rows is None else self.most_rows


class SweepTables:
    """Makes the rows of each seed. Raises UserError for a table that can't be used."""

    def __init__(self, options: TrainingOptions, *, on_table: Callable[[DecidedTable], None]) -> None:
        self._options = options
        self._read = None if options.data is None else read_table(options)
        self._tables = lru_cache(maxsize=KEPT_TABLES)(self._make_table)
        self._rows = lru_cache(maxsize=KEPT_TABLES)(self._make_rows)
        if self._read is not None:
            decided = decide_columns(self._read, options)
            check_features(decided.features, most=options.most_features, source=decided.table.source)
            on_table(decided)

    def facts(self) -> TableFacts:
        """Look at the table of the first seed."""
        table, parts = self._tables(self._options.seed)
        rows = self.rows(seed=self._options.seed, rows=len(parts.train) + len(parts.validation))
        generated = self._read is None
        return TableFacts(
            source=table.source,
            fingerprint=fingerprint(table),
            task=table.task,
            target=table.target_name,
            columns=rows.columns,
            table_rows=len(parts.train) + len(parts.validation),
            most_rows=None if generated else len(parts.train) + len(parts.validation),
            test_rows=len(parts.test),
            best_possible_accuracy=best_possible_accuracy(table),
        )

    def rows(self, *, seed: int, rows: int) -> SweepRows:
        """Return ``rows`` rows to learn from, those that choose the epoch among them, and those held out."""
        return self._rows(seed, rows)

    def job(self, point: GridPoint) -> tuple[TrainingJob, SweepRows]:
        """Say what to train for a point, on one thread."""
        rows = self.rows(seed=point.seed, rows=point.rows)
        recipe = choose_recipe(
            point.architecture,
            task=rows.held_out.task,
            rows=len(rows.train.target),
            columns=rows.columns,
            outputs=rows.outputs,
            epochs=self._options.epochs,
            batch_size=self._options.batch_size,
            learning_rate=self._options.learning_rate,
            seed=point.seed,
        )
        job = TrainingJob(
            architecture=point.architecture,
            task=rows.held_out.task,
            recipe=recipe,
            train=rows.train,
            validation=rows.validation,
            target_scale=rows.target_scale,
            reference_features=np.zeros((REFERENCE_ROWS, rows.features)),
            outputs=rows.outputs,
        )
        return job, rows

    def _make_table(self, seed: int) -> tuple[DataTable, SplitRows]:
        options = replace(self._options, seed=seed)
        if self._read is None:
            table = generate_table(seed=seed)
            return table, split_table(table, test_fraction=options.test_fraction, seed=seed)
        decided = decide_columns(self._read, options)
        table = code_table(decided)
        return table, take_rows(table, decided.split)

    def _make_rows(self, seed: int, rows: int) -> SweepRows:
        table, parts = self._tables(seed)
        if self._read is not None:
            parts = _take_some(parts, rows=rows, seed=seed, classes=table.classes)
        elif rows != TRAINING_ROWS:
            table = generate_table(seed=seed, rows=rows)
            test_fraction = HELD_OUT_ROWS / len(table.target)
            parts = split_table(table, test_fraction=test_fraction, seed=seed)
        return _scale_all(table, parts)


def _take_some(parts: SplitRows, *, rows: int, seed: int, classes: tuple[str, ...] | None) -> SplitRows:
    """Return a seeded sample of the rows to learn from, and all that are held out. Fewer are a part of more.

    Each class has a row to train on.
    """
    if rows == len(parts.train) + len(parts.validation):
        return parts
    validation = min(len(parts.validation), round(VALIDATION_FRACTION * rows))
    validation = max(validation, FEWEST_JUDGING_ROWS, rows - len(parts.train))
    if rows - validation < FEWEST_TRAINING_ROWS:
        raise UserError(
            f"--rows must leave at least {FEWEST_TRAINING_ROWS} rows to train on beside the {validation} that choose "
            f"the epoch, however: {rows}. Raise it."
        )
    if classes is not None and rows - validation < len(classes):
        raise UserError(
            f"--rows must leave a row of each class to train on, however: of {rows} rows {rows - validation} are left "
            f"for {len(classes)} classes. Give larger numbers."
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(parts.train))
    places = np.arange(len(order))
    if classes is not None:
        firsts = np.unique(parts.train.target[order], return_index=True)[1]
        places = np.append(firsts, np.delete(places, firsts))
    train = order[np.sort(places[: rows - validation])]
    judging = rng.permutation(len(parts.validation))[:validation]

    def take(part: LabelledRows, chosen: NDArray[np.int64]) -> LabelledRows:
        return LabelledRows(raw=part.raw[chosen], target=part.target[chosen])

    return SplitRows(train=take(parts.train, train), validation=take(parts.validation, judging), test=parts.test)


def _scale_all(table: DataTable, parts: SplitRows) -> SweepRows:
    preprocessing = fit_preprocessing(parts.train.raw, table.columns, complete=not np.isnan(table.raw).any())
    regression = table.task == "regression"
    deviation = float(parts.train.target.std()) or 1.0
    target = TargetScale(mean=float(parts.train.target.mean()), scale=deviation) if regression else TargetScale()
    train, validation, test = (scale(preprocessing, part.raw) for part in (parts.train, parts.validation, parts.test))
    encoded = count_encoded(preprocessing)
    classes = table.classes or ()
    return SweepRows(
        train=ScaledRows(train, _scaled_target(parts.train, target)),
        validation=ScaledRows(validation, _scaled_target(parts.validation, target)),
        test=test,
        held_out=HeldOut(target=parts.test.target, task=table.task, scale=target.scale),
        target_scale=target,
        outputs=len(classes) if len(classes) > 2 else 1,
        features=count_features(encoded),
    )


def _scaled_target(rows: LabelledRows, target: TargetScale) -> NDArray[np.float32]:
    return ((rows.target - target.mean) / target.scale).astype(np.float32)
