"""Charts of open arrivals: latency against rate, the tail at the operating point, and where the time goes."""

from collections.abc import Callable, Iterator

import plotly.graph_objects as go

from loadtest.analysis.capacity import find_operating_trials
from loadtest.analysis.figures import Figure, average_latency, trials_of
from loadtest.analysis.summary import ArchitectureFigures, StudySummary
from loadtest.analysis.sweeps import LATENCIES, offered_rate, sweep
from loadtest.record.results import OPERATING_SHARE, Results
from loadtest.record.trials import CDF_LEVELS, Latency
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
from loadtest.report.wording import Words, brief, join, say, write_figure

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


def latency_against_rate(results: Results, summary: StudySummary) -> Chart | None:
    """Draw p50, p95 and p99 over the offered rate, the SLO, and the capacities on it. A quick study has one rate."""
    names = [found.name for found in summary.architectures]
    sweeps = {name: sweep(trials_of(results, "curve", name), offered_rate, LATENCIES) for name in names}
    latencies = [value for found in sweeps.values() for name in LATENCIES for value in found.estimates(name)]
    if not latencies or summary.settings.quick:
        return None
    traces = [
        trace
        for index, name in enumerate(names)
        for percentile, dash in DASHES.items()
        for trace in line(sweeps[name], percentile, index, name, dash=dash, unit="ms")
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
        note=f"p50 dotted, p95 dashed, p99 solid; a ring is the sustained rate. {count_withheld(sweeps)}",
    )


def mark_slo(figure: go.Figure, slo_ms: float) -> None:
    """Draw the SLO across, and name it at its left end."""
    figure.add_hline(
        y=slo_ms,
        line={"dash": "longdash", "width": 1.5},
        label={"text": f"SLO: p99 \u2264 {slo_ms:g} ms", "textposition": "start", "yanchor": "bottom"},
    )


def _knees(summary: StudySummary) -> Iterator[go.Scatter]:
    """Mark each capacity, with its interval, on the SLO."""
    for index, found in enumerate(summary.architectures):
        requests = found.sustained.requests
        rate = requests.value
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
                name=f"{label(found.name)} capacity",
                legendgroup=label(found.name),
                showlegend=False,
                hovertemplate=f"{label(found.name)}: {write_figure(requests)} requests/s<extra></extra>",
            )


def _say_knees(summary: StudySummary) -> Words:
    known = [found for found in summary.architectures if found.sustained.requests.value is not None]
    clauses = [say("{} up to {} requests/s", found.name, write_figure(found.sustained.requests)) for found in known]
    if not clauses:
        return say("No capacity is known: latencies are shown at the rates that were offered.")
    slo = f"{summary.settings.slo_p99_ms:g}"
    ends = [found.name for found in known if found.sustained.requests.bound is None]
    beyond: str | Words = "; beyond, the queue grows"
    if len(ends) < len(known):  # beyond a bound nothing is known
        beyond = say("; beyond, the queue of {} grows", join(ends)) if ends else ""
    return say("p99 stays within {} ms for {}{}.", slo, join(clauses), beyond)


