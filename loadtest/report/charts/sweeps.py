"""Charts of the sweeps, both in closed loops: rows in each request, and requests in flight."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from loadtest.analysis.figures import average, trials_of
from loadtest.analysis.scalability import Scalability, fit_scalability
from loadtest.analysis.summary import StudySummary
from loadtest.analysis.sweeps import LATENCIES, Reader, Sweep, rows_per_request, sweep, users
from loadtest.record.results import Results
from loadtest.record.trials import Phase, Trial
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
from loadtest.report.wording import Words, join, say, significant, write_figure

ROWS = "rows/s"
REQUESTS = "requests/s"
SHOWN: Mapping[str, Reader] = {name: LATENCIES[name] for name in ("p50", "p99")}
ROWS_TITLE = "rows in each request"
USERS_TITLE = "requests in flight"
CURVE_POINTS = 60
"""Of a fitted law: enough to look smooth."""


def rows_throughput(results: Results, summary: StudySummary) -> Chart | None:
    """Draw rows/s over the rows in each request."""
    readers: Mapping[str, Reader] = {
        ROWS: lambda trials: average(trials, lambda trial: trial.requests_per_second * trial.load.rows)
    }
    sweeps = _sweep(results, summary, "rows", rows_per_request, readers)
    if not sweeps:
        return None
    return Chart(
        key="rows-throughput",
        title="Rows in each request: throughput",
        takeaway=say("{}.", join([_say_most_rows(name, found) for name, found in sweeps.items() if found.points])),
        figure=draw(
            _lines(sweeps, ROWS, unit=ROWS), x=_log_loads(ROWS_TITLE, sweeps), y=_log_values(ROWS, sweeps, [ROWS])
        ),
        columns=("", ROWS_TITLE, ROWS),
        rows=list_points(sweeps),
        note=count_withheld(sweeps),
    )


def rows_latency(results: Results, summary: StudySummary) -> Chart | None:
    """Draw p50 and p99 over the rows in each request."""
    sweeps = _sweep(results, summary, "rows", rows_per_request, SHOWN)
    return _latency_chart(sweeps, "rows-latency", ROWS_TITLE, unit="rows in a request") if sweeps else None


def in_flight_throughput(results: Results, summary: StudySummary) -> Chart | None:
    """Draw requests/s over the requests in flight, and the Universal Scalability Law fitted to them."""
    readers: Mapping[str, Reader] = {REQUESTS: lambda trials: average(trials, lambda trial: trial.requests_per_second)}
    sweeps = _sweep(results, summary, "in flight", users, readers)
    if not sweeps:
        return None
    laws = {name: _fit(trials_of(results, "in flight", name)) for name in sweeps}
    return Chart(
        key="in-flight-throughput",
        title="Requests in flight: throughput",
        takeaway=join([_say_law(name, laws[name]) for name, found in sweeps.items() if found.points], " ", " "),
        figure=draw(
            [*_lines(sweeps, REQUESTS, unit=REQUESTS), *_laws(sweeps, laws)],
            x=_log_loads(USERS_TITLE, sweeps),
            y=linear_axis(REQUESTS),
        ),
        columns=("", USERS_TITLE, REQUESTS),
        rows=list_points(sweeps),
        note=f"Dotted: the law fitted to what was measured; a ring is its peak. {count_withheld(sweeps)}",
    )


def in_flight_latency(results: Results, summary: StudySummary) -> Chart | None:
    """Draw p50 and p99 over the requests in flight."""
    sweeps = _sweep(results, summary, "in flight", users, SHOWN)
    return _latency_chart(sweeps, "in-flight-latency", USERS_TITLE, unit=USERS_TITLE) if sweeps else None


def _latency_chart(sweeps: Mapping[str, Sweep], key: str, loads: str, *, unit: str) -> Chart:
    """Draw latencies over ``loads``, the axis; unit: of a load, in the sentence."""
    traces = [
        trace
        for index, (name, found) in enumerate(sweeps.items())
        for value in SHOWN
        for trace in line(found, value, index, name, dash=DASHES[value], unit="ms")
    ]
    return Chart(
        key=key,
        title=f"{loads.capitalize()}: latency",
        takeaway=say("{}.", join([_say_ends(name, found, unit) for name, found in sweeps.items() if found.points])),
        figure=draw(traces, x=_log_loads(loads, sweeps), y=_log_values("latency, ms", sweeps, SHOWN)),
        columns=("", loads, *(f"{name}, ms" for name in SHOWN)),
        rows=list_points(sweeps),
        note=f"p50 dotted, p99 solid. {count_withheld(sweeps)}",
    )


def _sweep(
    results: Results, summary: StudySummary, phase: Phase, load: Callable[[Trial], float], readers: Mapping[str, Reader]
) -> dict[str, Sweep]:
    """Sweep each architecture; empty where none has a point."""
    names = [found.name for found in summary.architectures]
    sweeps = {name: sweep(trials_of(results, phase, name), load, readers) for name in names}
    return sweeps if any(found.points for found in sweeps.values()) else {}


def _lines(sweeps: Mapping[str, Sweep], value: str, *, unit: str) -> Iterator[go.Scatter]:
    for index, (name, found) in enumerate(sweeps.items()):
        yield from line(found, value, index, name, unit=unit)


def _log_loads(title: str, sweeps: Mapping[str, Sweep]) -> dict[str, object]:
    return log_axis(title, [load for found in sweeps.values() for load in found.loads])


def _log_values(title: str, sweeps: Mapping[str, Sweep], names: Iterable[str]) -> dict[str, object]:
    return log_axis(title, [value for found in sweeps.values() for name in names for value in found.estimates(name)])


def _say_most_rows(name: str, found: Sweep) -> Words:
    rates = found.estimates(ROWS)
    best = found.points[rates.index(max(rates))]
    rate = write_figure(best.figures[ROWS]).text
    return say("{} answers most with {} rows in a request, {} rows/s", name, f"{best.load:,.0f}", rate)


def _say_ends(name: str, found: Sweep, unit: str) -> Words:
    (first, least), (last, most) = (
        (f"{point.load:,.0f}", write_figure(point.figures["p99"]).text) for point in (found.points[0], found.points[-1])
    )
    if len(found.points) == 1:
        return say("{}'s p99 is {} ms with {} {}", name, least, first, unit)
    return say("{}'s p99 goes from {} ms with {} to {} ms with {} {}", name, least, first, most, last, unit)


def _fit(trials: Sequence[Trial]) -> Scalability | None:
    if not trials or not all(trial.valid for trial in trials):
        return None
    rates = [trial.requests_per_second for trial in trials]
    return fit_scalability([users(trial) for trial in trials], rates, [trial.block for trial in trials])


def _laws(sweeps: Mapping[str, Sweep], laws: Mapping[str, Scalability | None]) -> Iterator[go.Scatter]:
    for index, (name, found) in enumerate(sweeps.items()):
        law = laws[name]
        if law is None or not found.points:
            continue
        at = np.geomspace(found.loads[0], found.loads[-1], CURVE_POINTS)
        yield go.Scatter(
            x=at.tolist(),
            y=law.throughput(at).tolist(),
            name=f"{label(name)} fitted",
            legendgroup=label(name),
            showlegend=False,
            mode="lines",
            line={"color": colour(index), "dash": "dot", "width": 1.5},
            hoverinfo="skip",
        )
        if law.peak is not None:
            peak = np.array([law.peak.estimate])
            yield go.Scatter(
                x=peak.tolist(),
                y=law.throughput(peak).tolist(),
                name=f"{label(name)} peak",
                legendgroup=label(name),
                showlegend=False,
                mode="markers",
                marker=ring(index),
                hovertemplate=f"{label(name)}: peak at {significant(law.peak)} in flight<extra></extra>",
            )


def _say_law(name: str, law: Scalability | None) -> Words:
    if law is None:
        return say("No law of scalability could be fitted to {}.", name)
    if law.peak is None:
        share = f"{100 * law.contention.estimate:.0f} %"
        return say("{}: requests keep each other from working for {} of their time; no peak is shown.", name, share)
    return say("{}: throughput peaks at {} requests in flight, then falls.", name, significant(law.peak))
