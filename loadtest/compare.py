"""Is the new one worse? Two results, figure by figure: a gate for continuous integration.

Two studies have no blocks in common: the interval of a change is Welch's, on the logarithms of the blocks' values. A
figure is worse where it changed for the worse by more than the tolerance **and** its interval shows a change at all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtest.analysis.figures import Figure
from loadtest.analysis.summary import ArchitectureFigures, summarise_study
from loadtest.record.errors import InputError
from loadtest.record.intervals import Interval, unpaired_ratio
from loadtest.record.results import Results
from loadtest.record.results_file import load_results
from loadtest.report.wording import ABSENT, ratio, write_figure

SAME, WORSE = 0, 1
MEGABYTE = 1e6
ALIKE = ("body", "rows", "slo_p99_ms", "quick", "arrivals")
"""Settings without which two results say different things."""
ALIKE_MACHINE = ("workers", "processors", "service_processors")
"""Of the environment, likewise."""


@dataclass(frozen=True)
class Compared:
    """One figure of an architecture. more_is_better: None for what is shown and not judged."""

    label: str
    of: Callable[[ArchitectureFigures], Figure]
    more_is_better: bool | None


COMPARED = (
    Compared("rows/s", lambda found: found.rows_per_second, more_is_better=True),
    Compared("server CPU, ms/request", lambda found: found.operating.cpu_ms, more_is_better=False),
    Compared(
        "worker memory alone, MB",
        lambda found: found.worker_bytes.through(lambda size: size / MEGABYTE),
        more_is_better=False,
    ),
    Compared("p50, ms", lambda found: found.operating.p50_ms, more_is_better=None),
    Compared("p99, ms", lambda found: found.operating.p99_ms, more_is_better=None),
)
"""Latencies are not judged: at a share of the capacity they hang on the capacity, which is."""


@dataclass(frozen=True)
class Change:
    """What became of one figure."""

    architecture: str
    measure: Compared
    old: Figure
    new: Figure
    ratio: Interval | None
    """new / old; None where either is withheld or not measured."""

    def is_worse(self, tolerance: float) -> bool:
        """Whether it is shown to be worse by more than ``tolerance``: without an interval nothing is shown."""
        if self.ratio is None or self.measure.more_is_better is None:
            return False
        loss = 1 / self.ratio.estimate if self.measure.more_is_better else self.ratio.estimate
        return loss > 1 + tolerance and self.ratio.excludes(1)

    def say_verdict(self, tolerance: float) -> str:
        """Say that it is worse, or why it is not judged."""
        if self.measure.more_is_better is None:
            return "not judged"
        if self.ratio is not None and self.ratio.low is None:
            return "no interval"
        return "worse" if self.is_worse(tolerance) else ""


def compare_results(old: Path, new: Path, *, tolerance: float, console: Console) -> int:
    """Print what has changed; return 1 where the new results are worse or invalid, 0 otherwise. Raises InputError."""
    before, after = load_results(old), load_results(new)
    _check_alike(before, after)
    changes = find_changes(before, after)
    worse = [change for change in changes if change.is_worse(tolerance)]
    invalid = [f"{name} is INVALID" for name, results in (("OLD", before), ("NEW", after)) if not results.valid]
    console.print(escape(_verdict(worse, invalid, tolerance)), soft_wrap=True)
    if before.environment.processor != after.environment.processor:
        console.print(escape(f"On other processors: {before.environment.processor}, {after.environment.processor}."))
    console.print(_table(changes, tolerance))
    return WORSE if worse or invalid else SAME


def find_changes(old: Results, new: Results) -> list[Change]:
    """Compare every figure of the architectures that both have. Raises InputError where there are none."""
    before, after = ({found.name: found for found in summarise_study(results).architectures} for results in (old, new))
    shared = [name for name in before if name in after]
    if not shared:
        raise InputError("two results must share an architecture, however: these have none in common. Choose others.")
    return [
        Change(name, measure, was, now, _ratio(was, now))
        for name in shared
        for measure in COMPARED
        for was, now in [(measure.of(before[name]), measure.of(after[name]))]
    ]


def _ratio(old: Figure, new: Figure) -> Interval | None:
    if old.value is None or new.value is None or old.bound or new.bound:
        return None
    if not old.blocks or not new.blocks:
        return Interval(new.value.estimate / old.value.estimate)
    return unpaired_ratio(list(new.blocks.values()), list(old.blocks.values()))


def _check_alike(old: Results, new: Results) -> None:
    pairs = {name: (getattr(old.settings, name), getattr(new.settings, name)) for name in ALIKE}
    pairs |= {name: (getattr(old.environment, name), getattr(new.environment, name)) for name in ALIKE_MACHINE}
    for name, (was, now) in pairs.items():
        if was != now:
            raise InputError(f"two results must be of the same {name}, however: {was} and {now}. Measure one again.")


def _verdict(worse: list[Change], invalid: list[str], tolerance: float) -> str:
    if invalid:
        return f"{' and '.join(invalid)}: see its report. Nothing can be said of a change."
    if not worse:
        return f"No figure is worse by more than {tolerance:.0%}."
    facts = "; ".join(f"{lost.architecture}: {lost.measure.label} {ratio(lost.ratio)}" for lost in worse if lost.ratio)
    return f"WORSE by more than {tolerance:.0%} (new / old): {facts}."


def _table(changes: list[Change], tolerance: float) -> Table:
    table = Table(title="New against old [95 %]", title_justify="left")
    table.add_column("")
    table.add_column("")
    for heading in ("old", "new", "new / old", ""):
        table.add_column(heading, justify="right")
    for change in changes:
        written = (
            write_figure(change.old),
            write_figure(change.new),
            ABSENT if change.ratio is None else ratio(change.ratio),
        )
        cells = (escape(str(cell)) for cell in written)
        table.add_row(escape(change.architecture), change.measure.label, *cells, change.say_verdict(tolerance))
    return table
