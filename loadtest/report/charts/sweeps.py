"""Charts of the sweeps, both in closed loops: rows in each request, and requests in flight."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from loadtest.analysis.evidence import Value, trials_of
from loadtest.analysis.scalability import Scalability, fit_scalability
from loadtest.analysis.summary import Summary
from loadtest.analysis.sweeps import PERCENTILES, Sweep, rows_per_request, sweep, users
from loadtest.record.results import Phase, Results, Trial
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
from loadtest.report.notation import brief, significant
from loadtest.report.wording import join

ROWS = "rows/s"
REQUESTS = "requests/s"
LATENCIES: Mapping[str, Value] = {name: PERCENTILES[name] for name in ("p50", "p99")}
ROWS_TITLE = "rows in each request"
USERS_TITLE = "requests in flight"
CURVE_POINTS = 60
"""Of a fitted law: enough to look smooth."""


def rows_throughput(results: Results, summary: Summary) -> Chart | None:
    """Draw rows/s over the rows in each request."""
    values: Mapping[str, Value] = {ROWS: lambda trial: trial.requests_per_second * trial.load.rows}
    sweeps = _sweep(results, summary, "rows", rows_per_request, values)
    if not sweeps:
        return None
    return Chart(
        key="rows-throughput",
        title="Rows in each request: throughput",
        takeaway=f"{join([_say_most_rows(name, one) for name, one in sweeps.items() if one.points])}.",
        figure=draw(
            _lines(sweeps, ROWS, unit=ROWS), x=_log_loads(ROWS_TITLE, sweeps), y=_log_values(ROWS, sweeps, [ROWS])
        ),
        columns=("", ROWS_TITLE, ROWS),
        rows=list_points(sweeps),
        note=count_withheld(sweeps),
    )


def rows_latency(results: Results, summary: Summary) -> Chart | None:
    """Draw p50 and p99 over the rows in each request."""
    sweeps = _sweep(results, summary, "rows", rows_per_request, LATENCIES)
    return _latency_chart(sweeps, "rows-latency", ROWS_TITLE, unit="rows in a request") if sweeps else None


def in_flight_throughput(results: Results, summary: Summary) -> Chart | None:
    """Draw requests/s over the requests in flight, and the Universal Scalability Law fitted to them."""
    values: Mapping[str, Value] = {REQUESTS: lambda trial: trial.requests_per_second}
    sweeps = _sweep(results, summary, "in flight", users, values)
    if not sweeps:
        return None
    laws = {name: _fit(trials_of(results, "in flight", name)) for name in sweeps}
    return Chart(
        key="in-flight-throughput",
        title="Requests in flight: throughput",
        takeaway=" ".join(_say_law(name, laws[name]) for name, one in sweeps.items() if one.points),
        figure=draw(
            [*_lines(sweeps, REQUESTS, unit=REQUESTS), *_laws(sweeps, laws)],
            x=_log_loads(USERS_TITLE, sweeps),
            y=linear_axis(REQUESTS),
        ),
        columns=("", USERS_TITLE, REQUESTS),
        rows=list_points(sweeps),
        note=count_withheld(sweeps),
    )


def in_flight_latency(results: Results, summary: Summary) -> Chart | None:
    """Draw p50 and p99 over the requests in flight."""
    sweeps = _sweep(results, summary, "in flight", users, LATENCIES)
    return _latency_chart(sweeps, "in-flight-latency", USERS_TITLE, unit=USERS_TITLE) if sweeps else None


def _latency_chart(sweeps: Mapping[str, Sweep], key: str, loads: str, *, unit: str) -> Chart:
    """Draw latencies over ``loads``, the axis; unit: of a load, in the sentence."""
    return Chart(
        key=key,
        title=f"{loads.capitalize()}: latency",
        takeaway=f"{_say_growth(sweeps, unit)}.",
        figure=_latency_figure(sweeps, loads),
        columns=("", loads, *(f"{name}, ms" for name in LATENCIES)),
        rows=list_points(sweeps),
        note=count_withheld(sweeps),
    )


def _sweep(
    results: Results, summary: Summary, phase: Phase, load: Callable[[Trial], float], values: Mapping[str, Value]
) -> dict[str, Sweep]:
    """Sweep each architecture; empty where none has a point."""
    names = [one.name for one in summary.architectures]
    sweeps = {name: sweep(trials_of(results, phase, name), load, values) for name in names}
    return sweeps if any(one.points for one in sweeps.values()) else {}


def _lines(sweeps: Mapping[str, Sweep], value: str, *, unit: str) -> Iterator[go.Scatter]:
    for index, (name, one) in enumerate(sweeps.items()):
        yield from line(one, value, index, name, unit=unit)


def _latency_figure(sweeps: Mapping[str, Sweep], title: str) -> go.Figure:
    traces = [
        trace
        for index, (name, one) in enumerate(sweeps.items())
        for value in LATENCIES
        for trace in line(one, value, index, f"{name} {value}", dash=DASHES[value], unit="ms")
    ]
    return draw(traces, x=_log_loads(title, sweeps), y=_log_values("latency, ms", sweeps, list(LATENCIES)))


def _log_loads(title: str, sweeps: Mapping[str, Sweep]) -> dict[str, object]:
    return log_axis(title, [load for one in sweeps.values() for load in one.loads])


def _log_values(title: str, sweeps: Mapping[str, Sweep], names: Sequence[str]) -> dict[str, object]:
    return log_axis(title, [value for one in sweeps.values() for name in names for value in one.estimates(name)])


def _say_most_rows(name: str, one: Sweep) -> str:
    rate, load = max(zip(one.estimates(ROWS), one.loads, strict=True))
    return f"{name} answers most with {load:,.0f} rows in a request, {brief(rate)} rows/s"


def _say_growth(sweeps: Mapping[str, Sweep], unit: str) -> str:
    return join([_say_ends(name, one, unit) for name, one in sweeps.items() if one.points])


def _say_ends(name: str, one: Sweep, unit: str) -> str:
    p99 = one.estimates("p99")
    if len(p99) == 1:
        return f"{name}'s p99 is {brief(p99[0])} ms with {one.loads[0]:,.0f} {unit}"
    return (
        f"{name}'s p99 goes from {brief(p99[0])} ms with {one.loads[0]:,.0f} to {brief(p99[-1])} ms with "
        f"{one.loads[-1]:,.0f} {unit}"
    )


def _fit(trials: Sequence[Trial]) -> Scalability | None:
    if not trials or not all(trial.valid for trial in trials):
        return None
    rates = [trial.requests_per_second for trial in trials]
    return fit_scalability([users(trial) for trial in trials], rates, [trial.block for trial in trials])


def _laws(sweeps: Mapping[str, Sweep], laws: Mapping[str, Scalability | None]) -> Iterator[go.Scatter]:
    for index, (name, one) in enumerate(sweeps.items()):
        law = laws[name]
        if law is None or not one.points:
            continue
        at = np.geomspace(one.loads[0], one.loads[-1], CURVE_POINTS)
        yield go.Scatter(
            x=at.tolist(),
            y=law.throughput(at).tolist(),
            name=f"{label(name)} fitted",
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
                mode="markers",
                marker=ring(index),
                hovertemplate=f"{label(name)}: peak at {significant(law.peak)} in flight<extra></extra>",
            )


def _say_law(name: str, law: Scalability | None) -> str:
    if law is None:
        return f"No law of scalability could be fitted to {name}."
    share = f"{100 * law.contention.estimate:.0f} %"
    if law.peak is None:
        return f"{name}: requests keep each other from working for {share} of their time; no peak is shown."
    return f"{name}: throughput peaks at {significant(law.peak)} requests in flight, then falls."
