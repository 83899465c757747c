"""What a reader has to know beside the figures: why some are missing or withheld, how and where it was measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from loadtest.analysis.counts import MissingPhase
from loadtest.analysis.figures import Figure
from loadtest.analysis.summary import ArchitectureFigures, StudySummary
from loadtest.record.intervals import FEWEST
from loadtest.record.trials import Phase
from loadtest.report.wording import counted, join, say_failed_gate

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


def _counts_disagree(summary: StudySummary) -> bool:
    figures = (figure for each in summary.architectures for figure in _figures(each, summary).values())
    return any(gate.worst.name == "counts agree" for figure in figures for gate in figure.withheld)


def _figures(architecture: ArchitectureFigures, summary: StudySummary) -> Mapping[str, Figure]:
    rate = {} if summary.settings.quick else {"sustained rate and cost": architecture.sustained.requests}
    return {
        **rate,
        "saturation throughput": architecture.saturation,
        "latency and CPU of a request": architecture.operating.p50_ms,
    }


def _notes(summary: StudySummary) -> Iterator[str]:
    settings = summary.settings
    if settings.quick and not summary.is_single_run:
        yield (
            "this was a quick study: no capacity was searched for. In a closed loop each user waits for its answer, so "
            "that a slow architecture is asked less often: read no capacity from its throughput."
        )
    yield from summary.notes
    if settings.host is not None:
        yield "CPU, memory and start-up are not measured: the service was not started by this command."
        if _counts_disagree(summary):
            yield "Counts of requests disagree where --host names several replicas: give --many-replicas if it does."
    if settings.price_per_core_hour is None:
        yield "No cost is stated: no price was given (--price-per-core-hour)."
    elif summary.environment.service_processors is None:
        yield "No cost is stated: the service had no processors to itself."
    if summary.best is None and len(summary.architectures) > 1:
        yield "Differences in quality have no interval: the release's evaluation is not in this machine's model store."
    if settings.blocks < FEWEST and not summary.partial and not summary.is_single_run:
        yield f"No interval: they need at least {FEWEST} blocks (--blocks)."


@dataclass(frozen=True)
class Fact:
    """One line of a list: what, and its value in words."""

    label: str
    value: str


def say_method(summary: StudySummary) -> tuple[str, ...]:
    """Say how it was measured."""
    settings = summary.settings
    of_one_trial = (
        f"Arrivals are open: {settings.arrivals} arrivals are scheduled before a trial begins (seed {settings.seed}) "
        "and wait for no answer, so that a slow service can't slow down what it is asked; sweeps and saturation are "
        "closed loops, in which each user waits for its answer.",
        "Latency is counted from the scheduled instant to the whole answer: waiting in any queue is part of it. What "
        "was never answered counts as later than all that was: a quantile there is at least (>=) the longest latency.",
        f"A trial lasts {settings.seconds:g} s, or as long as its p99 takes to judge, after a warm-up of "
        f"{settings.warm_up_seconds:g} s; what was scheduled in the warm-up is left out.",
    )
    if summary.is_single_run:
        return of_one_trial
    return (
        *of_one_trial,
        f"Measurements are repeated in {settings.blocks} blocks in which the architectures take turns (A B, B A), so "
        "that a machine that drifts disturbs all of them alike.",
        "A capacity lies between a rate that held the SLO and one, at most 5 % higher, that did not; figures are "
        "geometric means of the blocks with Student's 95 % interval on the logarithms, ratios are paired block by "
        "block, and a figure is withheld as soon as one trial that it rests on failed a gate.",
    )


def list_facts(summary: StudySummary) -> tuple[Fact, ...]:
    """List the environment and the settings."""
    return tuple(Fact(label, value) for label, value in (*_environment(summary), *_settings(summary)))


def say_environment(summary: StudySummary) -> str:
    """Say where it was measured, in one line."""
    machine = summary.environment
    return (
        f"Release {summary.release}; {machine.processor}, {machine.processors} processors, {machine.platform}; "
        f"{_versions(summary, ('python', 'bentoml', 'locust'))}; {machine.started}; seed {summary.settings.seed}; "
        f"{_duration(summary.seconds)}; {machine.command}"
    )


def _environment(summary: StudySummary) -> Iterator[tuple[str, str]]:
    machine, settings = summary.environment, summary.settings
    yield "Release", summary.release
    yield "Command", machine.command
    yield "Started", machine.started
    yield "Duration", _duration(summary.seconds)
    yield "Service", "started for this study" if settings.host is None else settings.host
    yield "Processor", machine.processor
    yield "Processors", f"{machine.processors}, {_service_processors(machine.service_processors)}"
    yield "Workers", "not known" if machine.workers is None else str(machine.workers)
    yield "Platform", machine.platform
    yield "Versions", _versions(summary, tuple(machine.versions))
    steal = summary.steal_share
    yield "Steal", "can't be read" if steal is None else f"at most {steal:.1%} of the processors in any trial"


def _service_processors(count: int | None) -> str:
    return "shared or elsewhere" if count is None else f"{count} of them for the service alone"


def _versions(summary: StudySummary, names: tuple[str, ...]) -> str:
    versions = summary.environment.versions
    return ", ".join(f"{name} {versions[name]}" for name in names if name in versions)


def _settings(summary: StudySummary) -> Iterator[tuple[str, str]]:
    settings = summary.settings
    yield "Requests", f"{counted(settings.rows, 'row')} each, as {settings.body}"
    yield "SLO", f"p99 <= {settings.slo_p99_ms:g} ms"
    yield "Seed", str(settings.seed)
    yield "Load", f"from {counted(settings.processes, 'generator')}"
    price = settings.price_per_core_hour
    yield "Price", "not given" if price is None else f"{price:g} for a processor and an hour"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
