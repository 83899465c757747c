"""One scoring, stage after stage: the release, the files, their answers, and what was found in them."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from service.contract.card import ModelCard
from training.score.coding import check_numeric
from training.score.file import Answered, FileTask, ScoreReport, ScoreSettings
from training.score.journal import OutputSettings, opened_journal
from training.score.measure.drift import Shift, measure_shifts
from training.score.measure.quality import Comparison, compare
from training.score.options import ScoreOptions
from training.score.outputs import check_kept, publish, unfinished_path
from training.score.plan import plan_tasks
from training.score.processes import ScorePool, score_files
from training.score.release import open_scorer
from training.table.files import FileStamp, inaccessible
from training.table.formats import PARQUET_ENDINGS
from training.table.reading_options import refuse_for_parquet


@dataclass(frozen=True)
class ScoreSummary:
    """What a run found. files: those that it answered; files_before: those that were finished; seconds: of the files.

    comparison: None where no row has a target; shifts: of each column whose distribution the card knows.
    """

    card: ModelCard
    files: int
    files_before: int
    seconds: float
    report: ScoreReport
    comparison: Comparison | None
    shifts: list[Shift]


def run_scoring(
    options: ScoreOptions,
    *,
    on_plan: Callable[[ModelCard, Mapping[FileTask, FileStamp], int], None],
    on_progress: Callable[[Answered], None],
    on_file: Callable[[FileTask], None],
    pool: ScorePool | None,
) -> ScoreSummary:
    """Answer the files that ``options`` name, by a pool where there is one.

    ``on_plan`` hears which, and how many were finished before; ``on_progress`` of their rows; ``on_file`` of each that
    is finished. Raise UserError for what can't be used, TrainingError where the release or an output refuses: what is
    finished is kept.
    """
    scorer = open_scorer(release=options.release, architecture=options.architecture)
    card = scorer.card
    check_kept(options.keep, card)
    check_numeric(options.numeric, card)
    tasks = plan_tasks(options.data, options.output)
    if all(task.source.suffix.lower() in PARQUET_ENDINGS for task in tasks):
        refuse_for_parquet(options.read)
    names = (*(feature.name for feature in card.raw_features), card.target.name)
    missing = (*options.read.missing, *card.data.missing_spellings)
    settings = ScoreSettings(
        scorer=scorer,
        policies=options.policies,
        read=replace(options.read, missing=missing, only=names),
        numeric=options.numeric,
        keep=options.keep,
        several=len(tasks) > 1,
    )
    stamps = {task: _stamp(task) for task in tasks}
    with ExitStack() as stack:
        left, journal = stamps, None
        if tasks[0].output != options.output:
            journal = stack.enter_context(opened_journal(options.output, OutputSettings.of(settings)))
            left = journal.leave_out_finished(stamps)
        on_plan(card, left, len(tasks) - len(left))
        started = time.perf_counter()
        report = ScoreReport()
        for event in score_files(list(left), settings, pool=pool):
            if isinstance(event, Answered):
                on_progress(event)
                continue
            try:
                if journal is not None:
                    journal.add(event.task, rows=event.report.rows, source=stamps[event.task])
                publish(event.task.output)
            finally:
                unfinished_path(event.task.output).unlink(missing_ok=True)
            report.merge(event.report)
            on_file(event.task)
        seconds = time.perf_counter() - started
    return ScoreSummary(
        card=card,
        files=len(left),
        files_before=len(tasks) - len(left),
        seconds=seconds,
        report=report,
        comparison=compare(report.quality, card),
        shifts=measure_shifts(report.tallies, train_rows=card.data.train_rows),
    )


def _stamp(task: FileTask) -> FileStamp:
    try:
        return FileStamp.of(task.source)
    except OSError as error:
        raise inaccessible(error) from error
