"""The charts of a sweep: quality against each cost, and the front of those that no other beats in both."""

from collections.abc import Iterator

import plotly.graph_objects as go

from loadtest.analysis.growth import Size
from loadtest.report.charts.base import Chart, colour, draw, label, log_axis, symbol
from loadtest.report.curve.costs import COSTS, Cost
from loadtest.report.curve.marks import GREY, HOVER, quality_axis, ring_choice
from loadtest.report.curve.swept import Swept
from loadtest.report.curve.words import write_quality
from loadtest.report.wording import Words, say
from service.contract.curve import ParetoFront


def draw_fronts(swept: Swept) -> tuple[Chart, ...]:
    """Draw quality against each cost, and the line of those that no other beats in both."""
    return tuple(_draw_front(swept, front, COSTS[front.against]) for front in swept.fronts)


def _draw_front(swept: Swept, front: ParetoFront, cost: Cost) -> Chart:
    on_front = [size for shape in front.shapes for size in swept.full if size.shape == shape]
    return Chart(
        key=f"front-{cost.key}",
        title=f"Front: quality against {cost.title.partition(',')[0]}",
        takeaway=_say_front(swept, on_front, cost),
        figure=draw(
            [*_step(on_front, cost), *_points(swept, front, cost), *ring_choice(swept, cost.mean, named=False)],
            x=log_axis(cost.title, [cost.mean(size) for size in swept.full]),
            y=quality_axis(swept, swept.full),
        ),
        columns=("shape", cost.title, f"{swept.quality} [seeds]", "on the front"),
        rows=tuple(
            (size.name, cost.write(size), write_quality(size.quality), "yes" if size in on_front else "no")
            for size in sorted(swept.full, key=cost.mean)
        ),
        note="Grey: the front. Open: another is better and cheaper.",
    )


def _step(on_front: list[Size], cost: Cost) -> Iterator[go.Scatter]:
    """Draw the front as what can be had up to each cost."""
    yield go.Scatter(
        x=[cost.mean(size) for size in on_front],
        y=[size.quality.mean for size in on_front],
        name="front",
        showlegend=False,
        mode="lines",
        line={"color": GREY, "shape": "hv", "width": 2},
        hoverinfo="skip",
    )


def _points(swept: Swept, front: ParetoFront, cost: Cost) -> Iterator[go.Scatter]:
    for place, name, sizes in swept.by_depth(swept.full):
        markers = [symbol(place) if size.shape in front.shapes else f"{symbol(place)}-open" for size in sizes]
        yield go.Scatter(
            x=[cost.mean(size) for size in sizes],
            y=[size.quality.mean for size in sizes],
            name=name,
            mode="markers",
            marker={
                "color": colour(place),
                "symbol": markers,
                "size": 10,
                "line": {"width": 2, "color": colour(place)},
            },
            customdata=[
                label(f"{size.name}: {write_quality(size.quality)} at {cost.write(size)} {cost.unit}") for size in sizes
            ],
            hovertemplate=HOVER,
        )


def _say_front(swept: Swept, on_front: list[Size], cost: Cost) -> Words:
    beaten = len(swept.full) - len(on_front)
    names = ", ".join(size.name for size in on_front)
    rest = f"; {beaten} of {len(swept.full)} shapes are beaten" if beaten else ""
    return say("Worth their cost: {}{}.", names, rest)
