"""What every chart has in common: colours, axes, lines with their bands. Plotly draws them in the reader's browser."""

import html
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from loadtest.analysis.sweeps import Sweep
from loadtest.report.wording import Words, Written, brief, clean, write_figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#c0649a", "#7a7f87", "#9a7b1f")
"""Of the architectures, in their order. Okabe and Ito (2008), darkened where needed: told apart by the colour-blind,
and with a contrast of 3 or more on white and on the page's dark ground."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
BAND_OPACITY = "26"
"""Hexadecimal, of 255."""
DASHES = {"p50": "dot", "p95": "dash", "p99": "solid"}
ROOM = 1.6
"""Factor by which a logarithmic axis goes beyond its lowest and highest value."""


@dataclass(frozen=True)
class Chart:
    """One chart. takeaway: what it shows, in a sentence; columns, rows: its values, for those who can't see it."""

    key: str
    title: str
    takeaway: Words
    figure: go.Figure
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Written, ...], ...]
    note: str = ""
    folded: bool = False


def colour(index: int) -> str:
    """Return the colour of the architecture at ``index``: the same on the whole page."""
    return COLOURS[index % len(COLOURS)]


def symbol(index: int) -> str:
    """Return the marker of the architecture at ``index``."""
    return SYMBOLS[index % len(SYMBOLS)]


def ring(index: int) -> dict[str, object]:
    """Return a marker that stands out among those of a line: open, and larger."""
    return {"symbol": f"{symbol(index)}-open", "size": 14, "color": colour(index), "line": {"width": 3}}


def label(text: str) -> str:
    """Write a name for plotly, which takes some tags for markup."""
    return html.escape(clean(text), quote=False)


def say_withheld(count: int) -> str:
    """Say how many points are not drawn."""
    return f"{count:,} point(s) are withheld: a trial that they rest on failed a gate." if count else ""


def draw(traces: Iterable[go.Scatter | go.Bar], *, x: dict[str, object], y: dict[str, object]) -> go.Figure:
    """Make a figure without colours of its own for text, grid and ground: the page adds those of its scheme."""
    return go.Figure(
        data=list(traces),
        layout=go.Layout(
            template=go.layout.Template(),
            xaxis={"automargin": True, **x},
            yaxis={"automargin": True, **y},
            legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
            margin={"l": 8, "r": 24, "t": 8, "b": 8},
            showlegend=True,
            dragmode=False,
            hovermode="closest",
        ),
    )


def linear_axis(title: str) -> dict[str, object]:
    """Make an axis from 0."""
    return {"title": {"text": title}, "rangemode": "tozero", "zeroline": False, "tickformat": ","}


def log_axis(title: str, values: Sequence[float]) -> dict[str, object]:
    """Make a logarithmic axis about ``values``, with round numbers at its ticks."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = min(positive) / ROOM, max(positive) * ROOM
    ticks = _ticks(low, high)
    return {
        "title": {"text": title},
        "type": "log",
        "range": [math.log10(low), math.log10(high)],
        "tickvals": ticks,
        "ticktext": [f"{tick:,.12f}".rstrip("0").rstrip(".") for tick in ticks],
        "zeroline": False,
    }


def _ticks(low: float, high: float) -> list[float]:
    """Return powers of ten, with 2 and 5 between where there are few."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1,) if high / low > 1e3 else (1, 2, 5)
    ticks = [step * 10.0**decade for decade, step in itertools.product(decades, steps)]
    return [tick for tick in ticks if low <= tick <= high]


def line(sweep: Sweep, value: str, index: int, name: str, *, unit: str, dash: str = "solid") -> list[go.Scatter]:
    """Draw one figure of the architecture at ``index``: its estimates, and a band where there are intervals.

    The legend names the solid line alone, for all of an architecture's: on a phone it would fill the chart.
    """
    if not sweep.points:
        return []
    text = label(name)
    drawn = go.Scatter(
        x=sweep.loads,
        y=sweep.estimates(value),
        name=text,
        legendgroup=text,
        showlegend=dash == "solid",
        mode="lines+markers",
        line={"color": colour(index), "dash": dash, "width": 2},
        marker={"symbol": symbol(index), "size": 7},
        customdata=[label(str(write_figure(point.figures[value]))) for point in sweep.points],
        hovertemplate=f"{text} {value}: %{{customdata}} {unit} at %{{x:,.4~r}}<extra></extra>",
    )
    return [*_band(sweep, value, index, text), drawn]


def _band(sweep: Sweep, value: str, index: int, text: str) -> list[go.Scatter]:
    edges = [(point.load, point.figures[value].value) for point in sweep.points]
    known = [(x, at.low, at.high) for x, at in edges if at is not None and at.low is not None and at.high is not None]
    if not known:
        return []
    return [
        go.Scatter(
            x=[x for x, _, _ in known] + [x for x, _, _ in reversed(known)],
            y=[high for _, _, high in known] + [low for _, low, _ in reversed(known)],
            fill="toself",
            fillcolor=colour(index) + BAND_OPACITY,
            line={"width": 0},
            mode="lines",
            legendgroup=text,
            showlegend=False,
            hoverinfo="skip",
        )
    ]


def list_points(sweeps: Mapping[str, Sweep]) -> tuple[tuple[str | Written, ...], ...]:
    """Write the values of every point. sweeps: architecture -> its points."""
    return tuple(
        (name, _write_load(point.load), *map(write_figure, point.figures.values()))
        for name, points in sweeps.items()
        for point in points.points
    )


def _write_load(load: float) -> str:
    """Write a count whole, and a rate to three digits."""
    return f"{load:,.0f}" if load.is_integer() else brief(load)


def count_withheld(sweeps: Mapping[str, Sweep]) -> str:
    """Say how many points are not drawn."""
    return say_withheld(sum(found.withheld for found in sweeps.values()))
