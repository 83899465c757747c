"""The recommendation in words: what to take, why, and what would change that."""

from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.analysis.choice import Nothing, Price, Take, Weigh, decide, is_shown_worse
from loadtest.analysis.summary import ArchitectureFigures, StudySummary, compare_rates
from loadtest.report.wording import Words, brief, join, number, say, say_gain, say_rate_ratio

MEGABYTE = 1e6


@dataclass(frozen=True)
class Recommendation:
    """headline: the choice; reason: why; change: what would change it. A sentence or two each."""

    headline: str
    reason: Words
    change: str


def recommend(summary: StudySummary) -> Recommendation:
    """Say what ``loadtest.analysis.choice`` decides."""
    match decide(summary):
        case Nothing() as nothing:
            return _explain(nothing, summary)
        case Take() as take:
            return _take(take, summary)
        case Weigh() as weigh:
            return _weigh(weigh, summary)


def _explain(nothing: Nothing, summary: StudySummary) -> Recommendation:
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
    return Recommendation("None yet.", say("{}", reason), f"{change} would change it.")


def _take(take: Take, summary: StudySummary) -> Recommendation:
    rates = [_say_rate(other, take.choice, summary) for other in take.others]
    changes = str(join(list(_changes(take, summary)), " or "))
    return Recommendation(
        headline=f"Take {take.choice.name}{_provisionally(summary)}.",
        reason=say(
            "Against {}, {}. {}{}",
            take.choice.name,
            join(rates, "; ", "; "),
            "" if take.over is None else _say_free(take.choice, take.over),
            _say_quality(take.choice, summary),
        ),
        change=f"{changes[0].upper()}{changes[1:]} would change it." if changes else "",
    )


def _provisionally(summary: StudySummary) -> str:
    return ", provisionally" if summary.settings.quick else ""


def _say_rate(other: ArchitectureFigures, choice: ArchitectureFigures, summary: StudySummary) -> Words:
    rate = compare_rates(other, choice)
    if rate is None:
        return say("{} holds the SLO at no rate that was tried", other.name)
    verb = "answers" if summary.settings.quick else "sustains"
    times = (
        ""
        if rate.excludes(1)
        else f" with {number(other.card.parameters / choice.card.parameters, 1)} times the weights"
    )
    return say("{} {} {} times the rows/s{}", other.name, verb, say_rate_ratio(rate), times)


def _say_quality(choice: ArchitectureFigures, summary: StudySummary) -> Words:
    if summary.best == choice.name:
        return say("{} is also the best on held-out rows.", choice.name)
    best = next((architecture for architecture in summary.architectures if architecture.name == summary.best), None)
    if best is None:
        return say("The best on held-out rows, {}, was not measured.", str(summary.best))
    return say("The best on held-out rows, {}, {} over it.", best.name, say_gain(best, choice))


def _say_free(better: ArchitectureFigures, cheapest: ArchitectureFigures) -> Words:
    return say(
        "{} {} over {}, and nothing is shown to be lost. ", better.name, say_gain(better, cheapest), cheapest.name
    )


def _changes(take: Take, summary: StudySummary) -> Iterator[str]:
    choice = take.choice
    if summary.settings.quick:
        yield "a whole study (without --quick)"
    if any(other.rows_per_second.value is None for other in take.others):
        yield "a looser SLO (--slo-p99-ms)"
    if summary.best not in {choice.name, *(other.name for other in take.others)}:
        yield "a study with the best on held-out rows"
    elif summary.best == choice.name:
        yield "other data, on which another architecture is shown to be better,"
    elif not is_shown_worse(choice):
        yield "a quality gain shown with more held-out rows"
    rates = [compare_rates(other, choice) for other in take.others]
    if any(rate is not None and not rate.excludes(1) for rate in rates):
        yield "a difference in rate shown by more blocks"


def _weigh(weigh: Weigh, summary: StudySummary) -> Recommendation:
    better, cheapest = weigh.better, weigh.cheapest
    regression = better.card.task == "regression"
    worth = "a smaller squared error" if regression else "accuracy"
    unit = "Each percent off the squared error" if regression else "Each point (0.01) of accuracy"
    rate = compare_rates(better, cheapest)
    times = "" if rate is None else say(" at {} times the rows/s", say_rate_ratio(rate))
    # A quotient of estimates, of which the memory is measured once.
    costs = f"{unit} costs {join(list(_say_price(weigh.price)))} (estimates without an interval)."
    return Recommendation(
        headline=f"It depends on what {worth} is worth: {cheapest.name} or {better.name}{_provisionally(summary)}.",
        reason=say("Against {}, {} {}{}. {}", cheapest.name, better.name, say_gain(better, cheapest), times, costs),
        change=f"Take {better.name} where that is worth its price, {cheapest.name} where it is not.",
    )


def _say_price(price: Price) -> Iterator[str]:
    if price.rows_per_second is not None:
        yield f"{brief(price.rows_per_second)} rows/s"
    if price.worker_bytes is not None:
        yield f"{brief(price.worker_bytes / MEGABYTE)} MB of worker memory"
    if price.cost is not None:
        yield f"{brief(price.cost)} more per million predictions"
