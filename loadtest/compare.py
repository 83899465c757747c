"""Is the new one worse? Two results, figure by figure: a gate for continuous integration.

Two studies have no blocks in common: the interval of a change is Welch's, on the logarithms of the blocks' values. A
figure is worse where it changed for the worse by more than the tolerance **and** its interval shows a change at all.
One that the old results have and the new ones lack is lost: the worst of regressions leave nothing to compare.

That interval knows the spread between blocks, and nothing of the machine's speed on another day. So where there are
several architectures, which share the machine of their run, a figure must be worse against the others too, or by more
than machines drift.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtest.analysis.figures import NOT_MEASURED, OPPOSITE, Bound, Figure
from loadtest.analysis.summary import ArchitectureFigures, summarise_study
from loadtest.record.errors import InputError
from loadtest.record.intervals import FEWEST, Interval, unpaired_ratio
from loadtest.record.results import ROUNDING, Results
from loadtest.record.results_file import load_results
from loadtest.report.wording import ABSENT, RATIO_DECIMALS, ratio, write_figure

SAME, WORSE = 0, 1
MEGABYTE = 1e6
DRIFT = 1 / 3
"""By which absolute figures of unchanged code differ from run to run (docs/evidence.md)."""
LEFT_OUT = Figure(instead="left out")
"""Each figure of an architecture that the new results lack."""
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


P99 = Compared("p99, ms", lambda found: found.operating.p99_ms, more_is_better=False)
COMPARED = (
    Compared("rows/s", lambda found: found.rows_per_second, more_is_better=True),
    Compared("server CPU, ms/request", lambda found: found.operating.cpu_ms, more_is_better=False),
    Compared(
        "worker memory alone, MB",
        lambda found: found.worker_bytes.through(lambda size: size / MEGABYTE),
        more_is_better=False,
    ),
    Compared("p50, ms", lambda found: found.operating.p50_ms, more_is_better=None),
    P99,
)


@dataclass(frozen=True)
class Change:
    """What became of one figure. judged: whether it can fail the gate."""

    architecture: str
    measure: Compared
    judged: bool
    old: Figure
    new: Figure
    ratio: Figure
    """new / old: a bound where one of them is a bound, no value where either has none or both are bounds."""
    against_others: Interval | None
    """The same of its ratio to the other architectures; None where there are no others that have an interval."""

    @property
    def has_interval(self) -> bool:
        """Whether anything can be shown of it."""
        return self.ratio.value is not None and self.ratio.value.low is not None

    def is_worse(self, tolerance: float) -> bool:
        """Whether it is shown to be worse by more than ``tolerance``, and not by the machine's drift alone."""
        if not self._has_fallen(tolerance):
            return False
        if self.against_others is None or self._find_loss(self.ratio.value) > (1 + tolerance) * (1 + DRIFT):
            return True
        return self._find_loss(self.against_others) > 1 + tolerance and self.against_others.excludes(1)

    def may_be_drift(self, tolerance: float) -> bool:
        """Whether it is worse, and not against the others: by the machine, or by a change that hits all."""
        return self._has_fallen(tolerance) and not self.is_worse(tolerance)

    def _has_fallen(self, tolerance: float) -> bool:
        if not self.judged or self.ratio.value is None or self.ratio.bound == self._at_best:
            return False
        return self._find_loss(self.ratio.value) > 1 + tolerance and self.ratio.value.excludes(1)

    def is_lost(self, tolerance: float) -> bool:
        """Whether the old results have it, and the new ones do not, or only a bound that lies beyond ``tolerance``."""
        if not self.judged or self.old.value is None or not self.old.blocks:
            return False
        if self.new.value is None:
            return True
        return self.new.bound == self._at_best and self._find_loss(self.ratio.value) > 1 + tolerance

    @property
    def _at_best(self) -> Bound:
        """The bound beyond which a figure is better."""
        return "at least" if self.measure.more_is_better else "at most"

    def _find_loss(self, change: Interval | None) -> float:
        """Return times as bad as before; 1 where that is not known. change: new / old."""
        if change is None:
            return 1.0
        return 1 / change.estimate if self.measure.more_is_better else change.estimate

    def say_verdict(self, tolerance: float) -> str:
        """Say that it is worse or lost, or why it is not judged."""
        if not self.judged:
            return "not judged"
        if self.is_lost(tolerance):
            return "lost"
        if self.ratio.value is not None and not self.has_interval:
            return "no interval"
        if self.may_be_drift(tolerance):
            return "may be drift"
        return "worse" if self.is_worse(tolerance) else ""