def latency_distribution(results: Results, summary: StudySummary) -> Chart | None:
    """Draw the share of requests that are answered within a time, at the operating point, its tail drawn out."""
    quantiles = {found.name: _find_quantiles(results, found) for found in summary.architectures}
    known = {name: _estimate_known(figures) for name, figures in quantiles.items()}
    if not any(known.values()):
        return None
    traces = [
        go.Scatter(
            x=list(estimates.values()),
            y=[1 - level for level in estimates],
            customdata=[f"{100 * level:g} %" for level in estimates],
            name=label(name),
            mode="lines",
            line={"color": colour(index), "width": 2},
            hovertemplate=f"{label(name)}: %{{customdata}} within %{{x:,.3~r}} ms<extra></extra>",
        )
        for index, (name, estimates) in enumerate(known.items())
        if estimates
    ]
    share = {"type": "log", "range": [0, -3], "tickvals": list(TAIL_TICKS), "ticktext": list(TAIL_TICKS.values())}
    return Chart(
        key="distribution",
        title=f"Latency distribution {_say_operating(summary)}",
        takeaway=_say_tails(summary),
        figure=draw(
            traces,
            x=log_axis("latency, ms", [value for estimates in known.values() for value in estimates.values()]),
            y={"title": {"text": "requests answered within"}, "zeroline": False, **share},
        ),
        columns=("", *(f"{100 * level:g} % within, ms" for level in SHOWN_LEVELS)),
        rows=tuple(
            (name, *(write_figure(figures[level]) for level in SHOWN_LEVELS))
            for name, figures in quantiles.items()
            if known[name]
        ),
        note=_say_withheld(summary),
    )


def _find_quantiles(results: Results, found: ArchitectureFigures) -> dict[float, Figure]:
    """Return level -> latency at the operating point."""
    trials = find_operating_trials(results, found.name, found.sustained)

    def at(place: int) -> Callable[[Latency], float]:
        return lambda latency: latency.cdf_ms[place]

    return {level: average_latency(trials, level, at(place)) for place, level in enumerate(CDF_LEVELS)}


def _estimate_known(quantiles: dict[float, Figure]) -> dict[float, float]:
    """Leave out what was not measured, withheld, or is only a bound."""
    return {
        level: figure.value.estimate
        for level, figure in quantiles.items()
        if figure.value is not None and figure.bound is None
    }


def _say_withheld(summary: StudySummary) -> str:
    """Name the architectures that are left out because a trial at the operating point failed a gate."""
    names = [found.name for found in summary.architectures if found.operating.rate.withheld]
    return f"{join(names)} withheld: a trial that this rests on failed a gate." if names else ""


def _say_operating(summary: StudySummary) -> str:
    return "at a common rate" if summary.settings.quick else f"at {100 * OPERATING_SHARE:.0f} % of the sustained rate"


def _say_tails(summary: StudySummary) -> Words:
    clauses = [
        say("{} answers 99 % of its requests within {} ms", found.name, write_figure(found.operating.p99_ms).text)
        for found in summary.architectures
        if found.operating.p99_ms.value is not None
    ]
    return say("{}.", join(clauses))


def time_split(results: Results, summary: StudySummary) -> Chart | None:
    """Draw where the time of a median request goes, at the operating point."""
    split = {found.name: _split(results, found) for found in summary.architectures}
    split = {name: parts for name, parts in split.items() if parts}
    if not split:
        return None
    names = [label(name) for name in split]
    traces = [
        go.Bar(
            y=names,
            x=[parts[part] for parts in split.values()],
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
        takeaway=say("The model itself takes {}.", join([_say_model(name, parts) for name, parts in split.items()])),
        figure=figure,
        columns=("", *(f"{part}, ms" for part in PARTS)),
        rows=tuple((name, *(brief(parts[part]) for part in PARTS)) for name, parts in split.items()),
        note=_say_withheld(summary),
    )


def _split(results: Results, found: ArchitectureFigures) -> dict[str, float]:
    """Return the parts of the p50, milliseconds, in the proportions that they have over all blocks."""
    trials = find_operating_trials(results, found.name, found.sustained)
    splits = [trial.split for trial in trials if trial.split is not None]
    sums = {part: sum(getattr(split, of) for split in splits) for part, (of, _) in PARTS.items()}
    median = found.operating.p50_ms.value
    if median is None or not splits:
        return {}
    return {part: median.estimate * value / sum(sums.values()) for part, value in sums.items()}


def _say_model(name: str, parts: dict[str, float]) -> str:
    share = 100 * parts[MODEL] / sum(parts.values())
    return f"{brief(parts[MODEL])} ms of {name}'s median request ({share:.0f} %)"
