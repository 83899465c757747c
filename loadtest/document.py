"""The report's words and tables in their order, made once: page, Markdown and terminal only set them."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.advice import Advice, advise
from loadtest.method import Fact, list_facts, say_environment, say_method
from loadtest.missing import NAMES
from loadtest.notices import Notice, find_notices
from loadtest.phrases import join
from loadtest.summary import Summary
from loadtest.table import Group, Row, Table, make_table
from loadtest.tally import GateTally, RequestTally
from loadtest.verdict import say_verdict

GATE_COLUMNS = ("gate", "rule", "passed", "failed", "set aside", "not judged", "worst measured")
REQUEST_COLUMNS = ("phase", "trials", "offered", "sent", "dropped", "answered rightly", "late")
SIGNED = "Values with a sign are differences, the others in the last columns are ratios."


@dataclass(frozen=True)
class Document:
    """All that is said. failed_gates: in words, for those who see no table of gates."""

    title: str
    verdict: tuple[str, ...]
    notices: tuple[Notice, ...]
    advice: Advice
    table: Table
    table_note: str
    gates: Table
    failed_gates: tuple[str, ...]
    requests: Table
    failures: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    method: tuple[str, ...]
    environment: str


def compose(summary: Summary) -> Document:
    """Put a study into words and tables."""
    names = [one.name for one in summary.architectures]
    return Document(
        title=f"Capacity of {join(names)}" if names else "Capacity",
        verdict=say_verdict(summary),
        notices=find_notices(summary),
        advice=advise(summary),
        table=make_table(summary),
        table_note=SIGNED if len(names) > 1 else "",
        gates=Table(GATE_COLUMNS, (Group("", tuple(_gate_row(gate) for gate in summary.gates)),)),
        failed_gates=tuple(_failed_gates(summary)),
        requests=Table(REQUEST_COLUMNS, (Group("", tuple(_request_row(one) for one in summary.requests)),)),
        failures=tuple(Fact(reason, f"{count:,}") for reason, count in summary.failures.items()),
        facts=list_facts(summary),
        method=say_method(summary),
        environment=say_environment(summary),
    )


def _gate_row(gate: GateTally) -> Row:
    counts = (gate.passed, gate.failed, gate.set_aside, gate.unknown)
    return Row(gate.name, (gate.rule, *(f"{count:,}" for count in counts), gate.worst))


def _failed_gates(summary: Summary) -> Iterator[str]:
    for gate in summary.gates:
        if gate.failed:
            yield f"{gate.name}: {gate.rule}, however: {gate.worst} at worst ({gate.failed:,} trials)"


def _request_row(one: RequestTally) -> Row:
    counts = (one.trials, one.offered, one.sent, one.dropped, one.answered, one.late)
    return Row(NAMES[one.phase], tuple(f"{count:,}" for count in counts))
