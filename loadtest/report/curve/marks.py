"""What the charts of a sweep have in common: the axis of quality, the best possible, the ring about the choice."""

from collections.abc import Callable, Iterator, Sequence

import plotly.graph_objects as go

from loadtest.analysis.growth import Size
from loadtest.report.charts.base import ring
from loadtest.report.curve.swept import Swept

WEIGHTS_TITLE = "weights and biases"
HOVER = "%{customdata}<extra></extra>"
GREY = "rgba(128, 128, 128, 0.9)"
"""Of fronts and laws: seen on light and dark ground, and no depth's."""
ROOM = 0.12
"""Of the range of the values, above and below them: for markers, and for the name of the best possible."""
NARROWEST = 0.002
"""Range of an axis of quality: differences below are no result."""


def quality_axis(swept: Swept, sizes: Sequence[Size]) -> dict[str, object]:
    """Make an axis about the qualities and the best possible."""
    best = swept.curve.best_possible_accuracy
    values = [end for size in sizes for end in (size.quality.lowest, size.quality.highest)]
    values += [] if best is None else [best]
    low, high = min(values), max(values)
    room = ROOM * max(high - low, NARROWEST)
    return {
        "title": {"text": f"{swept.quality} on held-out rows"},
        "range": [low - room, high + room],
        "zeroline": False,
    }


def mark_best_possible(figure: go.Figure, swept: Swept) -> None:
    """Draw across what no model can exceed, where that is known, and name it at its left end."""
    accuracy = swept.curve.best_possible_accuracy
    if accuracy is not None:
        figure.add_hline(
            y=accuracy,
            line={"dash": "longdash", "width": 1.5},
            label={"text": f"best possible: {accuracy:.4f}", "textposition": "start", "yanchor": "bottom"},
        )


def ring_choice(swept: Swept, x: Callable[[Size], float], *, named: bool = True) -> Iterator[go.Scatter]:
    """Draw a ring about the choice. named: in the legend."""
    chosen = swept.chosen
    if chosen is not None:
        yield go.Scatter(
            x=[x(chosen)],
            y=[chosen.quality.mean],
            name="the choice",
            showlegend=named,
            mode="markers",
            marker={**ring(swept.depths.index(chosen.shape.depth)), "symbol": "circle-open", "size": 20},
            hoverinfo="skip",
        )
