"""Show the results of a comparison: a table, a sentence, and what a closed loop can't say."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtest.intervals import median, paired_ratio
from loadtest.results import Results, Round

MEGABYTE = 1e6
NOT_MEASURED = "-"
CLOSED_LOOP = (
    "This is a closed loop: each user waits for its answer before it asks again, so a slow architecture is asked less "
    "often and its latencies look better than independent callers would find them. Compare architectures with these "
    "figures; read no capacity from them."
)


@dataclass(frozen=True)
class Line:
    """One figure of the table: per round where ``of_round`` is given, otherwise once for each architecture."""

    label: str
    show: str
    of_round: Callable[[Round], float | None] | None = None
    once: Callable[[Results, str], float | None] | None = None

    def values(self, results: Results, architecture: str) -> list[float]:
        """Return the figure of every round, or the one there is; empty where it was not measured."""
        if self.of_round is not None:
            found = [self.of_round(one) for one in results.rounds_of(architecture)]
        else:
            assert self.once is not None
            found = [self.once(results, architecture)]
        return [value for value in found if value is not None]


def _cpu_ms(one: Round) -> float | None:
    if one.server_cpu_seconds is None or one.all_requests == 0:
        return None
    return 1000 * one.server_cpu_seconds / one.all_requests


def _generator_percent(one: Round) -> float | None:
    return None if one.generator_share is None else 100 * one.generator_share


def _alone_memory(results: Results, name: str) -> float | None:
    return results.alone[name].worker_memory_bytes / MEGABYTE if name in results.alone else None


def _alone_ready(results: Results, name: str) -> float | None:
    return results.alone[name].ready_seconds if name in results.alone else None


LINES = (
    Line("requests/s", "{:,.0f}", of_round=lambda one: one.requests_per_second),
    Line("rows/s", "{:,.0f}", of_round=lambda one: one.requests_per_second),
    Line("p50, ms", "{:.2f}", of_round=lambda one: one.p50_ms),
    Line("p95, ms", "{:.2f}", of_round=lambda one: one.p95_ms),
    Line("p99, ms", "{:.2f}", of_round=lambda one: one.p99_ms),
    Line("failed requests", "{:,.0f}", once=lambda results, name: sum(results.failures.get(name, {}).values())),
    Line("server CPU, ms/request", "{:.3f}", of_round=_cpu_ms),
    Line("generator CPU, % of a core", "{:.0f}", of_round=_generator_percent),
    Line("worker memory alone, MB", "{:.1f}", once=_alone_memory),
    Line("ready alone, s", "{:.2f}", once=_alone_ready),
    Line("weights and biases", "{:,.0f}", once=lambda results, name: results.quality[name].parameters),
    Line("training, s", "{:.2f}", once=lambda results, name: results.quality[name].train_seconds),
    Line("held-out loss", "{:.4f}", once=lambda results, name: results.quality[name].loss),
    Line("held-out accuracy", "{:.4f}", once=lambda results, name: results.quality[name].accuracy),
    Line("held-out R2", "{:.4f}", once=lambda results, name: results.quality[name].r2),
)
OF_ONE_TASK = ("held-out accuracy", "held-out R2")


def show(results: Results, console: Console) -> None:
    """Print the whole comparison."""
    for line in _head(results):
        console.print(escape(line))
    console.print(_table(results))
    for line in _tail(results):
        console.print(escape(line))


def _head(results: Results) -> list[str]:
    settings, machine = results.settings, results.environment
    host = settings.host or "a service started for this"
    return [
        f"Release {results.release} on {host}; {machine.processor}, {machine.processors} processors, "
        f"Python {machine.python}, Locust {machine.locust}.",
        f"{settings.users} users, {settings.rows} row(s) a request as {settings.body}, {settings.rounds} interleaved "
        f"rounds of {settings.seconds:g} s each (the first {settings.warm_up_seconds:g} s left out).",
    ]


def _table(results: Results) -> Table:
    first, *others = results.settings.architectures
    table = Table(title="Comparison (medians of the rounds)", title_justify="left")
    table.add_column("")
    for name in (first, *others):
        table.add_column(name, justify="right")
    for name in others:
        table.add_column(f"{name} / {first} [95 %]", justify="right")
    for line in LINES:
        values = {name: _scaled(line, results, name) for name in (first, *others)}
        if line.label in OF_ONE_TASK and not values[first]:
            continue
        cells = [line.show.format(median(found)) if found else NOT_MEASURED for found in values.values()]
        table.add_row(line.label, *cells, *(_ratio_cell(values[name], values[first]) for name in others))
    return table


def _scaled(line: Line, results: Results, name: str) -> list[float]:
    factor = results.settings.rows if line.label == "rows/s" else 1
    return [factor * value for value in line.values(results, name)]


def _ratio_cell(above: list[float], below: list[float]) -> str:
    spread = paired_ratio(above, below) if above and len(above) == len(below) else None
    return NOT_MEASURED if spread is None else escape(str(spread))


def _tail(results: Results) -> list[str]:
    lines = [*_verdicts(results), *_slo_lines(results)]
    if results.settings.host is not None:
        lines.append("CPU, memory and start-up are not measured: the service was not started by this command.")
    lines.append(CLOSED_LOOP)
    lines += [f"INVALID: {name}: {count} x {reason}." for name, reason, count in _failures(results)]
    if not results.valid and not results.failures:
        lines.append("INVALID: a round had no answered request after its warm-up. Give more --seconds.")
    return lines


def _verdicts(results: Results) -> list[str]:
    first, *others = results.settings.architectures
    return [_verdict(results, name, first) for name in others]


def _verdict(results: Results, name: str, first: str) -> str:
    """Say in one sentence what the other architecture costs and what it brings."""
    above, below = (
        [one.requests_per_second for one in results.rounds_of(architecture)] for architecture in (name, first)
    )
    spread = paired_ratio(above, below)
    quality, basis = results.quality[name], results.quality[first]
    label, gain = (
        ("accuracy", (quality.accuracy or 0.0) - (basis.accuracy or 0.0))
        if quality.task == "classification"
        else ("R2", (quality.r2 or 0.0) - (basis.r2 or 0.0))
    )
    rate = "an unknown share" if spread is None else f"{spread} times"
    return (
        f"Against {first}, {name} answers {rate} the requests/s for {gain:+.4f} held-out {label}, "
        f"{quality.parameters / basis.parameters:.1f} times the weights and "
        f"{quality.train_seconds / basis.train_seconds:.1f} times the training time."
    )


def _slo_lines(results: Results) -> list[str]:
    limit = results.settings.slo_p99_ms
    lines = []
    for name in results.settings.architectures:
        p99 = median([one.p99_ms for one in results.rounds_of(name)])
        lines.append(f"p99 <= {limit:g} ms: {name} {'met' if p99 <= limit else 'MISSED'} ({p99:.2f} ms).")
    return lines


def _failures(results: Results) -> list[tuple[str, str, int]]:
    return [(name, reason, count) for name, reasons in results.failures.items() for reason, count in reasons.items()]
