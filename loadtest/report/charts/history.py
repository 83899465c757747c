"""Charts of what happened in order: training, epoch by epoch, and the trials of the search."""

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go

from loadtest.analysis.summary import ArchitectureSummary, Summary
from loadtest.record.results import Results, Trial
from loadtest.report.charts.base import Chart, colour, draw, label, linear_axis, log_axis, say_withheld
from loadtest.report.charts.open_arrivals import mark_slo
from loadtest.report.notation import brief
from loadtest.report.wording import join

LOSSES = {"train_loss": ("training", "dot"), "validation_loss": ("validation", "solid")}
VERDICTS = {"pass": "circle", "undecided": "diamond-open", "fail": "x"}
"""The verdict of a trial -> its marker."""


def training(_results: Results, summary: Summary) -> Chart | None:
    """Draw the losses of each architecture over the epochs."""
    traced = [(index, one) for index, one in enumerate(summary.architectures) if one.card.trace]
    if not traced:
        return None
    return Chart(
        key="training",
        title="Training",
        takeaway=f"The validation loss is lowest {join([_say_lowest(one) for _, one in traced])}.",
        figure=draw(
            [trace for index, one in traced for trace in _losses(one, index)],
            x={"title": {"text": "epoch"}, "zeroline": False},
            y=linear_axis(_loss_title(summary)),
        ),
        columns=("", "epoch", "training loss", "validation loss"),
        rows=tuple(
            (one.name, str(epoch.epoch), brief(epoch.train_loss), brief(epoch.validation_loss))
            for _, one in traced
            for epoch in one.card.trace
        ),
    )


def _losses(one: ArchitectureSummary, index: int) -> Iterator[go.Scatter]:
    for field, (what, dash) in LOSSES.items():
        yield go.Scatter(
            x=[epoch.epoch for epoch in one.card.trace],
            y=[getattr(epoch, field) for epoch in one.card.trace],
            name=f"{label(one.name)} {what}",
            mode="lines",
            line={"color": colour(index), "dash": dash, "width": 2},
            hovertemplate=f"{label(one.name)}, {what}: %{{y:.3~r}} after epoch %{{x}}<extra></extra>",
        )


def _loss_title(summary: Summary) -> str:
    regression = any(one.card.task == "regression" for one in summary.architectures)
    return "mean squared error, standard deviations" if regression else "log loss"


def _say_lowest(one: ArchitectureSummary) -> str:
    best = min(one.card.trace, key=lambda epoch: epoch.validation_loss)
    return f"after epoch {best.epoch} of {len(one.card.trace)} for {one.name} ({brief(best.validation_loss)})"


def search_trials(results: Results, summary: Summary) -> Chart | None:
    """Draw the p99 of every trial of the search over its rate, by its verdict."""
    trials = [trial for trial in results.trials if trial.phase == "search" and not trial.replaced]
    valid = [trial for trial in trials if trial.valid and trial.latency is not None]
    if not valid:
        return None
    figure = draw(
        [trace for index, one in enumerate(summary.architectures) for trace in _verdicts(one.name, index, valid)],
        x=linear_axis("offered rate, requests/s"),
        y=log_axis("p99, ms", [*(_p99(trial) for trial in valid), summary.settings.slo_p99_ms]),
    )
    mark_slo(figure, summary.settings.slo_p99_ms)
    return Chart(
        key="search",
        title="Trials of the search",
        takeaway=_say_verdicts(valid),
        figure=figure,
        columns=("", "block", "offered, requests/s", "p99, ms", "verdict"),
        rows=tuple(
            (
                trial.load.architecture,
                str(trial.block),
                brief(trial.load.rate or 0.0),
                brief(_p99(trial)),
                str(trial.verdict),
            )
            for trial in valid
        ),
        note=say_withheld(len(trials) - len(valid)),
        folded=True,
    )


def _row(trial: Trial) -> tuple[str, ...]:
    rate = trial.load.rate or 0.0
    return (trial.load.architecture, str(trial.block), brief(rate), brief(_p99(trial)), str(trial.verdict))


def _p99(trial: Trial) -> float:
    assert trial.latency is not None
    return trial.latency.p99_ms


def _verdicts(name: str, index: int, trials: Sequence[Trial]) -> Iterator[go.Scatter]:
    for verdict, marker in VERDICTS.items():
        found = [one for one in trials if one.load.architecture == name and one.verdict == verdict]
        if found:
            yield go.Scatter(
                x=[trial.load.rate for trial in found],
                y=[_p99(trial) for trial in found],
                customdata=[trial.block for trial in found],
                name=f"{label(name)} {verdict}",
                mode="markers",
                marker={"color": colour(index), "symbol": marker, "size": 8},
                hovertemplate=f"{label(name)}, block %{{customdata}}: %{{y:,.3~r}} ms at %{{x:,.4~r}}/s<extra></extra>",
            )


def _say_verdicts(trials: Sequence[Trial]) -> str:
    counts = [f"{sum(one.verdict == verdict for one in trials):,} {verdict}" for verdict in VERDICTS]
    return f"{len(trials):,} trials looked for the capacities: {join(counts)}."
