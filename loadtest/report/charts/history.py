"""Charts of what happened in order: training, epoch by epoch, and the trials of the search."""

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go

from loadtest.analysis.figures import average_percentile
from loadtest.analysis.summary import ArchitectureFigures, StudySummary
from loadtest.record.results import Results
from loadtest.record.trials import Trial
from loadtest.report.charts.base import Chart, colour, draw, label, linear_axis, log_axis, say_withheld
from loadtest.report.charts.open_arrivals import mark_slo
from loadtest.report.wording import Words, Written, brief, join, say, write_figure

LOSSES = {"train_loss": ("training", "dot"), "validation_loss": ("validation", "solid")}
VERDICTS = {"pass": "circle", "undecided": "diamond-open", "fail": "x"}
"""The verdict of a trial -> its marker."""


def training(_results: Results, summary: StudySummary) -> Chart | None:
    """Draw the losses of each architecture over the epochs."""
    traced = [(index, found) for index, found in enumerate(summary.architectures) if found.card.trace]
    if not traced:
        return None
    return Chart(
        key="training",
        title="Training",
        takeaway=say("The validation loss is lowest {}.", join([_say_lowest(found) for _, found in traced])),
        figure=draw(
            [trace for index, found in traced for trace in _losses(found, index)],
            x={"title": {"text": "epoch"}, "zeroline": False},
            y=linear_axis(_loss_title(summary)),
        ),
        columns=("", "epoch", "training loss", "validation loss"),
        rows=tuple(
            (found.name, str(epoch.epoch), brief(epoch.train_loss), brief(epoch.validation_loss))
            for _, found in traced
            for epoch in found.card.trace
        ),
        note="Training dotted, validation solid.",
    )


def _losses(found: ArchitectureFigures, index: int) -> Iterator[go.Scatter]:
    for field, (what, dash) in LOSSES.items():
        yield go.Scatter(
            x=[epoch.epoch for epoch in found.card.trace],
            y=[getattr(epoch, field) for epoch in found.card.trace],
            name=label(found.name),
            legendgroup=label(found.name),
            showlegend=dash == "solid",
            mode="lines",
            line={"color": colour(index), "dash": dash, "width": 2},
            hovertemplate=f"{label(found.name)}, {what}: %{{y:.3~r}} after epoch %{{x}}<extra></extra>",
        )


def _loss_title(summary: StudySummary) -> str:
    regression = any(found.card.task == "regression" for found in summary.architectures)
    return "mean squared error, standard deviations" if regression else "log loss"


def _say_lowest(found: ArchitectureFigures) -> str:
    best = min(found.card.trace, key=lambda epoch: epoch.validation_loss)
    return f"after epoch {best.epoch} of {len(found.card.trace)} for {found.name} ({brief(best.validation_loss)})"


def search_trials(results: Results, summary: StudySummary) -> Chart | None:
    """Draw the p99 of every trial of the search over its rate, by its verdict."""
    trials = [trial for trial in results.trials if trial.phase == "search" and not trial.replaced]
    valid = [trial for trial in trials if trial.valid and trial.latency is not None]
    if not valid:
        return None
    figure = draw(
        [trace for index, found in enumerate(summary.architectures) for trace in _verdicts(found.name, index, valid)],
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
        rows=tuple(map(_row, valid)),
        note=f"Circle: held; cross: missed; diamond: undecided. {say_withheld(len(trials) - len(valid))}",
        folded=True,
    )


def _row(trial: Trial) -> tuple[str | Written, ...]:
    rate = brief(trial.load.rate or 0.0)
    return (trial.load.architecture, str(trial.block), rate, _write_p99(trial), str(trial.verdict))


def _say_trial(trial: Trial) -> str:
    return label(f"block {trial.block}: {_write_p99(trial)} ms")


def _write_p99(trial: Trial) -> Written:
    return write_figure(average_percentile([trial], "p99"))


def _p99(trial: Trial) -> float:
    assert trial.latency is not None
    return trial.latency.p99_ms


def _verdicts(name: str, index: int, trials: Sequence[Trial]) -> Iterator[go.Scatter]:
    shown = False
    for verdict, marker in VERDICTS.items():
        found = [trial for trial in trials if trial.load.architecture == name and trial.verdict == verdict]
        if found:
            yield go.Scatter(
                x=[trial.load.rate for trial in found],
                y=[_p99(trial) for trial in found],
                customdata=[_say_trial(trial) for trial in found],
                name=label(name),
                legendgroup=label(name),
                showlegend=not shown,
                mode="markers",
                marker={"color": colour(index), "symbol": marker, "size": 8},
                hovertemplate=f"{label(name)}, %{{customdata}} at %{{x:,.4~r}}/s<extra></extra>",
            )
            shown = True


def _say_verdicts(trials: Sequence[Trial]) -> Words:
    counts = [f"{sum(trial.verdict == verdict for trial in trials):,} {verdict}" for verdict in VERDICTS]
    return say("{} trials looked for the capacities: {}.", f"{len(trials):,}", join(counts))
