"""Charts of open arrivals: latency against rate, the tail at the operating point, and where the time goes."""

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go

from loadtest.analysis.evidence import find_fault, trials_of
from loadtest.analysis.operating import find_operating_trials
from loadtest.analysis.summary import ArchitectureSummary, Summary
from loadtest.analysis.sweeps import PERCENTILES, offered_rate, sweep
from loadtest.record.intervals import median
from loadtest.record.results import CDF_LEVELS, OPERATING_SHARE, Results, Trial
from loadtest.report.charts.base import (
    DASHES,
    Chart,
    colour,
    count_withheld,
    draw,
    label,
    line,
    linear_axis,
    list_points,
    log_axis,
    ring,
)
from loadtest.report.notation import brief
from loadtest.report.table import write_figure
from loadtest.report.wording import join

TAIL_TICKS = {1.0: "0 %", 0.5: "50 %", 0.1: "90 %", 0.01: "99 %", 0.001: "99.9 %"}
"""Share of requests that take longer -> how the axis names it: in powers of ten, so that the tail is seen."""
SHOWN_LEVELS = (0.5, 0.9, 0.95, 0.99, 0.999)
MODEL = "the model"
PARTS = {
    "waiting in the generator": ("client_ms", "#8a8f98"),
    "network, HTTP and queue": ("outside_ms", "#b9bec6"),
    "parsing": ("parse_ms", "#88a8c4"),
    MODEL: ("infer_ms", "#ddaa33"),
    "writing": ("write_ms", "#5b6f86"),
}
"""Part of a median request -> its field of ``Split`` and its colour, none of them an architecture's."""


OUTLINE = "rgba(128, 128, 128, 0.7)"
"""Of bars: seen on light and dark ground."""


def latency_against_rate(results: Results, summary: Summary) -> Chart | None:
    """Draw p50, p95 and p99 over the offered rate, the SLO, and the capacities on it. A quick study has one rate."""
    names = [one.name for one in summary.architectures]
    sweeps = {name: sweep(trials_of(results, "curve", name), offered_rate, PERCENTILES) for name in names}
    latencies = [value for one in sweeps.values() for percentile in PERCENTILES for value in one.estimates(percentile)]
    if not latencies or summary.settings.quick:
        return None
    traces = [
        trace
        for index, name in enumerate(names)
        for percentile, dash in DASHES.items()
        for trace in line(sweeps[name], percentile, index, f"{name} {percentile}", dash=dash, unit="ms")
    ]
    slo = summary.settings.slo_p99_ms
    figure = draw(
        [*traces, *_knees(summary)],
        x=linear_axis("offered rate, requests/s"),
        y=log_axis("latency, ms", [*latencies, slo]),
    )
    mark_slo(figure, slo)
    return Chart(
        key="latency",
        title="Latency against offered rate",
        takeaway=_say_knees(summary),
        figure=figure,
        columns=("", "offered, requests/s", "p50, ms", "p95, ms", "p99, ms"),
        rows=list_points(sweeps),
        note=count_withheld(sweeps),
    )


def mark_slo(figure: go.Figure, slo_ms: float) -> None:
    """Draw the SLO across, and name it at its left end."""
    figure.add_hline(
        y=slo_ms,
        line={"dash": "longdash", "width": 1.5},
        label={"text": f"SLO: p99 \u2264 {slo_ms:g} ms", "textposition": "start", "yanchor": "bottom"},
    )


def _knees(summary: Summary) -> Iterator[go.Scatter]:
    """Mark each capacity, with its interval, on the SLO."""
    for index, one in enumerate(summary.architectures):
        rate = one.sustained.requests.value
        if rate is not None:
            low, high = (rate.estimate if end is None else end for end in (rate.low, rate.high))
            yield go.Scatter(
                x=[rate.estimate],
                y=[summary.settings.slo_p99_ms],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [high - rate.estimate],
                    "arrayminus": [rate.estimate - low],
                    "color": colour(index),
                    "thickness": 2,
                    "width": 6,
                },
                mode="markers",
                marker=ring(index),
                name=f"{label(one.name)} {'at least' if one.sustained.outcome == 'generator' else 'capacity'}",
                hovertemplate=f"{label(one.name)}: {write_figure(one.sustained.requests)} requests/s<extra></extra>",
            )


def _say_knees(summary: Summary) -> str:
    clauses = [
        f"{one.name} up to {write_figure(one.sustained.requests)} requests/s"
        for one in summary.architectures
        if one.sustained.requests.value is not None
    ]
    if not clauses:
        return "No capacity is known: latencies are shown at the rates that were offered."
    return f"p99 stays within {summary.settings.slo_p99_ms:g} ms for {join(clauses)}; beyond, the queue grows."


