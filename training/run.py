"""One training run, stage after stage: table, split, preprocessing, trials, graphs, baselines, gates, release."""

from collections.abc import Callable

import numpy as np

from service.contract.card import EpochTrace, Target
from service.contract.names import Task, count_features
from training import store
from training.artefacts import Prepared, Trained, evaluation_files, make_source, make_trained, preprocessing_files
from training.baselines import Baseline, fit_baselines
from training.data import Rows, Split, Table, best_possible_accuracy, fingerprint, split
from training.errors import TrainingError, UserError
from training.evaluation import compare
from training.generate import generate_table
from training.jobs import ScaledRows, TargetScale, TrialJob
from training.options import Architecture, Options
from training.preprocessing import fit_preprocessing, scale
from training.recipe import choose_recipe
from training.summary import (
    ArchitectureSummary,
    BaselineSummary,
    DataSummary,
    Summary,
)
from training.tables import read_table
from training.trial import run_trial

METRICS_OF: dict[Task, tuple[str, ...]] = {"classification": ("accuracy", "auc"), "regression": ("r2",)}
OnEpoch = Callable[[Architecture, EpochTrace], None]


def run(options: Options, *, on_epoch: OnEpoch) -> Summary:
    """Train what ``options`` asks for and save it; ``on_epoch`` hears of every epoch.

    Raise UserError for a table or option that can't be used, TrainingError where a gate, a trial or the store
    refuses. Nothing is saved then.
    """
    store.check_writable()
    table = _table(options)
    _check_gates_apply(options, task=table.task)
    parts = split(table, test_fraction=options.test_fraction, seed=options.seed)
    prepared = _prepare(options, table, parts)
    jobs = _jobs(options, prepared, parts)
    trained = {}
    for job in jobs:
        trial = run_trial(job, on_epoch=lambda entry, job=job: on_epoch(job.architecture, entry))  # type: ignore[misc]
        trained[job.architecture.name] = make_trained(prepared, job, trial)
    summary = _summarise(options, prepared, trained, _baselines(options, prepared, parts))
    _check_gates(options, summary)
    store.save_release(
        prepared.release,
        architectures={name: one.files for name, one in trained.items()},
        preprocessing=preprocessing_files(prepared.preprocessing),
        evaluation=evaluation_files(prepared, trained, summary),
    )
    return summary


def _table(options: Options) -> Table:
    if options.data is None or options.target is None:
        return generate_table(seed=options.seed)
    return read_table(options.data, target=options.target, task=options.task)


def _prepare(options: Options, table: Table, parts: Split) -> Prepared:
    sizes = (len(parts.train), len(parts.validation), len(parts.test))
    regression = table.task == "regression"
    negative, positive = table.classes or (None, None)
    return Prepared(
        release=store.new_version(),
        table=table,
        preprocessing=fit_preprocessing(parts.train.raw),
        test=parts.test,
        source=make_source(
            table,
            sizes=sizes,
            seed=options.seed,
            digest=fingerprint(table),
            best=best_possible_accuracy(table),
        ),
        target=Target(
            name=table.target_name,
            positive_class=positive,
            negative_class=negative,
            scale=_deviation(parts.train) if regression else 1.0,
        ),
    )


def _deviation(rows: Rows) -> float:
    return float(rows.target.std()) or 1.0  # training rows may all be equal where the table is not


def _jobs(options: Options, prepared: Prepared, parts: Split) -> list[TrialJob]:
    """One job for each architecture. Raise UserError before any is run if one can't be."""
    regression = prepared.task == "regression"
    mean = float(parts.train.target.mean()) if regression else 0.0
    target_scale = TargetScale(mean=mean, scale=prepared.target.scale)
    columns = len(prepared.table.raw_names)
    reference = prepared.example_features()
    train, validation = (_scaled(prepared, rows, target_scale) for rows in (parts.train, parts.validation))
    return [
        TrialJob(
            architecture=architecture,
            task=prepared.task,
            recipe=choose_recipe(options, architecture, rows=len(parts.train), raw_features=columns),
            train=train,
            validation=validation,
            target_scale=target_scale,
            reference_features=reference,
        )
        for architecture in options.architectures
    ]


def _scaled(prepared: Prepared, rows: Rows, target: TargetScale) -> ScaledRows:
    return ScaledRows(
        columns=scale(prepared.preprocessing, rows.raw),
        target=((rows.target - target.mean) / target.scale).astype(np.float32),
    )


def _baselines(options: Options, prepared: Prepared, parts: Split) -> list[Baseline]:
    """Baselines choose nothing by validation, so they are fitted on the validation rows too."""
    seen = Rows(
        raw=np.concatenate([parts.train.raw, parts.validation.raw]),
        target=np.concatenate([parts.train.target, parts.validation.target]),
    )
    return fit_baselines(
        rows=seen,
        test=parts.test,
        preprocessing=prepared.preprocessing,
        task=prepared.task,
        scale=prepared.target.scale,
        seed=options.seed,
    )


def _check_gates_apply(options: Options, *, task: Task) -> None:
    for metric in options.minimum:
        if metric not in METRICS_OF[task]:
            raise UserError(
                f"--minimum must name a metric of a {task} ({', '.join(METRICS_OF[task])}), however: {metric}. "
                "Correct it."
            )


def _check_gates(options: Options, summary: Summary) -> None:
    for name, architecture in summary.architectures.items():
        for metric, minimum in options.minimum.items():
            reached = getattr(architecture.test, metric)
            if not reached >= minimum:
                raise TrainingError(
                    f"'{name}' must reach a held-out {metric} of {minimum:g}, however: {reached:.4f}. "
                    "Nothing was saved."
                )


def _summarise(options: Options, prepared: Prepared, trained: dict[str, Trained], baselines: list[Baseline]) -> Summary:
    predictions = {name: one.predictions for name, one in trained.items()}
    shared = set(ArchitectureSummary.model_fields)
    return Summary(
        release=prepared.release,
        seed=options.seed,
        data=_summarise_data(prepared),
        architectures={
            name: ArchitectureSummary.model_validate(one.card.model_dump(include=shared))
            for name, one in trained.items()
        },
        differences=compare(predictions, target=prepared.test.target, task=prepared.task),
        baselines={one.name: BaselineSummary(test=one.test, train_seconds=one.train_seconds) for one in baselines},
    )


def _summarise_data(prepared: Prepared) -> DataSummary:
    columns = len(prepared.table.raw_names)
    return DataSummary(
        **prepared.source.model_dump(exclude={"seed"}),
        raw_features=columns,
        features=count_features(columns),
        target=prepared.target.name,
        task=prepared.task,
        positive_class=prepared.target.positive_class,
    )