def compare_results(old: Path, new: Path, *, tolerance: float, console: Console) -> int:
    """Print what has changed; return 1 where the new results are worse, lack a figure or are invalid, 0 otherwise.

    Raises InputError, after the table where it shows nothing that can be judged.
    """
    before, after = load_results(old), load_results(new)
    _check_alike(before, after)
    changes = find_changes(before, after)
    invalid = [f"{name} is INVALID" for name, results in (("OLD", before), ("NEW", after)) if not results.valid]
    failures = _find_failures(changes, invalid, tolerance)
    can_judge = bool(failures) or any(change.judged and change.has_interval for change in changes)
    if can_judge:
        drift = [] if invalid else _say_drift(changes, tolerance)
        verdict = [*failures, *drift] or [f"No figure is worse by more than {tolerance:.0%}."]
        console.print(escape(" ".join(verdict)), soft_wrap=True)
    if before.environment.processor != after.environment.processor:
        console.print(escape(f"On other processors: {before.environment.processor}, {after.environment.processor}."))
    console.print(_table(changes, tolerance))
    if not can_judge:
        raise InputError(
            f"two results must share a figure with an interval, which takes {FEWEST} blocks in each, however: these "
            "have none, and nothing was judged. Compare studies with --blocks 3 or more."
        )
    return WORSE if failures else SAME


def find_changes(old: Results, new: Results) -> list[Change]:
    """Compare every figure of the old architectures. Raises InputError where the new results have none of these."""
    before, after = ({found.name: found for found in summarise_study(results).architectures} for results in (old, new))
    if before.keys().isdisjoint(after):
        raise InputError("two results must share an architecture, however: these have none in common. Choose others.")
    changes = []
    for name in before:
        for measure in COMPARED:
            was = {each: measure.of(found) for each, found in before.items()}
            now = {each: measure.of(after[each]) if each in after else LEFT_OUT for each in before}
            changes.append(
                Change(
                    name,
                    measure,
                    judged=_is_judged(measure, before[name], after.get(name)),
                    old=was[name],
                    new=now[name],
                    ratio=_ratio(was[name], now[name]),
                    against_others=_compare_with_others(name, was, now),
                )
            )
    return changes


def _is_judged(measure: Compared, old: ArchitectureFigures, new: ArchitectureFigures | None) -> bool:
    """Judge p99 where it hangs on no capacity, which is judged itself, and where no more was asked than before."""
    if measure is not P99:
        return measure.more_is_better is not None
    if new is None or old.sustained.requests.value is not None:
        return False
    asked, before = new.operating.rate.value, old.operating.rate.value
    return asked is not None and before is not None and asked.estimate <= before.estimate * ROUNDING


def _ratio(old: Figure, new: Figure) -> Figure:
    if old.value is None or new.value is None or (old.bound and new.bound):
        return NOT_MEASURED
    if old.bound:
        return Figure(_divide(new.value, old.value), bound=OPPOSITE[old.bound])
    if new.bound:
        return Figure(_divide(new.value, old.value), bound=new.bound)
    if not old.blocks or not new.blocks:
        return Figure(Interval(new.value.estimate / old.value.estimate))
    return Figure(unpaired_ratio(list(new.blocks.values()), list(old.blocks.values())))


