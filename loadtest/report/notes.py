"""What a reader has to know before the figures: why some are missing, withheld, or say less than they seem to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from loadtest.analysis.counts import MissingPhase
from loadtest.analysis.figures import Figure
from loadtest.analysis.summary import ArchitectureFigures, StudySummary
from loadtest.record.intervals import FEWEST
from loadtest.record.results import Phase
from loadtest.report.wording import join, say_failed_gate

Kind = Literal["invalid", "partial", "note"]


LABELS: dict[Kind, str] = {"invalid": "INVALID", "partial": "Partial", "note": "Note"}


PHASES: dict[Phase, str] = {
    "saturation": "saturation",
    "search": "the search for the capacity",
    "curve": "latency against rate",
    "rows": "rows in each request",
    "in flight": "requests in flight",
}


@dataclass(frozen=True)
class Notice:
    """One remark. invalid: figures are withheld; partial: some were never measured; note: what they don't say."""

    kind: Kind
    text: str

    @property
    def label(self) -> str:
        """What stands before the text."""
        return LABELS[self.kind]


def find_notices(summary: StudySummary) -> tuple[Notice, ...]:
    """Return the remarks, the gravest first."""
    return (
        *(Notice("partial", text) for text in _partial(summary)),
        *(Notice("invalid", text) for text in _invalid(summary)),
        *(Notice("note", text) for text in _notes(summary)),
    )


def _partial(summary: StudySummary) -> Iterator[str]:
    if summary.partial is not None:
        missing = f" Missing: {'; '.join(map(_say_missing, summary.missing))}." if summary.missing else ""
        yield f"the study ended before its end: {summary.partial.rstrip('.')}.{missing} What was measured is shown."


def _say_missing(missing: MissingPhase) -> str:
    if missing.phase is None:
        return "each architecture alone"
    blocks = "" if missing.blocks == missing.asked else f" in {missing.blocks} of {missing.asked} blocks"
    return f"{PHASES[missing.phase]}{blocks}"


def _invalid(summary: StudySummary) -> Iterator[str]:
    for architecture in summary.architectures:
        withheld: dict[str, list[str]] = {}
        for what, figure in _figures(architecture, summary).items():
            if figure.withheld:
                withheld.setdefault("; ".join(map(say_failed_gate, figure.withheld)), []).append(what)
        for reason, whats in withheld.items():
            yield f"withheld of {architecture.name}: {join(whats)}. Gate failed: {reason}."
    if summary.invalid_trials:
        yield (
            f"{summary.invalid_trials:,} of {summary.trials:,} trials failed a gate, and figures would rest on them; "
            "these are withheld."
        )


def _figures(architecture: ArchitectureFigures, summary: StudySummary) -> Mapping[str, Figure]:
    rate = {} if summary.settings.quick else {"sustained rate and cost": architecture.sustained.requests}
    return {
        **rate,
        "saturation throughput": architecture.saturation,
        "latency and CPU of a request": architecture.operating.p50_ms,
    }


def _notes(summary: StudySummary) -> Iterator[str]:
    settings = summary.settings
    if settings.quick:
        yield (
            "this was a quick study: no capacity was searched for. In a closed loop each user waits for its answer, so "
            "that a slow architecture is asked less often: read no capacity from its throughput."
        )
    yield from summary.notes
    if settings.host is not None:
        yield "CPU, memory and start-up are not measured: the service was not started by this command."
    if settings.price_per_core_hour is None:
        yield "No cost is stated: no price was given (--price-per-core-hour)."
    elif summary.environment.service_processors is None:
        yield "No cost is stated: the service had no processors to itself."
    if summary.best is None and len(summary.architectures) > 1:
        yield "Differences in quality have no interval: the release's evaluation is not in this machine's model store."
    if settings.blocks < FEWEST and not summary.partial:
        yield f"No interval: they need at least {FEWEST} blocks (--blocks)."
