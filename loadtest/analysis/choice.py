"""Which architecture to take, decided by rule: ``loadtest.report.recommendation`` says it in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.analysis.figures import Figure
from loadtest.analysis.summary import ArchitectureFigures, StudySummary, compare_rates, squared_error

POINT = 0.01
"""Of accuracy: the unit in which a gain is priced; of a squared error it is a percent."""

Obstacle = Literal["alone", "partial", "invalid", "unclear", "bound", "none held", "quality unknown"]


@dataclass(frozen=True)
class Nothing:
    """Why nothing is recommended, and the architectures that stand in the way."""

    obstacle: Obstacle
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Take:
    """One architecture is the cheapest and not shown to be worse than the best that could be taken."""

    choice: ArchitectureFigures
    others: tuple[ArchitectureFigures, ...]


@dataclass(frozen=True)
class Price:
    """What one unit of quality costs: rows/s lost, bytes of worker memory, and money for a million predictions."""

    rows_per_second: float | None
    worker_bytes: float | None
    cost: float | None


@dataclass(frozen=True)
class Weigh:
    """A dearer architecture is shown to be better: it depends on what that is worth."""

    better: ArchitectureFigures
    cheapest: ArchitectureFigures
    price: Price


def decide(summary: StudySummary) -> Nothing | Take | Weigh:
    """Take the cheapest architecture unless a better one is shown to be better; then state its price.

    Of those that hold the SLO. Nothing is recommended from a rate that is invalid, undecided, a bound or missing.
    """
    obstacle = _find_obstacle(summary)
    if obstacle is not None:
        return obstacle
    holding = [architecture for architecture in summary.architectures if architecture.rows_per_second.value is not None]
    cheapest = find_cheapest(holding)
    adequate = [architecture for architecture in holding if not is_shown_worse(architecture)]
    if cheapest in adequate or not adequate:
        return Take(
            cheapest, tuple(architecture for architecture in summary.architectures if architecture is not cheapest)
        )
    better = find_cheapest(adequate)
    return Weigh(better, cheapest, _find_price(better, cheapest))


def _find_obstacle(summary: StudySummary) -> Nothing | None:
    every = summary.architectures
    if summary.partial is not None:
        return Nothing("partial")
    if len(every) < 2:
        return Nothing("alone")
    reasons: dict[Obstacle, list[ArchitectureFigures]] = {
        "invalid": [architecture for architecture in every if architecture.rows_per_second.withheld],
        "unclear": [
            architecture
            for architecture in every
            if architecture.rows_per_second.value is None and not holds_nothing(architecture, summary)
        ],
        "bound": [architecture for architecture in every if architecture.rows_per_second.bound is not None],
    }
    for obstacle, found in reasons.items():
        if found:
            return Nothing(obstacle, tuple(architecture.name for architecture in found))
    if all(architecture.rows_per_second.value is None for architecture in every):
        return Nothing("none held")
    return Nothing("quality unknown") if summary.best is None else None


def holds_nothing(architecture: ArchitectureFigures, summary: StudySummary) -> bool:
    """Whether a search found that it holds the SLO at no rate that was tried."""
    return architecture.sustained.outcome == "none" and not summary.settings.quick


def find_cheapest(architectures: Sequence[ArchitectureFigures]) -> ArchitectureFigures:
    """Return the one that is shown to answer the most rows/s; without a shown difference the one of fewest weights."""
    cheapest, *others = sorted(architectures, key=lambda architecture: architecture.card.parameters)
    for architecture in others:
        rate = compare_rates(architecture, cheapest)
        if rate is not None and rate.estimate > 1 and rate.excludes(1):
            cheapest = architecture
    return cheapest


def is_shown_worse(architecture: ArchitectureFigures) -> bool:
    """Whether a gain of the best over it is shown."""
    return architecture.behind_best is not None and architecture.behind_best.excludes(0)


def _find_price(better: ArchitectureFigures, cheapest: ArchitectureFigures) -> Price:
    units = _count_units(better, cheapest)
    lost = _difference(cheapest.rows_per_second, better.rows_per_second)
    memory = _difference(better.worker_bytes, cheapest.worker_bytes)
    cost = _difference(better.cost, cheapest.cost)
    return Price(*(None if more is None or units is None else more / units for more in (lost, memory, cost)))


def _count_units(better: ArchitectureFigures, cheapest: ArchitectureFigures) -> float | None:
    """Return the points of accuracy, or percents of the squared error, that the better one gains."""
    gained, error = better.gains[cheapest.name], squared_error(cheapest.card)
    if gained is None or gained.estimate <= 0:
        return None
    return gained.estimate / (POINT if error is None else POINT * error)


def _difference(above: Figure, below: Figure) -> float | None:
    return None if above.value is None or below.value is None else above.value.estimate - below.value.estimate
