"""What a scoring shows: how far it is, then what it found. Imports nothing that takes seconds."""

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from service.contract.card import ModelCard
from training.errors import quoted
from training.score.file import Answered, FileTask
from training.score.measure.drift import LARGE_SHIFT, SMALL_SHIFT
from training.score.measure.quality import Comparison
from training.score.options import ScoreOptions
from training.score.processes import ScorePool
from training.score.run import ScoreSummary, run_scoring
from training.table.files import FileStamp

SECONDS_BETWEEN_LINES = 10.0
"""A log gets no more lines than this of rows that were answered."""
MOST_SHIFTS = 20
"""Columns that have moved, in the table."""


class ScoreProgress:
    """Shows how far a scoring is: a bar on standard error where that is a terminal, else lines on standard output."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
        )  # fmt: skip
        self.bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self.bar = self.bars.add_task("opening the release", total=None, note="")
        self.files = self.files_done = self.rows = 0
        self.bytes_done = 0.0
        self.stamps: Mapping[FileTask, FileStamp] = {}
        self.bytes_of: dict[FileTask, float] = {}
        self.last_line = time.monotonic()

    def show_plan(self, card: ModelCard, stamps: Mapping[FileTask, FileStamp], before: int) -> None:
        """Say what is going to be answered, and by what."""
        self.files, self.stamps = len(stamps), stamps
        done = f" ({before:,} more were finished before)" if before else ""
        print(
            f"Scoring {_files(self.files)}{done} with {card.architecture} of release {card.release}, to predict "
            f"{quoted(card.target.name)}.",
            flush=True,
        )
        self.bars.update(self.bar, description="scoring", total=sum(stamp.size for stamp in stamps.values()))

    def show_rows(self, answered: Answered) -> None:
        """Say that rows were answered."""
        self.rows += answered.rows
        done = self.bytes_of.get(answered.task, 0.0)
        self.bytes_of[answered.task] = min(done + answered.bytes, self.stamps[answered.task].size)
        self.bytes_done += self.bytes_of[answered.task] - done
        self._update()
        if self.bars.disable and time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
            self._print_line(f"{self.files_done:,} of {_files(self.files)}, {self.rows:,} rows")

    def show_file(self, task: FileTask) -> None:
        """Say that an output is there."""
        self.files_done += 1
        self.bytes_done += self.stamps[task].size - self.bytes_of.get(task, 0.0)
        self._update()
        if self.bars.disable:
            self._print_line(f"{task.output} is written ({self.files_done:,} of {self.files:,})")

    def _update(self) -> None:
        note = f"{self.rows:,} rows, {self.files_done:,} of {_files(self.files)}"
        self.bars.update(self.bar, completed=self.bytes_done, note=note)

    def _print_line(self, line: str) -> None:
        print(line, flush=True)
        self.last_line = time.monotonic()


def show_scoring(options: ScoreOptions, pool: ScorePool | None) -> None:
    """Run a scoring and show it. Raise what ``run_scoring`` raises."""
    progress = ScoreProgress()
    with progress.bars:
        summary = run_scoring(
            options,
            on_plan=progress.show_plan,
            on_progress=progress.show_rows,
            on_file=progress.show_file,
            pool=pool,
        )
        progress.bars.update(progress.bar, visible=False)
    show_scored(summary, str(options.output))


def show_scored(summary: ScoreSummary, output: str) -> None:
    """Print everything that the run found."""
    console = Console(highlight=False, soft_wrap=True)
    report = summary.report
    if not summary.files:
        console.print(f"All {_files(summary.files_before)} were finished before: {output}", markup=False)
        return
    rate = f", {report.rows / summary.seconds:,.0f} rows/s" if summary.seconds else ""
    console.print(f"Wrote {report.rows:,} rows in {summary.seconds:.1f} s{rate}: {output}", markup=False)
    if not report.rows:
        return
    if report.out_of_range or report.unknown:
        console.print(
            f"Never seen in training: values out of range ({report.out_of_range:,}), unknown levels "
            f"({report.unknown:,})."
        )
    if summary.files_before:
        console.print(f"What follows is of the {_files(summary.files)} of this run.")
    if summary.comparison is not None:
        _show_comparison(console, summary.comparison, summary.card)
    elif report.quality.unusable:
        console.print(
            f"No quality: {report.quality.unusable:,} rows have a target, and none is "
            f"{'one of the classes' if summary.card.target.classes else 'a number'}."
        )
    _show_shifts(console, summary)


def _show_comparison(console: Console, comparison: Comparison, card: ModelCard) -> None:
    table = Table(title=f"Quality: {comparison.rows:,} rows have a target", title_justify="left")
    table.add_column("")
    for heading in ("held out", "these rows", "difference", "by chance up to"):
        table.add_column(heading, justify="right")
    for metric in comparison.metrics:
        promised = metric.held_out
        table.add_row(
            metric.name,
            "-" if promised is None else f"{promised:.4f}",
            f"{metric.found:.4f}",
            "-" if promised is None else f"{metric.found - promised:+.4f}",
            "-" if metric.error is None or promised is None else f"{comparison.limit * metric.error:.4f}",
            style="bold" if comparison.differs(metric) else "",
        )
    console.print(table)
    if comparison.unusable:
        what = "none of the classes" if card.target.classes else "no number"
        console.print(f"{comparison.unusable:,} further rows have a target that is {what}: they are left out of it.")
    different = [metric.name for metric in comparison.metrics if comparison.differs(metric)]
    if different:
        console.print(
            f"Warning: by more than chance these rows differ from the {card.data.test_rows:,} held-out ones in "
            f"{', '.join(different)} (z test, 1 % over all metrics). Look at the columns that have moved and, where "
            "these rows are the better ones, whether they were trained on."
        )


def _show_shifts(console: Console, summary: ScoreSummary) -> None:
    moved = [shift for shift in summary.shifts if shift.moved]
    unknown = len(summary.card.raw_features) - len(summary.shifts)
    if unknown:  # a release of an earlier version
        console.print(f"Columns that may have moved or not, for the card has no shares of their values: {unknown:,}.")
    if not summary.shifts:
        return
    if not moved:
        console.print(f"No column has moved since training: every population stability index is below {SMALL_SHIFT}.")
    else:
        title = "Columns that have moved since training (population stability index)"
        table = Table(title=title, title_justify="left")
        for heading in ("column", "index", ""):
            table.add_column(heading, justify="right" if heading == "index" else "left")
        for shift in moved[:MOST_SHIFTS]:
            word = f"far: {LARGE_SHIFT} or more" if shift.far else f"some: {SMALL_SHIFT} or more"
            table.add_row(quoted(shift.name), f"{shift.index:.3f}", word, style="bold" if shift.far else "")
        console.print(table)
        if len(moved) > MOST_SHIFTS:
            console.print(f"... and {len(moved) - MOST_SHIFTS:,} more.")


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"
