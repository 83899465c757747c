"""The verdict: the sentences that come first everywhere."""

from collections.abc import Callable, Iterator

from loadtest.analysis.capacity import LowestTried
from loadtest.analysis.figures import Figure
from loadtest.analysis.summary import ArchitectureFigures, StudySummary, compare_rates
from loadtest.record.trials import SATURATION_USERS
from loadtest.report.wording import Words, brief, join, number, say, say_gain, say_rate_ratio, write_figure


def say_verdict(summary: StudySummary) -> tuple[Words, ...]:
    """Say what each architecture sustains, what the dearer ones buy, and what was in the way of more."""
    if not summary.architectures:
        return (say("Nothing was measured."),)
    if summary.is_single_run:
        return tuple(map(_say_open_rate, summary.architectures))
    common_rate = _say_common_rate(summary) if summary.settings.quick else ()
    return (_say_rates(summary), *common_rate, *_say_gains(summary), *_say_limits(summary))


def _say_open_rate(architecture: ArchitectureFigures) -> Words:
    found = architecture.operating
    if found.rate.value is None:
        return say("At the open rate that was offered, {} {}.", architecture.name, _say_invalid(found.p99_ms))
    rate = brief(found.rate.value.estimate)
    if found.p99_ms.value is None:
        return say("At an open rate of {} requests/s, nothing was answered by {}.", rate, architecture.name)
    p99 = write_figure(found.p99_ms)
    return say("At an open rate of {} requests/s, {}'s p99 is {} ms.", rate, architecture.name, p99)


def _say_rates(summary: StudySummary) -> Words:
    first, *others = summary.architectures
    clause = _say_answered if summary.settings.quick else _say_sustained
    several = len(others) > 1
    clauses = [say("{} {}", first.name, clause(first))]
    clauses += [_say_against(other, first, clause, several=several) for other in others]
    return say("{}, {}.", _say_conditions(summary), join(clauses, "; ", "; ") if several else join(clauses))


def _say_conditions(summary: StudySummary) -> str:
    settings = summary.settings
    if settings.quick:
        return f"In a closed loop of {SATURATION_USERS} users (no capacity was searched for)"
    return f"At p99 <= {settings.slo_p99_ms:g} ms {'on' if settings.host is None else 'seen from'} this machine"


def _say_against(
    other: ArchitectureFigures,
    first: ArchitectureFigures,
    clause: Callable[[ArchitectureFigures], Words],
    *,
    several: bool,
) -> Words:
    rate = compare_rates(other, first)
    if rate is None:
        return say("{} {}", other.name, clause(other))
    written = write_figure(other.rows_per_second)
    return say("{} {}{}ratio {}", other.name, written, ", " if several else ": ", say_rate_ratio(rate))


def _say_sustained(architecture: ArchitectureFigures) -> Words:
    rate = write_figure(architecture.rows_per_second)
    match architecture.sustained.outcome:
        case "found":
            words = say("sustains {} rows/s", rate)
        case "generator":
            words = say("sustains {} rows/s (the generator's limit)", rate)
        case "none":
            words = say("holds it at no rate that was tried{}", _say_lowest(architecture.sustained.lowest))
        case "undecided":
            words = say(
                "is undecided (its trials or blocks contradict each other, or those that decide can't be believed)"
            )
        case "invalid":
            words = _say_invalid(architecture.sustained.requests)
        case "missing":
            words = say("was not searched for its capacity")
    return words


def _say_lowest(lowest: LowestTried | None) -> str | Words:
    if lowest is None:
        return ""
    p99 = say("p99 was {} ms", write_figure(lowest.p99_ms)) if lowest.p99_ms.value else "nothing was answered"
    return say(" (at {} requests/s, the lowest, {})", brief(lowest.rate), p99)


def _say_invalid(figure: Figure) -> Words:
    return say("is INVALID (gate failed: {})", join([gate.worst.name for gate in figure.withheld], ", "))


def _say_answered(architecture: ArchitectureFigures) -> Words:
    if architecture.saturation.withheld:
        return _say_invalid(architecture.saturation)
    if architecture.saturation.value is None:
        return say("was not measured")
    return say("answers {} rows/s at saturation", write_figure(architecture.rows_per_second))


def _say_common_rate(summary: StudySummary) -> Iterator[Words]:
    rates = [architecture.operating.rate.value for architecture in summary.architectures]
    known = [rate for rate in rates if rate is not None]
    if known:
        p99 = [
            say("{}'s p99 is {} ms", architecture.name, write_figure(architecture.operating.p99_ms))
            for architecture in summary.architectures
        ]
        yield say("At a common open rate of {} requests/s, {}.", brief(known[0].estimate), join(p99))


def _say_gains(summary: StudySummary) -> Iterator[Words]:
    first, *others = summary.architectures
    if others:
        bargains = [
            say("{} {} for {}", other.name, say_gain(other, first), _say_price(other, first)) for other in others
        ]
        against = f"Against {first.name}, " if len(others) > 1 else ""
        yield say("{}{}.", against, join(bargains, "; ", "; "))


def _say_price(other: ArchitectureFigures, first: ArchitectureFigures) -> str:
    """Say what was measured once, and that it therefore has no interval; weights are exact."""
    training = f"{number(other.card.train_seconds / first.card.train_seconds, 1)} times the training time"
    above, below = other.worker_bytes.value, first.worker_bytes.value
    if above is None or below is None:
        weights = f"{number(other.card.parameters / first.card.parameters, 1)} times the weights"
        return f"{weights} and {training} (measured once: no interval)"
    memory = f"{number(above.estimate / below.estimate, 2)} times the memory"
    return f"{memory} and {training} (each measured once: no interval)"


def _say_limits(summary: StudySummary) -> Iterator[Words]:
    if any(architecture.rows_per_second.bound is not None for architecture in summary.architectures):
        generators = summary.settings.processes + 1
        remedies = [f"more generators where there are processors (--generators {generators})"]
        if summary.settings.body == "json":
            remedies.append("a smaller body (--body raw or --body npy)")
        yield say("No ratio is claimed from a bound; {} would saturate the service.", join(remedies, " or "))
