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
from loadtest.analysis.summary import ArchitectureSummary, summarise
from loadtest.record.errors import InputError
from loadtest.record.intervals import Interval, shows, unpaired_ratio
from loadtest.record.results import Results, load_results
from loadtest.report.notation import ratio, significant

SAME, WORSE = 0, 1
ALIKE = ("body", "rows", "slo_p99_ms", "quick", "arrivals")
"""Settings without which two results say different things."""
NOT_COMPARED = "-"


def _megabytes(size: float) -> float:
    return size / 1e6


@dataclass(frozen=True)
class Measure:
    """One figure of an architecture. more_is_better: None for what is shown and not judged."""

    label: str
    of: Callable[[ArchitectureSummary], Figure]
    more_is_better: bool | None


MEASURES = (
    Measure("rows/s", lambda one: one.rows_per_second, more_is_better=True),
    Measure("server CPU, ms/request", lambda one: one.operating.cpu_ms, more_is_better=False),
    Measure("worker memory alone, MB", lambda one: one.worker_bytes.through(_megabytes), more_is_better=False),
    Measure("p50, ms", lambda one: one.operating.p50_ms, more_is_better=None),
    Measure("p99, ms", lambda one: one.operating.p99_ms, more_is_better=None),
)
"""Latencies are not judged: at a share of the capacity they hang on the capacity, which is."""


@dataclass(frozen=True)
class Change:
    """What became of one figure."""

    architecture: str
    measure: Measure
    old: Figure
    new: Figure
    ratio: Interval | None
    """new / old; None where either is withheld or not measured."""

    def is_worse(self, tolerance: float) -> bool:
        """Whether it changed for the worse by more than ``tolerance``, and not by chance."""
        if self.ratio is None or self.measure.more_is_better is None:
            return False
        loss = 1 / self.ratio.estimate if self.measure.more_is_better else self.ratio.estimate
        return loss > 1 + tolerance and (self.ratio.low is None or shows(self.ratio, 1))


def compare(old: Path, new: Path, *, tolerance: float, console: Console) -> int:
    """Print what has changed; return 1 where the new results are worse or invalid, 0 otherwise. Raises InputError."""
    before, after = load_results(old), load_results(new)
    _check_alike(before, after)
    changes = find_changes(before, after)
    worse = [change for change in changes if change.is_worse(tolerance)]
    invalid = [f"{name} is INVALID" for name, one in (("OLD", before), ("NEW", after)) if not one.valid]
    console.print(escape(_verdict(worse, invalid, tolerance)), soft_wrap=True)
    if before.environment.processor != after.environment.processor:
        console.print(escape(f"On other processors: {before.environment.processor}, {after.environment.processor}."))
    console.print(_table(changes, worse))
    return WORSE if worse or invalid else SAME


def find_changes(old: Results, new: Results) -> list[Change]:
    """Compare every figure of the architectures that both have. Raises InputError where there are none."""
    before, after = ({one.name: one for one in summarise(results).architectures} for results in (old, new))
    shared = [name for name in before if name in after]
    if not shared:
        raise InputError("two results must share an architecture, however: these have none in common. Choose others.")
    return [
        Change(name, measure, was, now, _ratio(was, now))
        for name in shared
        for measure in MEASURES
        for was, now in [(measure.of(before[name]), measure.of(after[name]))]
    ]


def _ratio(old: Figure, new: Figure) -> Interval | None:
    if old.value is None or new.value is None or old.bound or new.bound:
        return None
    if not old.blocks or not new.blocks:
        return Interval(new.value.estimate / old.value.estimate)
    return unpaired_ratio(list(new.blocks.values()), list(old.blocks.values()))


def _check_alike(old: Results, new: Results) -> None:
    for name in ALIKE:
        was, now = getattr(old.settings, name), getattr(new.settings, name)
        if was != now:
            raise InputError(f"two results must be of the same {name}, however: {was} and {now}. Measure one again.")


def _verdict(worse: list[Change], invalid: list[str], tolerance: float) -> str:
    if invalid:
        return f"{' and '.join(invalid)}: see its report. Nothing can be said of a change."
    if not worse:
        return f"No figure is worse by more than {tolerance:.0%}."
    facts = "; ".join(f"{one.architecture}: {one.measure.label} {ratio(one.ratio)}" for one in worse if one.ratio)
    return f"WORSE by more than {tolerance:.0%} (new / old): {facts}."


def _table(changes: list[Change], worse: list[Change]) -> Table:
    table = Table(title="New against old [95 %]", title_justify="left")
    table.add_column("")
    table.add_column("")
    for heading in ("old", "new", "new / old", ""):
        table.add_column(heading, justify="right")
    for change in changes:
        cells = (_cell(change.old), _cell(change.new), NOT_COMPARED if change.ratio is None else ratio(change.ratio))
        verdict = "worse" if change in worse else "not judged" if change.measure.more_is_better is None else ""
        table.add_row(escape(change.architecture), change.measure.label, *map(escape, cells), verdict)
    return table


def _cell(figure: Figure) -> str:
    if figure.withheld is not None:
        return "INVALID"
    if figure.value is None:
        return figure.instead
    return f"{figure.bound or ''} {significant(figure.value)}".strip()
