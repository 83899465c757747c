"""What a reader has to know before the figures: why some are missing, withheld, or say less than they seem to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from loadtest.figures import Figure
from loadtest.intervals import FEWEST
from loadtest.phrases import join
from loadtest.summary import ArchitectureSummary, Summary

Kind = Literal["invalid", "partial", "note"]


@dataclass(frozen=True)
class Notice:
    """One remark. invalid: figures are withheld; partial: some were never measured; note: what they don't say."""

    kind: Kind
    text: str


def find_notices(summary: Summary) -> tuple[Notice, ...]:
    """Return the remarks, the gravest first."""
    return (
        *(Notice("partial", text) for text in _partial(summary)),
        *(Notice("invalid", text) for text in _invalid(summary)),
        *(Notice("note", text) for text in _notes(summary)),
    )


def _partial(summary: Summary) -> Iterator[str]:
    if summary.partial is not None:
        missing = f" Missing: {'; '.join(summary.missing)}." if summary.missing else ""
        yield f"This study is partial: {summary.partial}.{missing} What was measured is shown."


def _invalid(summary: Summary) -> Iterator[str]:
    for one in summary.architectures:
        reasons: dict[str, list[str]] = {}
        for what, figure in _figures(one, summary).items():
            if figure.withheld is not None:
                reasons.setdefault(figure.withheld, []).append(what)
        for reason, whats in reasons.items():
            yield f"INVALID: {join(whats)} of {one.name}. {reason}."
    if summary.invalid_trials:
        yield (
            f"{summary.invalid_trials:,} of {summary.trials:,} trials that figures rest on failed a gate; whatever "
            "rests on one of them is withheld."
        )


def _figures(one: ArchitectureSummary, summary: Summary) -> Mapping[str, Figure]:
    rate = {} if summary.settings.quick else {"the sustained rate": one.sustained.requests}
    return {**rate, "the saturation throughput": one.saturation, "latency and CPU of a request": one.operating.p50_ms}


def _notes(summary: Summary) -> Iterator[str]:
    settings = summary.settings
    if settings.quick:
        yield (
            "A quick study: no capacity was searched for. In a closed loop each user waits for its answer, so a slow "
            "architecture is asked less often: read no capacity from its throughput."
        )
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
