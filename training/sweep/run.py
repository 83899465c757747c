"""One sweep, stage after stage: the table, the grid, what is there already, the trials, the curve."""

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from statistics import multimode

import numpy as np
from numpy.typing import NDArray

from service import __version__
from service.contract.curve import Choice, Curve, CurvePoint, FailedPoint, Machine, Memory
from training.architectures import BATCH_SIZE
from training.columns.decided import DecidedTable
from training.cost.seconds import Seconds
from training.errors import TrainingError
from training.evaluation import choose_class, measure_quality
from training.options import TrainingOptions
from training.sweep.choice import ScoredPoint, choose, find_lack
from training.sweep.grid import GridPoint, Planned, estimate_seconds, make_grid, name_shapes
from training.sweep.laws import fit_laws
from training.sweep.options import SweepOptions
from training.sweep.release import release_command
from training.sweep.store import Conditions, Key, StoredPoint, SweepFolder, key_of, locked
from training.sweep.tables import HeldOut, SweepTables, TableFacts
from training.sweep.trial.backends import run_trials
from training.sweep.trial.message import PointJob, PointResult
from training.sweep.trial.start import PointFailure


@dataclass(frozen=True)
class Listeners:
    """Whom a sweep tells how far it is.

    What begins; the columns of a table; the points to be trained and how many are there already; each that ends.
    """

    on_stage: Callable[[str], None]
    on_table: Callable[[DecidedTable], None]
    on_grid: Callable[[Sequence[Planned], int], None]
    on_point: Callable[[Planned, CurvePoint | FailedPoint], None]


def run_sweep(options: TrainingOptions, asked: SweepOptions, listeners: Listeners) -> Curve:
    """Train and measure every point of the grid that the folder lacks, and write ``curve.json``.

    Raise UserError for a table, an option or a folder that can't be used, TrainingError where the folder, a worker or
    every single point fails. What is finished stays in the folder whatever happens.
    """
    listeners.on_stage("preparing the table")
    tables = SweepTables(options, on_table=listeners.on_table)
    facts = tables.facts()
    grid = make_grid(options, table_rows=facts.table_rows, most_rows=facts.most_rows)
    with locked(asked.output):
        folder = SweepFolder(asked.output, _conditions(options, facts))
        there = folder.read()
        planned = _plan([point for point in grid if _key(point) not in there], options, facts)
        listeners.on_grid(planned, len(grid) - len(planned))
        failed = _fill(planned, asked, folder=folder, there=there, tables=tables, listeners=listeners)
        if not there:
            raise TrainingError(f"a sweep must have a point with figures, however: {failed[0].reason}")
        curve = _make_curve(options, facts, grid, there=there, failed=failed)
        folder.write_curve(curve)
    return curve


def _conditions(options: TrainingOptions, facts: TableFacts) -> Conditions:
    return Conditions(
        version=__version__,
        source=facts.source,
        fingerprint=facts.fingerprint,
        task=facts.task,
        target=facts.target,
        first_seed=options.seed,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        test_fraction=options.test_fraction,
    )


def _plan(points: Sequence[GridPoint], options: TrainingOptions, facts: TableFacts) -> list[Planned]:
    """Longest first: the last ones to end are then short, and no processor waits long for another."""
    batch = options.batch_size or BATCH_SIZE
    planned = [
        Planned(point, estimate_seconds(point, columns=facts.columns, epochs=options.epochs, batch=batch))
        for point in points
    ]
    return sorted(planned, key=lambda entry: -entry.seconds)


def _fill(
    planned: Sequence[Planned],
    asked: SweepOptions,
    *,
    folder: SweepFolder,
    there: dict[Key, StoredPoint],
    tables: SweepTables,
    listeners: Listeners,
) -> list[FailedPoint]:
    """Run the trials; add what they find to the folder and to ``there``. Return the points without a figure."""
    if not planned:
        return []
    failed = []
    listeners.on_stage("training")
    with closing(run_trials(_make_trials(planned, tables), asked)) as ended:
        for entry, answer in ended:
            found = pickle.loads(answer)
            if isinstance(found, PointResult):
                stored = _to_stored(entry.point, found, tables)
                folder.add(stored)
                there[_key(entry.point)] = stored
                listeners.on_point(entry, stored.point)
            else:
                failed.append(_to_failed(entry.point, found.reason))
                listeners.on_point(entry, failed[-1])
    return failed


