"""How and where a study measured, in facts and in five sentences."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.analysis.summary import StudySummary


@dataclass(frozen=True)
class Fact:
    """One line of a list: what, and its value in words."""

    label: str
    value: str


def say_method(summary: StudySummary) -> tuple[str, ...]:
    """Say how it was measured."""
    settings = summary.settings
    return (
        f"Arrivals are open: {settings.arrivals} arrivals are scheduled before a trial begins (seed {settings.seed}) "
        "and wait for no answer, so that a slow service can't slow down what it is asked; sweeps and saturation are "
        "closed loops, in which each user waits for its answer.",
        "Latency is counted from the scheduled instant to the whole answer: waiting in any queue is part of it. What "
        "was never answered counts as later than all that was: a quantile there is at least (>=) the longest latency.",
        f"A trial lasts {settings.seconds:g} s, or as long as its p99 takes to judge, after a warm-up of "
        f"{settings.warm_up_seconds:g} s; what was scheduled in the warm-up is left out.",
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
    yield "Requests", f"{settings.rows} row(s) each, as {settings.body}"
    yield "SLO", f"p99 <= {settings.slo_p99_ms:g} ms"
    yield "Seed", str(settings.seed)
    yield "Generator", f"{settings.processes} process(es)"
    price = settings.price_per_core_hour
    yield "Price", "not given" if price is None else f"{price:g} for a processor and an hour"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
