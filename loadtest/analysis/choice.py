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
    """One architecture is the cheapest and not shown to be worse than the best that could be taken.

    over: where it is the better one instead, the cheapest, against which nothing is shown to be lost.
    """

    choice: ArchitectureFigures
    others: tuple[ArchitectureFigures, ...]
    over: ArchitectureFigures | None = None


@dataclass(frozen=True)
class Price:
    """What one unit of quality costs: rows/s lost, bytes of worker memory, and money for a million predictions.

    None where that is not known, or no loss. A loss of rows/s, and with it of money, has to be shown.
    """

    rows_per_second: float | None
    worker_bytes: float | None
    cost: float | None

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is known to be lost."""
        return self.rows_per_second is None and self.worker_bytes is None and self.cost is None


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
    rivals = [] if cheapest in adequate else adequate
    gaining = [architecture for architecture in rivals if _gains(architecture, cheapest)]
    if not gaining:
        return Take(cheapest, _others(summary, cheapest))
    better = find_cheapest(gaining)
    price = _find_price(better, cheapest)
    return Take(better, _others(summary, better), cheapest) if price.is_nothing else Weigh(better, cheapest, price)


def _others(summary: StudySummary, choice: ArchitectureFigures) -> tuple[ArchitectureFigures, ...]:
    return tuple(architecture for architecture in summary.architectures if architecture is not choice)


def _gains(better: ArchitectureFigures, cheapest: ArchitectureFigures) -> bool:
    """Whether quality is gained by the estimate: one not shown to be worse than the best may be worse than both."""
    gained = better.gains[cheapest.name]
    return gained is not None and gained.estimate > 0


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
    units, rate = _count_units(better, cheapest), compare_rates(better, cheapest)
    lost = _difference(cheapest.rows_per_second, better.rows_per_second)
    memory = _difference(better.worker_bytes, cheapest.worker_bytes)
    cost = _difference(better.cost, cheapest.cost)
    if rate is not None and rate.low is not None and not rate.excludes(1):
        lost = cost = None  # a million predictions cost the processors' time
    return Price(
        *(None if more is None or more <= 0 or units is None else more / units for more in (lost, memory, cost))
    )


def _count_units(better: ArchitectureFigures, cheapest: ArchitectureFigures) -> float | None:
    """Return the points of accuracy, or percents of the squared error, that the better one gains."""
    gained, error = better.gains[cheapest.name], squared_error(cheapest.card)
    if gained is None or gained.estimate <= 0:
        return None
    return gained.estimate / (POINT if error is None else POINT * error)


def _difference(above: Figure, below: Figure) -> float | None:
    return None if above.value is None or below.value is None else above.value.estimate - below.value.estimate