def latency_distribution(results: Results, summary: Summary) -> Chart | None:
    """Draw the share of requests that are answered within a time, at the operating point, its tail drawn out."""
    found = {one.name: _quantiles(_operating_trials(results, one)) for one in summary.architectures}
    if not any(found.values()):
        return None
    traces = [
        go.Scatter(
            x=quantiles,
            y=[1 - level for level in CDF_LEVELS],
            customdata=[f"{100 * level:g} %" for level in CDF_LEVELS],
            name=label(name),
            mode="lines",
            line={"color": colour(index), "width": 2},
            hovertemplate=f"{label(name)}: %{{customdata}} within %{{x:,.3~r}} ms<extra></extra>",
        )
        for index, (name, quantiles) in enumerate(found.items())
        if quantiles
    ]
    share = {"type": "log", "range": [0, -3], "tickvals": list(TAIL_TICKS), "ticktext": list(TAIL_TICKS.values())}
    return Chart(
        key="distribution",
        title=f"Latency distribution {_say_operating(summary)}",
        takeaway=_say_tails(summary),
        figure=draw(
            traces,
            x=log_axis("latency, ms", [value for quantiles in found.values() for value in quantiles]),
            y={"title": {"text": "requests answered within"}, "zeroline": False, **share},
        ),
        columns=("", *(f"{100 * level:g} % within, ms" for level in SHOWN_LEVELS)),
        rows=tuple(
            (name, *(brief(quantiles[CDF_LEVELS.index(level)]) for level in SHOWN_LEVELS))
            for name, quantiles in found.items()
            if quantiles
        ),
        note=_say_withheld(summary),
    )


def _operating_trials(results: Results, one: ArchitectureSummary) -> list[Trial]:
    """Return the trials at the operating point; none where a figure of theirs is withheld."""
    trials = find_operating_trials(results, one.name, one.sustained)
    return [] if find_fault(trials) else trials


def _say_withheld(summary: Summary) -> str:
    """Name the architectures that are left out because a trial at the operating point failed a gate."""
    names = [one.name for one in summary.architectures if one.operating.rate.withheld is not None]
    return f"{join(names)} withheld: a trial that this rests on failed a gate." if names else ""


def _quantiles(trials: Sequence[Trial]) -> list[float]:
    """Return the median over the blocks of each quantile; empty where nothing was answered."""
    blocks = [trial.latency.cdf_ms for trial in trials if trial.latency is not None]
    return [median(list(values)) for values in zip(*blocks, strict=True)]


def _say_operating(summary: Summary) -> str:
    return "at a common rate" if summary.settings.quick else f"at {100 * OPERATING_SHARE:.0f} % of the sustained rate"


def _say_tails(summary: Summary) -> str:
    clauses = [
        f"{one.name} answers 99 % of its requests within {brief(one.operating.p99_ms.value.estimate)} ms"
        for one in summary.architectures
        if one.operating.p99_ms.value is not None
    ]
    return f"{join(clauses)}."


def time_split(results: Results, summary: Summary) -> Chart | None:
    """Draw where the time of a median request goes, at the operating point."""
    found = {one.name: _mean_parts(_operating_trials(results, one)) for one in summary.architectures}
    found = {name: parts for name, parts in found.items() if parts}
    if not found:
        return None
    names = [label(name) for name in found]
    traces = [
        go.Bar(
            y=names,
            x=[parts[part] for parts in found.values()],
            name=part,
            orientation="h",
            marker={"color": ground, "line": {"width": 1, "color": OUTLINE}},
            hovertemplate=f"%{{y}}: {part} %{{x:,.3~r}} ms<extra></extra>",
        )
        for part, (_, ground) in PARTS.items()
    ]
    figure = draw(
        traces, x=linear_axis("median request, ms"), y={"autorange": "reversed", "type": "category", "ticksuffix": "  "}
    )
    figure.update_layout(barmode="stack", bargap=0.45, legend={"traceorder": "normal"})
    return Chart(
        key="split",
        title=f"Where the time goes {_say_operating(summary)}",
        takeaway=_say_parts(found),
        figure=figure,
        columns=("", *(f"{part}, ms" for part in PARTS)),
        rows=tuple((name, *(brief(parts[part]) for part in PARTS)) for name, parts in found.items()),
        note=_say_withheld(summary),
    )


def _mean_parts(trials: Sequence[Trial]) -> dict[str, float]:
    splits = [trial.split for trial in trials if trial.split is not None]
    if not splits:
        return {}
    return {part: sum(getattr(split, of) for split in splits) / len(splits) for part, (of, _) in PARTS.items()}


def _say_parts(found: dict[str, dict[str, float]]) -> str:
    clauses = []
    for name, parts in found.items():
        model = parts[MODEL]
        share = 100 * model / sum(parts.values())
        clauses.append(f"{brief(model)} ms of {name}'s median request ({share:.0f} %)")
    return f"The model itself takes {join(clauses)}."
