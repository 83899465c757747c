"""The recommendation in words: what to take, why, and what would change that."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.analysis.recommendation import Nothing, Price, Take, Weigh, decide, is_shown_worse
from loadtest.analysis.summary import ArchitectureSummary, Summary, compare_rates
from loadtest.record.intervals import shows
from loadtest.report.notation import brief, number
from loadtest.report.wording import join, say_gain, say_rate_ratio

MEGABYTE = 1e6


@dataclass(frozen=True)
class Advice:
    """headline: the choice; reason: why; change: what would change it. A sentence or two each."""

    headline: str
    reason: str
    change: str


def advise(summary: Summary) -> Advice:
    """Say what ``loadtest.analysis.recommendation`` decides."""
    decision = decide(summary)
    if isinstance(decision, Nothing):
        return _explain(decision, summary)
    if isinstance(decision, Take):
        return _take(decision, summary)
    return _weigh(decision, summary)


def _explain(nothing: Nothing, summary: Summary) -> Advice:
    names = join(nothing.names) if nothing.names else ""
    reason, change = {
        "partial": (f"The study is not whole: {(summary.partial or '').rstrip('.')}.", "A whole study"),
        "alone": ("There is nothing to choose between.", "Two or more architectures"),
        "invalid": (f"The rate of {names} is INVALID.", "The same study without a failed gate"),
        "unclear": (f"The rate of {names} is undecided or was not measured.", "The same study on a quieter machine"),
        "bound": (
            f"Of {names} the load generator's limit is known, not the service's.",
            "A load that saturates the service",
        ),
        "none held": (
            f"No architecture holds p99 <= {summary.settings.slo_p99_ms:g} ms at any rate that was tried.",
            "A looser SLO (--slo-p99-ms) or fewer rows in a request (--rows)",
        ),
        "quality unknown": (
            "Whether one is more accurate is not known: the release's evaluation is not in this model store.",
            "The same study where the release was trained",
        ),
    }[nothing.obstacle]
    return Advice("None yet.", reason, f"{change} would change it.")


def _take(take: Take, summary: Summary) -> Advice:
    rates = "; ".join(_say_rate(one, take.choice, summary) for one in take.others)
    changes = list(_changes(take, summary))
    return Advice(
        headline=f"Take {take.choice.name}{_provisionally(summary)}.",
        reason=f"Against it, {rates}. {_say_quality(take.choice, summary)}",
        change=_as_sentence(f"{join(changes, 'or')} would change it."),
    )


def _provisionally(summary: Summary) -> str:
    return ", provisionally" if summary.settings.quick else ""


def _say_rate(one: ArchitectureSummary, choice: ArchitectureSummary, summary: Summary) -> str:
    rate = compare_rates(one, choice)
    if rate is None:
        return f"{one.name} holds the SLO at no rate that was tried"
    verb = "answers" if summary.settings.quick else "sustains"
    words = f"{one.name} {verb} {say_rate_ratio(rate)} times the rows/s"
    if shows(rate, 1):
        return words
    return f"{words} with {number(one.card.parameters / choice.card.parameters, 1)} times the weights"


def _say_quality(choice: ArchitectureSummary, summary: Summary) -> str:
    if summary.best == choice.name:
        return "It is also the best on held-out rows."
    best = next((one for one in summary.architectures if one.name == summary.best), None)
    if best is None:
        return f"The best on held-out rows, {summary.best}, was not measured."
    return f"The best on held-out rows, {best.name}, {say_gain(best, choice)} over it."


def _changes(take: Take, summary: Summary) -> Iterator[str]:
    choice = take.choice
    if summary.settings.quick:
        yield "a whole study (without --quick)"
    if any(one.rows_per_second.value is None for one in take.others):
        yield "a looser SLO (--slo-p99-ms)"
    if summary.best == choice.name:
        yield "other data, on which another architecture is shown to be better,"
    elif not is_shown_worse(choice, summary):
        yield "a quality gain shown with more held-out rows"
    rates = [compare_rates(one, choice) for one in take.others]
    if any(rate is not None and not shows(rate, 1) for rate in rates):
        yield "a difference in rate shown by more blocks"


def _weigh(weigh: Weigh, summary: Summary) -> Advice:
    better, cheapest = weigh.better, weigh.cheapest
    regression = better.card.task == "regression"
    worth = "a smaller squared error" if regression else "accuracy"
    unit = "Each percent off the squared error" if regression else "Each point (0.01) of accuracy"
    rate = compare_rates(better, cheapest)
    times = "" if rate is None else f" at {say_rate_ratio(rate)} times the rows/s"
    price = list(_say_price(weigh.price))
    return Advice(
        headline=f"It depends on what {worth} is worth: {cheapest.name} or {better.name}{_provisionally(summary)}.",
        reason=f"Against {cheapest.name}, {better.name} {say_gain(better, cheapest)}{times}. "
        + (f"{unit} costs {join(price)}." if price else ""),
        change=f"Take {better.name} where that is worth its price, {cheapest.name} where it is not.",
    )


def _say_price(price: Price) -> Iterator[str]:
    if price.rows_per_second is not None:
        yield f"{brief(price.rows_per_second)} rows/s"
    if price.worker_bytes is not None:
        yield f"{brief(price.worker_bytes / MEGABYTE)} MB of worker memory"
    if price.cost is not None:
        yield f"{brief(price.cost)} more per million predictions"


def _as_sentence(words: str) -> str:
    return words[0].upper() + words[1:]
