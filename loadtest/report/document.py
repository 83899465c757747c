"""The report's words and tables in their order, made once: page, Markdown and terminal only set them."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.analysis.counts import GateTally, RequestTally
from loadtest.analysis.summary import StudySummary
from loadtest.record.trials import SATURATION_USERS
from loadtest.report.notes import PHASES, Fact, Notice, find_notices, list_facts, say_environment, say_method
from loadtest.report.recommendation import Recommendation, recommend
from loadtest.report.table import Group, ReportTable, Row, make_table
from loadtest.report.verdict import say_verdict
from loadtest.report.wording import Words, Written, join, say_measured, say_rule

GATE_COLUMNS = ("gate", "rule", "passed", "failed", "set aside", "not judged", "worst measured")
REQUEST_COLUMNS = ("phase", "trials", "offered", "sent", "dropped", "answered rightly", "late")
SIGNED = "A value with a sign is a difference to {first}, one without is a ratio."
SATURATION = f"Saturation: a closed loop of {SATURATION_USERS} users."
ONCE = "Training, memory and start are measured once, and have no interval."
COST = "Cost: the price of the service's processors for as long as a million rows take."


@dataclass(frozen=True)
class Document:
    """All that is said. gate_words: what the table of gates comes to."""

    title: str
    verdict: tuple[Words, ...]
    notices: tuple[Notice, ...]
    recommendation: Recommendation
    table: ReportTable
    table_notes: tuple[str, ...]
    gates: ReportTable
    gate_words: tuple[str, ...]
    requests: ReportTable
    failures: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    method: tuple[str, ...]
    environment: str


def compose(summary: StudySummary) -> Document:
    """Put a study into words and tables."""
    names = [architecture.name for architecture in summary.architectures]
    kind = "Open load" if summary.is_single_run else "Quick comparison" if summary.settings.quick else "Capacity"
    return Document(
        title=f"{kind} of {join(names) if names else 'nothing'}",
        verdict=say_verdict(summary),
        notices=find_notices(summary),
        recommendation=recommend(summary),
        table=make_table(summary),
        table_notes=tuple(_table_notes(summary)),
        gates=ReportTable(
            tuple(map(Written, GATE_COLUMNS)), (Group("", tuple(_gate_row(tally) for tally in summary.gates)),)
        ),
        gate_words=tuple(_gate_words(summary)),
        requests=ReportTable(
            tuple(map(Written, REQUEST_COLUMNS)), (Group("", tuple(_request_row(tally) for tally in summary.requests)),)
        ),
        failures=tuple(Fact(reason, f"{count:,}") for reason, count in summary.failures.items()),
        facts=list_facts(summary),
        method=say_method(summary),
        environment=say_environment(summary),
    )


def _gate_row(tally: GateTally) -> Row:
    counts = (tally.passed, tally.failed, tally.set_aside, tally.unknown)
    words = (say_rule(tally.worst), *(f"{count:,}" for count in counts), say_measured(tally.worst))
    return Row(tally.worst.name, tuple(map(Written, words)))


def _table_notes(summary: StudySummary) -> Iterator[str]:
    if len(summary.architectures) > 1:
        yield SIGNED.format(first=summary.architectures[0].name)
    yield ONCE
    if any(architecture.saturation.value is not None for architecture in summary.architectures):
        yield SATURATION
    if any(architecture.cost.value is not None for architecture in summary.architectures):
        yield COST


def _gate_words(summary: StudySummary) -> Iterator[str]:
    failed = [tally for tally in summary.gates if tally.failed]
    if not summary.trials:
        yield "No trial was run."
    elif not failed and summary.set_aside_trials:
        aside = f"{summary.set_aside_trials:,} of {summary.trials:,} were set aside"
        yield f"No figure rests on a trial that failed a gate ({aside})."
    elif not failed:
        yield f"No gate failed in {summary.trials:,} trials."
    for tally in failed:
        rule, fact = say_rule(tally.worst), say_measured(tally.worst)
        count = f"{tally.failed:,} of {tally.trials:,} trials"
        yield f"Gate failed: {tally.worst.name}: {rule}, however: {fact} ({count})."


def _request_row(tally: RequestTally) -> Row:
    counts = (tally.trials, tally.offered, tally.sent, tally.dropped, tally.answered, tally.late)
    return Row(PHASES[tally.phase], tuple(Written(f"{count:,}") for count in counts))