def _make_trials(planned: Sequence[Planned], tables: SweepTables) -> Iterator[tuple[Planned, bytes | PointFailure]]:
    """Make each job when it is handed out. A point whose rows can't be had fails as a trial would."""
    for entry in planned:
        try:
            job, rows = tables.job(entry.point)
        except TrainingError as error:
            yield entry, PointFailure(str(error))
            continue
        yield entry, pickle.dumps(PointJob(training=job, test=rows.test), protocol=pickle.HIGHEST_PROTOCOL)


def _key(point: GridPoint) -> Key:
    return key_of(point.shape, rows=point.rows, seed=point.seed)


def _to_failed(point: GridPoint, reason: str) -> FailedPoint:
    return FailedPoint(shape=point.shape, name=point.architecture.name, rows=point.rows, seed=point.seed, reason=reason)


def _to_stored(point: GridPoint, found: PointResult, tables: SweepTables) -> StoredPoint:
    rows = tables.rows(seed=point.seed, rows=point.rows)
    judge = rows.held_out
    wall, processor = ([getattr(epoch, name) for epoch in found.epochs] for name in ("wall", "processor"))
    measured = CurvePoint(
        shape=point.shape,
        name=point.architecture.name,
        rows=point.rows,
        seed=point.seed,
        weights=point.architecture.parameters(columns=rows.columns, outputs=rows.outputs),
        bytes=found.graph_bytes,
        test=measure_quality(found.predictions, target=judge.target, task=judge.task, scale=judge.scale),
        epochs=len(found.epochs),
        threads=found.threads,
        wall_seconds=wall,
        processor_seconds=processor,
        disturbed=Seconds(sum(wall), sum(processor)).disturbed,
        memory=Memory(peak_bytes=found.memory.peak, data_bytes=found.memory.data, network_bytes=found.memory.network),
        latency_seconds=found.latency,
    )
    return StoredPoint(point=measured, row_scores=_score_rows(found.predictions, judge), machine=found.machine)


def _score_rows(predictions: NDArray[np.float32], judge: HeldOut) -> NDArray[np.float32]:
    """(n,) or (n, k) predictions -> (n,): 1 or 0, or negative squared error in standard deviations of the target."""
    values = predictions.astype(np.float64)
    if judge.task == "classification":
        scores = choose_class(values) == judge.target
    else:
        scores = -(((values - judge.target) / judge.scale) ** 2)
    return np.asarray(scores, dtype=np.float32)


def _make_curve(
    options: TrainingOptions,
    facts: TableFacts,
    grid: Sequence[GridPoint],
    *,
    there: Mapping[Key, StoredPoint],
    failed: list[FailedPoint],
) -> Curve:
    """All points of the folder, those of earlier grids too; by size, rows and seed."""
    stored = sorted(there.values(), key=lambda entry: (entry.point.weights, entry.point.rows, entry.point.seed))
    names = name_shapes(grid, [entry.point for entry in stored])
    points = [entry.point.model_copy(update={"name": names[entry.point.shape]}) for entry in stored]
    scored = [ScoredPoint(point, entry.row_scores) for point, entry in zip(points, stored, strict=True)]
    lack = find_lack(scored)
    return Curve(
        version=__version__,
        source=facts.source,
        fingerprint=facts.fingerprint,
        task=facts.task,
        target=facts.target,
        test_rows=facts.test_rows,
        best_possible_accuracy=facts.best_possible_accuracy,
        points=points,
        failed=failed,
        laws=fit_laws(points),
        choice=None if lack else _choose(scored, options, facts),
        choice_lacks=lack,
        machine=_commonest([entry.machine for entry in stored]),
    )


def _choose(scored: Sequence[ScoredPoint], options: TrainingOptions, facts: TableFacts) -> Choice:
    return choose(
        scored,
        released_rows=facts.released_rows,
        held_out_again=0.0 if options.data is None else options.test_fraction,  # each seed makes a table of its own
        command=lambda shape: release_command(options, shape),
    )


def _commonest(machines: Sequence[Machine]) -> Machine:
    """Return where most points were measured: the machines of a cluster may differ."""
    (text, *_) = multimode(machine.model_dump_json() for machine in machines)
    return Machine.model_validate_json(text)
