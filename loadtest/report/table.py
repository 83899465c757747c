"""The table: a row for each figure, a column for each architecture, then each architecture against the first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from loadtest.analysis.figures import Figure, compare, once
from loadtest.analysis.quality import squared_error
from loadtest.analysis.summary import ArchitectureSummary, Summary
from loadtest.record.intervals import Interval
from loadtest.record.results import OPERATING_SHARE
from loadtest.report.notation import QUALITY_DECIMALS, brief, fixed, ratio, significant

MEGABYTE = 1e6
ABSENT = "-"
INVALID = "INVALID"

Comparison = Callable[[ArchitectureSummary, ArchitectureSummary], str]
"""Writes an architecture against the first."""


@dataclass(frozen=True)
class Row:
    """One figure of every architecture, and the comparisons."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Rows that belong together."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """Headings, first that of the labels, and the groups below them."""

    columns: tuple[str, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Line:
    """How one row is made. compare: where a ratio would say nothing."""

    label: str
    figure: Callable[[ArchitectureSummary], Figure]
    write: Callable[[Interval], str] = significant
    compare: Comparison | None = None


def make_table(summary: Summary) -> Table:
    """Write every figure of every architecture."""
    first, *others = (one.name for one in summary.architectures)
    groups = {
        "Held-out quality": _quality_lines(summary),
        "Size and training": SIZE_LINES,
        "Alone, one worker": ALONE_LINES,
        "Under load": tuple(_load_lines(summary)),
        _operating_title(summary): OPERATING_LINES,
        "Cost": COST_LINES,
    }
    return Table(
        columns=("", first, *others, *(f"{name} / {first} [95 %]" for name in others)),
        groups=tuple(
            Group(title, tuple(_make_row(line, summary) for line in lines)) for title, lines in groups.items()
        ),
    )


def _make_row(line: Line, summary: Summary) -> Row:
    first, *others = summary.architectures
    cells = [write_figure(line.figure(one), line.write) for one in summary.architectures]
    write = line.compare or (lambda above, below: _write_ratio(compare(line.figure(above), line.figure(below))))
    return Row(line.label, (*cells, *(write(one, first) for one in others)))


def write_figure(figure: Figure, write: Callable[[Interval], str] = significant) -> str:
    """Write a figure, its bound, that it is invalid, or that it was not measured."""
    if figure.withheld is not None:
        return INVALID
    if figure.value is None:
        return figure.instead
    return {"at least": ">= ", "at most": "<= ", None: ""}[figure.bound] + write(figure.value)


def _write_ratio(interval: Interval | None) -> str:
    return ABSENT if interval is None else ratio(interval)


def _whole(interval: Interval) -> str:
    return fixed(interval, 0)


def _quality(interval: Interval) -> str:
    return fixed(interval, QUALITY_DECIMALS)


def _estimate(interval: Interval) -> str:
    return brief(interval.estimate)


def _no_comparison(_above: ArchitectureSummary, _below: ArchitectureSummary) -> str:
    return ABSENT


def _quality_lines(summary: Summary) -> tuple[Line, ...]:
    loss = Line("loss", lambda one: once(one.card.test.loss), _quality)
    if any(one.card.task == "regression" for one in summary.architectures):
        return (
            Line("R2", lambda one: once(one.card.test.r2), _quality, _compare_r2),
            Line("squared error", lambda one: once(squared_error(one.card)), significant, _compare_errors),
            loss,
        )
    return (Line("accuracy", lambda one: once(one.card.test.accuracy), _quality, _compare_accuracy), loss)


def _compare_r2(above: ArchitectureSummary, below: ArchitectureSummary) -> str:
    if above.card.test.r2 is None or below.card.test.r2 is None:
        return ABSENT
    return fixed(Interval(above.card.test.r2 - below.card.test.r2), QUALITY_DECIMALS, signed=True)


def _compare_accuracy(above: ArchitectureSummary, below: ArchitectureSummary) -> str:
    gained = above.gains[below.name]
    return ABSENT if gained is None else fixed(gained, QUALITY_DECIMALS, signed=True)


def _compare_errors(above: ArchitectureSummary, below: ArchitectureSummary) -> str:
    gained = below.gains[above.name]
    return ABSENT if gained is None else significant(gained, signed=True)


SIZE_LINES = (
    Line("weights and biases", lambda one: once(one.card.parameters), _whole),
    Line("network, bytes", lambda one: once(one.card.bytes), _whole),
    Line("training, s", lambda one: once(one.card.train_seconds)),
    Line("training memory, MB", lambda one: once(one.card.peak_memory_bytes / MEGABYTE)),
)
ALONE_LINES = (
    Line("worker memory, MB", lambda one: one.worker_bytes.through(lambda size: size / MEGABYTE)),
    Line("ready, s", lambda one: one.ready_seconds),
)
OPERATING_LINES = (
    Line("rate, requests/s", lambda one: one.operating.rate, _estimate, _no_comparison),
    Line("p50, ms", lambda one: one.operating.p50_ms),
    Line("p95, ms", lambda one: one.operating.p95_ms),
    Line("p99, ms", lambda one: one.operating.p99_ms),
    Line("server CPU, ms/request", lambda one: one.operating.cpu_ms),
)
COST_LINES = (Line("per million predictions", lambda one: one.cost),)


def _load_lines(summary: Summary) -> Iterator[Line]:
    rows = summary.settings.rows
    if not summary.settings.quick:
        yield Line("sustained requests/s", lambda one: one.sustained.requests)
        yield Line("sustained rows/s", lambda one: one.rows_per_second)
    yield Line("saturation requests/s", lambda one: one.saturation)
    if summary.settings.quick:
        yield Line("saturation rows/s", lambda one: one.saturation.through(lambda rate: rate * rows))


def _operating_title(summary: Summary) -> str:
    if summary.settings.quick:
        return "At a common open rate"
    return f"At {100 * OPERATING_SHARE:.0f} % of that rate"
