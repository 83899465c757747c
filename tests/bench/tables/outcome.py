"""What was found of each table, and the table of all."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from service.contract.card import Metrics, ModelCard
from tests.bench.tables.public import PublicTable
from training.summary import TrainingSummary

BOOSTING = "gradient boosting"
LINEAR = ("logistic regression", "linear regression")


@dataclass(frozen=True)
class Result:
    """One table. refusal: why there is no more. difference: the largest of all answers, relative."""

    table: PublicTable
    summary: TrainingSummary | None = None
    cards: dict[str, ModelCard] | None = None
    difference: float | None = None
    refusal: str = ""

    @property
    def networks(self) -> dict[str, float]:
        """Held-out AUC or R2 of each architecture."""
        models = self.summary.architectures if self.summary else {}
        return {name: _quality(model.test) for name, model in models.items()}

    @property
    def baselines(self) -> dict[str, float]:
        """The same of each baseline."""
        models = self.summary.baselines if self.summary else {}
        return {name: _quality(model.test) for name, model in models.items()}

    @property
    def lead(self) -> float | None:
        """Of the better network over gradient boosting."""
        return max(self.networks.values()) - self.baselines[BOOSTING] if self.summary else None


def median_lead(results: list[Result]) -> float:
    """Return the median lead of the better network over gradient boosting; NaN where nothing was trained."""
    leads = [result.lead for result in results if result.lead is not None]
    return float(np.median(leads)) if leads else float("nan")


def tabulate_results(results: list[Result]) -> Table:
    """One row a table."""
    table = Table(title="Held-out AUC (R2 for numbers), and the largest difference over HTTP", title_justify="left")
    table.add_column("", no_wrap=True)
    table.add_column("columns")
    for heading in ("rows", "gaps", "classes", "small", "large", "boosting", "linear", "lead", "HTTP"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        table.add_row(result.table.name, *_cells(result))
    return table


def _cells(result: Result) -> list[str]:
    summary, cards = result.summary, result.cards
    if summary is None or not cards:
        return ["refused"]
    features = next(iter(cards.values())).raw_features
    kinds = Counter(feature.kind for feature in features)
    linear = next(value for name, value in result.baselines.items() if name in LINEAR)
    return [
        ", ".join(f"{count} {kind}" for kind, count in kinds.items()),
        f"{summary.data.rows:,}",
        str(sum(feature.missing_share > 0 for feature in features)),
        str(len(next(iter(cards.values())).target.classes) or "-"),
        *(f"{value:.4f}" for value in (*result.networks.values(), result.baselines[BOOSTING], linear)),
        f"{result.lead:+.4f}",
        "-" if result.difference is None else f"{result.difference:.0e}",
    ]


def _quality(metrics: Metrics) -> float:
    """AUC where there are classes, else R2."""
    value = metrics.auc if metrics.r2 is None else metrics.r2
    assert value is not None
    return value
