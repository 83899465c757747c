"""The table: a row for each figure, a column for each architecture, then each architecture against the first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from loadtest.analysis.figures import Figure, figure_ratio, once
from loadtest.analysis.summary import ArchitectureFigures, StudySummary, squared_error
from loadtest.record.intervals import Interval
from loadtest.record.results import OPERATING_SHARE
from loadtest.report.wording import ABSENT, QUALITY_DECIMALS, Written, fixed, ratio, significant, write_figure

MEGABYTE = 1e6

Comparison = Callable[[ArchitectureFigures, ArchitectureFigures], Written]
"""Writes an architecture against the first."""


@dataclass(frozen=True)
class Row:
    """One figure of every architecture, and the comparisons."""

    label: str
    cells: tuple[Written, ...]


@dataclass(frozen=True)
class Group:
    """Rows that belong together."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class ReportTable:
    """Headings, first that of the labels, and the groups below them."""

    columns: tuple[Written, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Line:
    """How one row is made. compare: where a ratio would say nothing."""

    label: str
    figure: Callable[[ArchitectureFigures], Figure]
    decimals: int | None = None
    """None: three significant digits."""
    compare: Comparison | None = None


def make_table(summary: StudySummary) -> ReportTable:
    """Write every figure of every architecture."""
    first, *others = (architecture.name for architecture in summary.architectures)
    groups = {
        "Held-out quality": _quality_lines(summary),
        "Size and training": SIZE_LINES,
        "Alone, one worker": ALONE_LINES,
        "Under load": tuple(_load_lines(summary)),
        _operating_title(summary): OPERATING_LINES,
        "Cost": COST_LINES,
    }
    return ReportTable(
        columns=(*map(Written, ("", first, *others)), *(Written(f"{name} / {first}", "[95 %]") for name in others)),
        groups=tuple(
            Group(title, tuple(_make_row(line, summary) for line in lines)) for title, lines in groups.items()
        ),
    )


def _make_row(line: Line, summary: StudySummary) -> Row:
    first, *others = summary.architectures
    cells = [write_figure(line.figure(architecture), line.decimals) for architecture in summary.architectures]

    def write_ratio(above: ArchitectureFigures, below: ArchitectureFigures) -> Written:
        interval = figure_ratio(line.figure(above), line.figure(below))
        return ABSENT if interval is None else ratio(interval)

    compare = line.compare or write_ratio
    return Row(line.label, (*cells, *(compare(other, first) for other in others)))


def _quality_lines(summary: StudySummary) -> tuple[Line, ...]:
    loss = Line("loss", lambda found: once(found.card.test.loss), QUALITY_DECIMALS)
    if any(architecture.card.task == "regression" for architecture in summary.architectures):
        return (
            Line("R2", lambda found: once(found.card.test.r2), QUALITY_DECIMALS, _compare_r2),
            Line("squared error", lambda found: once(squared_error(found.card)), compare=_compare_errors),
            loss,
        )
    return (Line("accuracy", lambda found: once(found.card.test.accuracy), QUALITY_DECIMALS, _compare_accuracy), loss)


def _compare_r2(above: ArchitectureFigures, below: ArchitectureFigures) -> Written:
    if above.card.test.r2 is None or below.card.test.r2 is None:
        return ABSENT
    return fixed(Interval(above.card.test.r2 - below.card.test.r2), QUALITY_DECIMALS, signed=True)


def _compare_accuracy(above: ArchitectureFigures, below: ArchitectureFigures) -> Written:
    gained = above.gains[below.name]
    return ABSENT if gained is None else fixed(gained, QUALITY_DECIMALS, signed=True)


def _compare_errors(above: ArchitectureFigures, below: ArchitectureFigures) -> Written:
    gained = below.gains[above.name]
    return ABSENT if gained is None else significant(gained, signed=True)


def _operating_rate(found: ArchitectureFigures) -> Figure:
    """Return the rate without its interval: it was chosen, not measured."""
    rate = found.operating.rate
    return rate if rate.value is None else once(rate.value.estimate)


SIZE_LINES = (
    Line("weights and biases", lambda found: once(found.card.parameters), 0),
    Line("network, bytes", lambda found: once(found.card.bytes), 0),
    Line("training, s", lambda found: once(found.card.train_seconds)),
    Line("training memory, MB", lambda found: once(found.card.peak_memory_bytes / MEGABYTE)),
)
ALONE_LINES = (
    Line("worker memory, MB", lambda found: found.worker_bytes.through(lambda size: size / MEGABYTE)),
    Line("ready, s", lambda found: found.ready_seconds),
)
OPERATING_LINES = (
    Line("rate, requests/s", _operating_rate, compare=lambda _above, _below: ABSENT),
    Line("p50, ms", lambda found: found.operating.p50_ms),
    Line("p95, ms", lambda found: found.operating.p95_ms),
    Line("p99, ms", lambda found: found.operating.p99_ms),
    Line("server CPU, ms/request", lambda found: found.operating.cpu_ms),
)
COST_LINES = (Line("per million predictions", lambda found: found.cost),)


def _load_lines(summary: StudySummary) -> Iterator[Line]:
    rows = summary.settings.rows
    if not summary.settings.quick:
        yield Line("sustained requests/s", lambda found: found.sustained.requests)
        yield Line("sustained rows/s", lambda found: found.rows_per_second)
    yield Line("saturation requests/s", lambda found: found.saturation)
    if summary.settings.quick:
        yield Line("saturation rows/s", lambda found: found.saturation.through(lambda rate: rate * rows))


def _operating_title(summary: StudySummary) -> str:
    if summary.settings.quick:
        return "At a common open rate"
    return f"At {100 * OPERATING_SHARE:.0f} % of that rate"
