"""One training run, stage after stage: table, split, preprocessing, networks, graphs, baselines, gates, release."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from service.contract.card import EpochTrace
from service.contract.names import Task, count_features
from training import store
from training.architectures import Architecture, choose_recipe
from training.artefacts import Prepared, Trained, evaluation_files, make_trained, preprocessing_files
from training.checkpoints.folder import keep_checkpoints
from training.checkpoints.identity import NetworkIdentity, RunIdentity, digest_rows
from training.columns.decide import code_table
from training.columns.decided import DecidedTable
from training.columns.size import check_features
from training.columns.split import split_table, take_rows
from training.cost.seconds import choose_threads
from training.errors import TrainingError, UserError
from training.evaluation import compare_quality, fit_baselines
from training.generate import generate_table
from training.inspect import decide_columns, open_files
from training.learning.in_memory import learn_in_memory
from training.learning.learning import Learning, scale_rows
from training.options import TrainingOptions
from training.preprocessing import count_encoded
from training.process import TrainingJob, run_in_rank, run_job
from training.summary import BaselineSummary, DataSummary, NetworkSummary, TrainingSummary
from training.table.memory import fits
from training.table.read import read_files

if TYPE_CHECKING:  # imports torch
    from training.ranks.group import RankGroup

METRICS_OF: dict[Task, tuple[str, ...]] = {"classification": ("accuracy", "auc"), "regression": ("r2",)}


def run_training(
    options: TrainingOptions,
    *,
    on_stage: Callable[[str], None],
    on_table: Callable[[DecidedTable], None],
    on_epoch: Callable[[Architecture, EpochTrace], None],
    group: "RankGroup | None" = None,
) -> TrainingSummary | None:
    """Train what ``options`` asks for and save it; with the other ranks of ``group``, of which the first alone saves.

    ``on_stage`` hears what begins, ``on_epoch`` of every epoch, ``on_table`` of the columns of a table from a file.
    Raise UserError for a table or option that can't be used, TrainingError where a gate, a network or the store
    refuses. Nothing is saved then. None: another rank saves.
    """
    is_first = group is None or group.place.is_first
    if is_first:
        store.check_writable()
    on_stage("preparing the table")
    with ExitStack() as kept:
        learning = _load(options, on_table=on_table, kept=kept)
        prepared = learning.prepared
        jobs = _make_jobs(options, learning, processes=1 if group is None else group.place.local_size)
        if group is not None:
            group.check_same(_identify(jobs).digest())
        checkpoints = options.checkpoints if is_first else None
        plans = kept.enter_context(keep_checkpoints(checkpoints, partial(_identify, jobs)))
        trained = {}
        run = run_job if group is None else partial(run_in_rank, group=group)
        for job in jobs:
            on_stage(f"training {job.architecture.name}")
            result = run(
                replace(job, checkpoint=plans.get(job.architecture.name)),
                on_epoch=lambda entry, job=job: on_epoch(job.architecture, entry),  # type: ignore[misc]
            )
            if is_first:
                trained[job.architecture.name] = make_trained(prepared, job, result)
        if not is_first:
            return None
        on_stage("fitting the baselines")
        summary = _summarise(options, prepared, trained, _fit_baselines(options, learning))
        _check_gates(options, summary)
        on_stage("saving the release")
        store.save_release(
            prepared.release,
            architectures={name: network.files for name, network in trained.items()},
            preprocessing=preprocessing_files(prepared.preprocessing),
            evaluation=evaluation_files(prepared, trained, summary),
        )
    return summary


def _load(options: TrainingOptions, *, on_table: Callable[[DecidedTable], None], kept: ExitStack) -> Learning:
    """Read or make the table, decide its columns and fit their scaling. kept: holds what is on the disk meanwhile."""

    def check(decided: DecidedTable) -> None:
        check_features(decided.features, most=options.most_features, source=decided.table.source)
        on_table(decided)
        assert decided.target is not None
        _check_gates_apply(options, task=decided.target.task)

    if options.data is None:
        table = generate_table(seed=options.seed)
        _check_gates_apply(options, task=table.task)
        return learn_in_memory(
            table, split_table(table, test_fraction=options.test_fraction, seed=options.seed), options
        )
    files = open_files(options)
    if fits(files, options.memory):
        decided = decide_columns(read_files(files, options.read), options)
        check(decided)
        table = code_table(decided)
        return learn_in_memory(table, take_rows(table, decided.split), options)
    from training.learning.from_files import learn_from_files
    from training.stream.first_pass.learn import learn_columns

    learnt = learn_columns(files, options)
    check(learnt.decided)
    return learn_from_files(learnt, options, kept)


def _make_jobs(options: TrainingOptions, learning: Learning, *, processes: int) -> list[TrainingJob]:
    """One job for each architecture. Raise UserError before any is run if one can't be.

    processes: of this machine, that train each network together.
    """
    prepared = learning.prepared
    target_scale = learning.target_scale
    reference = prepared.reference_features()
    columns, outputs = count_encoded(prepared.preprocessing), prepared.target.outputs
    validation = scale_rows(prepared.preprocessing, prepared.validation, target_scale)
    return [
        TrainingJob(
            architecture=architecture,
            task=prepared.task,
            recipe=choose_recipe(
                architecture,
                task=prepared.task,
                rows=learning.count,
                columns=columns,
                outputs=outputs,
                epochs=options.epochs,
                batch_size=options.batch_size,
                learning_rate=options.learning_rate,
                seed=options.seed,
            ),
            train=learning.train,
            validation=validation,
            target_scale=target_scale,
            reference_features=reference,
            outputs=outputs,
            threads=choose_threads(architecture.parameters(columns=columns, outputs=outputs), processes=processes),
        )
        for architecture in options.architectures
    ]


def _identify(jobs: list[TrainingJob]) -> RunIdentity:
    """Say which run this is, to its checkpoints: all jobs have the same rows."""
    first = jobs[0]
    return RunIdentity(
        torch=version("torch"),
        task=first.task,
        networks={
            job.architecture.name: NetworkIdentity(
                depth=job.architecture.depth, width=job.architecture.width, outputs=job.outputs, recipe=job.recipe
            )
            for job in jobs
        },
        rows=digest_rows(
            {
                **first.train.identity(),
                "validation columns": first.validation.columns,
                "validation target": first.validation.target,
                "scale": np.array([first.target_scale.mean, first.target_scale.scale]),
                "reference": first.reference_features,
            }
        ),
    )


def _fit_baselines(options: TrainingOptions, learning: Learning) -> dict[str, BaselineSummary]:
    prepared = learning.prepared
    return fit_baselines(
        rows=learning.seen,
        test=prepared.test,
        columns=prepared.table.columns,
        preprocessing=prepared.preprocessing,
        task=prepared.task,
        scale=prepared.target.scale,
        seed=options.seed,
        memory=learning.baseline_bytes,
    )


def _check_gates_apply(options: TrainingOptions, *, task: Task) -> None:
    for metric in options.minimum:
        if metric not in METRICS_OF[task]:
            raise UserError(
                f"--minimum must name a metric of a {task} ({', '.join(METRICS_OF[task])}), however: {metric}. "
                "Correct it."
            )


def _check_gates(options: TrainingOptions, summary: TrainingSummary) -> None:
    for name, architecture in summary.architectures.items():
        for metric, minimum in options.minimum.items():
            reached = getattr(architecture.test, metric)
            if reached is None or not reached >= minimum:
                found = "a class has no held-out row" if reached is None else f"{reached:.4f}"
                raise TrainingError(
                    f"'{name}' must reach a held-out {metric} of {minimum:g}, however: {found}. Nothing was saved."
                )


def _summarise(
    options: TrainingOptions, prepared: Prepared, trained: dict[str, Trained], baselines: dict[str, BaselineSummary]
) -> TrainingSummary:
    predictions = {name: network.predictions for name, network in trained.items()}
    return TrainingSummary(
        release=prepared.release,
        seed=options.seed,
        data=DataSummary(
            **prepared.source.model_dump(exclude={"seed"}),
            raw_features=len(prepared.table.raw_names),
            features=count_features(count_encoded(prepared.preprocessing)),
            target=prepared.target.name,
            task=prepared.task,
            positive_class=prepared.target.positive_class,
            classes=tuple(prepared.target.classes),
        ),
        architectures={name: NetworkSummary.of_card(network.card) for name, network in trained.items()},
        differences=compare_quality(predictions, target=prepared.test.target, task=prepared.task),
        baselines=baselines,
    )