def _compare_with_others(name: str, old: Mapping[str, Figure], new: Mapping[str, Figure]) -> Interval | None:
    """Return new / old of one architecture's ratio to the geometric mean of the others. old, new: by architecture."""
    repeated = [each for each in old if all(_is_repeated(figures[each]) for figures in (old, new))]
    others = [each for each in repeated if each != name]
    if name not in repeated or not others:
        return None
    change = unpaired_ratio(*(_divide_by_others(figures, name, others) for figures in (new, old)))
    return None if change is None or change.low is None else change


def _is_repeated(figure: Figure) -> bool:
    return figure.value is not None and bool(figure.blocks) and figure.bound is None


def _divide_by_others(figures: Mapping[str, Figure], name: str, others: list[str]) -> list[float]:
    """Return the ratio in each block that all have: architectures take turns in it, on the same machine."""
    return [
        value / geometric_mean(figures[other].blocks[block] for other in others)
        for block, value in figures[name].blocks.items()
        if all(block in figures[other].blocks for other in others)
    ]


def _divide(above: Interval, below: Interval) -> Interval:
    """Divide two of which one is a bound, exact: the interval is that of the other."""
    estimate = above.estimate / below.estimate
    if above.low is not None and above.high is not None:
        return Interval(estimate, above.low / below.estimate, above.high / below.estimate)
    if below.low is not None and below.high is not None:
        return Interval(estimate, above.estimate / below.high, above.estimate / below.low)
    return Interval(estimate)


def _check_alike(old: Results, new: Results) -> None:
    pairs = {name: (getattr(old.settings, name), getattr(new.settings, name)) for name in ALIKE}
    pairs |= {name: (getattr(old.environment, name), getattr(new.environment, name)) for name in ALIKE_MACHINE}
    for name, (was, now) in pairs.items():
        if was != now:
            raise InputError(f"two results must be of the same {name}, however: {was} and {now}. Measure one again.")


def _find_failures(changes: list[Change], invalid: list[str], tolerance: float) -> list[str]:
    """Return a sentence for each reason why the gate fails."""
    if invalid:
        return [f"{' and '.join(invalid)}: see its report. Nothing can be said of a change."]
    worse = [change for change in changes if change.is_worse(tolerance)]
    lost = [
        f"{change.architecture}: {change.measure.label} {write_figure(change.new)}, was {write_figure(change.old)}"
        for change in changes
        if change.is_lost(tolerance)
    ]
    failures = [f"WORSE by more than {tolerance:.0%} (new / old): {_say_ratios(worse)}."] if worse else []
    if lost:
        failures.append(
            f"LOST: NEW must have each figure that OLD has, however: {'; '.join(lost)}. "
            "See NEW's report, and measure again."
        )
    return failures


def _say_drift(changes: list[Change], tolerance: float) -> list[str]:
    """Return a sentence on what is worse and not judged, if there is any."""
    drifted = [change for change in changes if change.may_be_drift(tolerance)]
    if not drifted:
        return []
    return [
        f"NOT JUDGED, for the machine may have drifted (new / old): {_say_ratios(drifted)}. Against the other "
        "architectures nothing is shown; a change that hits all looks the same: measure OLD again beside NEW to tell."
    ]


def _say_ratios(changes: list[Change]) -> str:
    return "; ".join(
        f"{change.architecture}: {change.measure.label} {write_figure(change.ratio, RATIO_DECIMALS)}"
        for change in changes
    )


def _table(changes: list[Change], tolerance: float) -> Table:
    table = Table(title="New against old [95 %]", title_justify="left")
    table.add_column("")
    table.add_column("")
    for heading in ("old", "new", "new / old", "against the others", ""):
        table.add_column(heading, justify="right")
    for change in changes:
        written = (
            write_figure(change.old),
            write_figure(change.new),
            write_figure(change.ratio, RATIO_DECIMALS),
            ABSENT if change.against_others is None else ratio(change.against_others),
        )
        cells = (escape(str(cell)) for cell in written)
        table.add_row(escape(change.architecture), change.measure.label, *cells, change.say_verdict(tolerance))
    return table
