"""The verdict: the sentences that come first everywhere."""

from collections.abc import Callable, Iterator, Sequence

from loadtest.analysis.capacity import LowestTried
from loadtest.analysis.figures import Figure
from loadtest.analysis.summary import ArchitectureSummary, Summary, compare_rates
from loadtest.record.results import SATURATION_USERS
from loadtest.report.notation import brief, number
from loadtest.report.table import write_figure
from loadtest.report.wording import join, say_gain, say_rate_ratio


def say_verdict(summary: Summary) -> tuple[str, ...]:
    """Say what each architecture sustains, what the dearer ones buy, and what was in the way of more."""
    if not summary.architectures:
        return ("Nothing was measured.",)
    sentences = [_say_rates(summary)]
    if summary.settings.quick:
        sentences += _say_common_rate(summary)
    return (*sentences, *_say_gains(summary), *_say_limits(summary))


def _say_rates(summary: Summary) -> str:
    first, *others = summary.architectures
    clause = _answers if summary.settings.quick else _sustains
    clauses = [f"{first.name} {clause(first)}"]
    several = len(others) > 1
    for one in others:
        clauses.append(_say_against(one, first, clause, several=several))
    return f"{_say_conditions(summary)}, {('; ' if several else ' and ').join(clauses)}."


def _say_conditions(summary: Summary) -> str:
    settings = summary.settings
    if settings.quick:
        return f"In a closed loop of {SATURATION_USERS} users (no capacity was searched for)"
    return f"At p99 <= {settings.slo_p99_ms:g} ms {'on' if settings.host is None else 'seen from'} this machine"


def _say_against(
    one: ArchitectureSummary, first: ArchitectureSummary, clause: Callable[[ArchitectureSummary], str], *, several: bool
) -> str:
    rate = compare_rates(one, first)
    if rate is None:
        return f"{one.name} {clause(one)}"
    return f"{one.name} {write_figure(one.rows_per_second)}{', ' if several else ': '}ratio {say_rate_ratio(rate)}"


def _sustains(one: ArchitectureSummary) -> str:
    rate = f"sustains {write_figure(one.rows_per_second)} rows/s"
    match one.sustained.outcome:
        case "found":
            return rate
        case "generator":
            return f"{rate} (the generator's limit)"
        case "none":
            return f"holds it at no rate that was tried{_say_lowest(one.sustained.lowest)}"
        case "undecided":
            return "is undecided (repeats at its boundary contradict each other)"
        case "invalid":
            return _say_invalid(one.sustained.requests)
        case "missing":
            return "was not searched for its capacity"


def _say_invalid(figure: Figure) -> str:
    gates = "" if figure.withheld is None else f" (gate failed: {', '.join(figure.withheld.gates)})"
    return f"is INVALID{gates}"


def _say_lowest(lowest: LowestTried | None) -> str:
    if lowest is None:
        return ""
    p99 = "nothing was answered" if lowest.p99_ms is None else f"p99 was {brief(lowest.p99_ms)} ms"
    return f" (at {brief(lowest.rate)} requests/s, the lowest, {p99})"


def _answers(one: ArchitectureSummary) -> str:
    if one.saturation.withheld is not None:
        return _say_invalid(one.saturation)
    if one.saturation.value is None:
        return "was not measured"
    return f"answers {write_figure(one.rows_per_second)} rows/s at saturation"


def _say_common_rate(summary: Summary) -> Iterator[str]:
    rates = [one.operating.rate.value for one in summary.architectures]
    known = [rate for rate in rates if rate is not None]
    if known:
        p99 = [f"{one.name}'s p99 is {write_figure(one.operating.p99_ms)} ms" for one in summary.architectures]
        yield f"At a common open rate of {brief(known[0].estimate)} requests/s, {join(p99)}."


def _say_gains(summary: Summary) -> Iterator[str]:
    first, *others = summary.architectures
    if others:
        against = f"Against {first.name}, " if len(others) > 1 else ""
        yield f"{against}{'; '.join(_say_bargain(one, first) for one in others)}."


def _say_bargain(one: ArchitectureSummary, first: ArchitectureSummary) -> str:
    return f"{one.name} {say_gain(one, first)} for {join(list(_say_times(one, first)))}"


def _say_times(one: ArchitectureSummary, first: ArchitectureSummary) -> Iterator[str]:
    above, below = one.worker_bytes.value, first.worker_bytes.value
    if above is not None and below is not None:
        yield f"{number(above.estimate / below.estimate, 2)} times the memory"
    else:
        yield f"{number(one.card.parameters / first.card.parameters, 1)} times the weights"
    yield f"{number(one.card.train_seconds / first.card.train_seconds, 1)} times the training time"


def _say_limits(summary: Summary) -> Iterator[str]:
    bounded = [one.name for one in summary.architectures if one.rows_per_second.bound is not None]
    if bounded:
        remedies = join(_remedies(summary), "or")
        yield f"No ratio is claimed from a bound; {remedies} would saturate the service."


def _remedies(summary: Summary) -> Sequence[str]:
    processes = f"more generator processes where there are processors (--processes {summary.settings.processes + 1})"
    smaller = ["a smaller body (--body npy)"] if summary.settings.body != "npy" else []
    return [processes, *smaller]
