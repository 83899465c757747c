"""The report's words and tables in their order, made once: page, Markdown and terminal only set them."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.analysis.counts import GateTally, RequestTally
from loadtest.analysis.missing import NAMES
from loadtest.analysis.summary import Summary
from loadtest.record.results import SATURATION_USERS
from loadtest.report.advice import Advice, advise
from loadtest.report.method import Fact, list_facts, say_environment, say_method
from loadtest.report.notes import Notice, find_notices
from loadtest.report.table import Group, Row, Table, make_table
from loadtest.report.verdict import say_verdict
from loadtest.report.wording import join

GATE_COLUMNS = ("gate", "rule", "passed", "failed", "set aside", "not judged", "worst measured")
REQUEST_COLUMNS = ("phase", "trials", "offered", "sent", "dropped", "answered rightly", "late")
SIGNED = "A value with a sign is a difference to {first}, one without is a ratio."
SATURATION = f"Saturation: a closed loop of {SATURATION_USERS} users."
COST = "Cost: the price of the service's processors for as long as a million rows take."


@dataclass(frozen=True)
class Document:
    """All that is said. gate_words: what the table of gates comes to."""

    title: str
    verdict: tuple[str, ...]
    notices: tuple[Notice, ...]
    advice: Advice
    table: Table
    table_notes: tuple[str, ...]
    gates: Table
    gate_words: tuple[str, ...]
    requests: Table
    failures: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    method: tuple[str, ...]
    environment: str


def compose(summary: Summary) -> Document:
    """Put a study into words and tables."""
    names = [one.name for one in summary.architectures]
    kind = "Quick comparison" if summary.settings.quick else "Capacity"
    return Document(
        title=f"{kind} of {join(names) if names else 'nothing'}",
        verdict=say_verdict(summary),
        notices=find_notices(summary),
        advice=advise(summary),
        table=make_table(summary),
        table_notes=tuple(_table_notes(summary)),
        gates=Table(GATE_COLUMNS, (Group("", tuple(_gate_row(gate) for gate in summary.gates)),)),
        gate_words=tuple(_gate_words(summary)),
        requests=Table(REQUEST_COLUMNS, (Group("", tuple(_request_row(one) for one in summary.requests)),)),
        failures=tuple(Fact(reason, f"{count:,}") for reason, count in summary.failures.items()),
        facts=list_facts(summary),
        method=say_method(summary),
        environment=say_environment(summary),
    )


def _gate_row(gate: GateTally) -> Row:
    counts = (gate.passed, gate.failed, gate.set_aside, gate.unknown)
    return Row(gate.name, (gate.rule, *(f"{count:,}" for count in counts), gate.worst))


def _table_notes(summary: Summary) -> Iterator[str]:
    if len(summary.architectures) > 1:
        yield SIGNED.format(first=summary.architectures[0].name)
    if any(one.saturation.value is not None for one in summary.architectures):
        yield SATURATION
    if any(one.cost.value is not None for one in summary.architectures):
        yield COST


def _gate_words(summary: Summary) -> Iterator[str]:
    failed = [gate for gate in summary.gates if gate.failed]
    if not failed:
        yield f"No gate failed in {summary.trials:,} trials." if summary.trials else "No trial was run."
    for gate in failed:
        count = f"{gate.failed:,} of {gate.trials:,} trials"
        yield f"Gate failed: {gate.name}: {gate.rule}, however: {gate.worst} ({count})."


def _request_row(one: RequestTally) -> Row:
    counts = (one.trials, one.offered, one.sent, one.dropped, one.answered, one.late)
    return Row(NAMES[one.phase], tuple(f"{count:,}" for count in counts))
