"""What a sweep shows: how far it is and how long it will take, then a line for each network. Imports nothing slow."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean, median, stdev

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from service.contract.curve import CURVE_FILE, Curve, CurvePoint, FailedPoint
from training.sweep.grid import Planned
from training.sweep.options import SweepOptions

MEGABYTE = 1e6
MICROSECOND = 1e-6
SECONDS_BETWEEN_LINES = 10.0
"""A log gets no more lines than this."""
SPEED_SECONDS = 3600.0
"""Points end minutes apart: the time left is estimated from so much of the past."""


class SweepProgress:
    """A bar on standard error where that is a terminal, else lines on standard output."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
        self.bars = Progress(
            *columns,
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not console.is_terminal,
            speed_estimate_period=SPEED_SECONDS,
        )
        self.bar = self.bars.add_task("", total=None, note="")
        self.points = self.ended = 0
        self.seconds_left = self.seconds_done = 0.0
        self.started = self.last_line = time.monotonic()

    def show_stage(self, stage: str) -> None:
        """Say what begins."""
        self.bars.update(self.bar, description=stage)
        self._print_line(f"{stage} ...")

    def show_grid(self, planned: Sequence[Planned], there: int) -> None:
        """Say how many points there are to be trained, and begin to count."""
        self.points, self.seconds_left = len(planned), sum(entry.seconds for entry in planned)
        found = f", of which {there} are there already" if there else ""
        self._print_line(f"{len(planned) + there} points{found}")
        self.bars.update(self.bar, total=self.seconds_left, note=f"0 of {self.points} points")
        self.started = time.monotonic()

    def show_point(self, ended: Planned, found: CurvePoint | FailedPoint) -> None:
        """Count a point that has ended; name one without a figure at once."""
        self.ended += 1
        self.seconds_done += ended.seconds
        self.seconds_left -= ended.seconds
        if isinstance(found, FailedPoint):
            self.bars.console.print(f"{ended.point} has no figures: {found.reason}", highlight=False, soft_wrap=True)
        note = f"{self.ended} of {self.points} points"
        self.bars.update(self.bar, advance=ended.seconds, note=note)
        if self.ended == self.points or time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
            left = (time.monotonic() - self.started) / self.seconds_done * self.seconds_left
            self._print_line(f"{note}, about {left:.0f} s left" if self.ended < self.points else note)

    def _print_line(self, line: str) -> None:
        if self.bars.disable:
            print(line, flush=True)
            self.last_line = time.monotonic()


@contextmanager
def show_sweeping(asked: SweepOptions) -> Iterator[SweepProgress]:
    """Say at once what goes on, then show how far it is."""
    where = f"the cluster of {asked.address}" if asked.backend == "dask" else "this machine"
    print(f"Sweeping over sizes on {where}, into {asked.output}.", flush=True)
    progress = SweepProgress()
    with progress.bars:
        yield progress
        progress.bars.update(progress.bar, visible=False)


def show_curve(curve: Curve, asked: SweepOptions) -> None:
    """Print a line for each network and number of rows, means over seeds, and where the curve is."""
    console = Console(highlight=False)
    console.print(_table(curve))
    disturbed = sum(point.disturbed for point in curve.points)
    if disturbed:
        console.print(
            f"{disturbed} of {len(curve.points)} points were disturbed: something else took a part of the processors."
        )
    for law in curve.laws:
        console.print(law.sentence)
    console.print(curve.choice.sentence if curve.choice else f"No choice: {curve.choice_lacks}")
    console.print(
        f"Saved {asked.output / CURVE_FILE}. Draw it with: python -m loadtest curve {asked.output}", soft_wrap=True
    )


def _table(curve: Curve) -> Table:
    title = f"Held-out quality and cost on {curve.source}: means over seeds, their deviation, medians of the costs"
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False
    )
    table.add_column("network", no_wrap=True)
    quality = "R2" if curve.task == "regression" else "accuracy"
    for heading in ("rows", "seeds", "weights", "loss", quality, "+-", "seconds", "MB", "us/row"):
        table.add_column(heading, justify="right", no_wrap=True)
    groups = defaultdict(list)
    for point in curve.points:
        groups[point.name, point.rows].append(point)
    for (name, rows), points in groups.items():
        table.add_row(name, f"{rows:,}", *_cells(points))
    return table


def _cells(points: Sequence[CurvePoint]) -> list[str]:
    """Seeds, weights, loss, quality and its standard deviation, seconds of the processors, megabytes, microseconds."""
    qualities = [point.test.accuracy if point.test.r2 is None else point.test.r2 for point in points]
    known = [quality for quality in qualities if quality is not None]
    return [
        str(len(points)),
        f"{points[0].weights:,}",
        f"{fmean(point.test.loss for point in points):.4f}",
        f"{fmean(known):.4f}" if known else "-",
        f"{stdev(known):.4f}" if len(known) > 1 else "-",
        f"{median(sum(point.processor_seconds) for point in points):.2f}",
        f"{median(point.memory.network_bytes for point in points) / MEGABYTE:.1f}",
        f"{median(point.latency_seconds[1] for point in points) / MICROSECOND:.0f}",
    ]
