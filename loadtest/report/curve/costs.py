"""The charts of a sweep: what a network costs against its weights."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from loadtest.analysis.growth import Size, Spread
from loadtest.report.charts.base import Chart, colour, draw, label, log_axis, symbol
from loadtest.report.curve.marks import GREY, HOVER, WEIGHTS_TITLE
from loadtest.report.curve.swept import Swept
from loadtest.report.curve.words import MEGABYTE, MILLISECOND, write_spread
from loadtest.report.wording import Words, Written, counted, number, say
from service.contract.curve import LATENCY_ROWS

LAW_POINTS = 60
"""Of a law's line: enough to look smooth."""
LAW_NOTE = "Grey and dotted: the law."
LATENCY_DASHES = dict(zip(LATENCY_ROWS, ("dot", "dash", "solid"), strict=True))


@dataclass(frozen=True)
class Cost:
    """What a network costs. title, column: with its unit; factor: brings what ``read`` returns to it."""

    key: str
    title: str
    column: str
    heading: str
    unit: str
    factor: float
    read: Callable[[Size], Spread]
    verb: str

    def mean(self, size: Size) -> float:
        """Return the mean over the seeds, in the unit."""
        return self.factor * self.read(size).mean

    def write(self, size: Size) -> Written:
        """Write it with its spread."""
        return write_spread(self.read(size), self.factor)


TRAINING = Cost(
    key="train_seconds",
    title="processor seconds an epoch",
    column="training, s an epoch",
    heading="Training",
    unit="s",
    factor=1.0,
    read=lambda size: size.processor_seconds,
    verb="takes {} s of a processor for an epoch",
)
MEMORY = Cost(
    key="network_memory_bytes",
    title="memory of the network, MB",
    column="memory, MB",
    heading="Memory in training",
    unit="MB",
    factor=MEGABYTE,
    read=lambda size: size.network_bytes,
    verb="takes {} MB beside the data and the libraries",
)
LATENCY = Cost(
    key="latency_seconds",
    title="latency of one row, ms",
    column="latency, ms",
    heading="Latency",
    unit="ms",
    factor=MILLISECOND,
    read=lambda size: size.latency[LATENCY_ROWS[0]],
    verb="answers one row in {} ms",
)
COSTS = {cost.key: cost for cost in (TRAINING, MEMORY, LATENCY)}


def draw_costs(swept: Swept) -> tuple[Chart, ...]:
    """Draw what a network costs against its weights."""
    return (
        _cost_against_weights(swept, TRAINING),
        _cost_against_weights(swept, MEMORY),
        _latency_against_weights(swept),
    )


def _cost_against_weights(swept: Swept, cost: Cost) -> Chart:
    traces = [
        go.Scatter(
            x=[size.weights for size in sizes],
            y=[cost.mean(size) for size in sizes],
            name=name,
            mode="lines+markers",
            line={"color": colour(place), "width": 2},
            marker={"symbol": symbol(place), "size": 7},
            customdata=[label(f"{size.name}: {cost.write(size)} {cost.unit}") for size in sizes],
            hovertemplate=HOVER,
        )
        for place, name, sizes in swept.by_depth(swept.full)
    ]
    law = list(_draw_law(swept, cost))
    return Chart(
        key=cost.key,
        title=f"{cost.heading} against weights",
        takeaway=_say_cost(swept, cost),
        figure=draw(
            [*law, *traces],
            x=log_axis(WEIGHTS_TITLE, [size.weights for size in swept.full]),
            y=log_axis(cost.title, [cost.mean(size) for size in swept.full]),
        ),
        columns=("shape", WEIGHTS_TITLE, cost.title),
        rows=tuple((size.name, f"{size.weights:,}", cost.write(size)) for size in swept.full),
        note=LAW_NOTE if law else "",
    )


def _draw_law(swept: Swept, cost: Cost) -> Iterator[go.Scatter]:
    """Draw the law of a cost against weights, where one is stated. That of training is of all epochs."""
    epochs = {point.epochs for point in swept.curve.points} if cost is TRAINING else {1}
    for law in swept.curve.laws:
        if law.of == cost.key and law.against == "weights" and law.floor and law.coefficient and law.exponent:
            weights = np.geomspace(swept.full[0].weights, swept.full[-1].weights, LAW_POINTS)
            values = law.floor.value + law.coefficient.value * weights**law.exponent.value
            yield go.Scatter(
                x=weights.tolist(),
                y=(cost.factor * values / max(epochs)).tolist(),
                name="law",
                showlegend=False,
                mode="lines",
                line={"color": GREY, "dash": "dot", "width": 2},
                hoverinfo="skip",
            )


def _say_cost(swept: Swept, cost: Cost) -> Words:
    """Say what the choice and the dearest cost; without a choice the cheapest and the dearest."""
    dearest = max(swept.full, key=cost.mean)
    first = swept.chosen or min(swept.full, key=cost.mean)
    words = say(f"{{}} {cost.verb}", first.name, cost.write(first))
    if first is dearest:
        return say("{}.", words)
    times = number(cost.mean(dearest) / cost.mean(first), 1) if cost.mean(first) > 0 else "many"
    return say("{}, {} {} times as much.", words, dearest.name, times)


def _latency_against_weights(swept: Swept) -> Chart:
    traces = [
        go.Scatter(
            x=[size.weights for size in sizes],
            y=[MILLISECOND * size.latency[rows].mean for size in sizes],
            name=name,
            legendgroup=name,
            showlegend=dash == "solid",
            mode="lines+markers",
            line={"color": colour(place), "dash": dash, "width": 2},
            marker={"symbol": symbol(place), "size": 7},
            customdata=[
                label(f"{size.name}: {write_spread(size.latency[rows], MILLISECOND)} ms for {counted(rows, 'row')}")
                for size in sizes
            ],
            hovertemplate=HOVER,
        )
        for place, name, sizes in swept.by_depth(swept.full)
        for rows, dash in LATENCY_DASHES.items()
    ]
    law = list(_draw_law(swept, LATENCY))
    values = [MILLISECOND * spread.mean for size in swept.full for spread in size.latency.values()]
    return Chart(
        key="latency-weights",
        title="Latency against weights",
        takeaway=_say_cost(swept, LATENCY),
        figure=draw(
            [*law, *traces],
            x=log_axis(WEIGHTS_TITLE, [size.weights for size in swept.full]),
            y=log_axis("latency, ms", values),
        ),
        columns=("shape", WEIGHTS_TITLE, *(f"{counted(rows, 'row')}, ms" for rows in LATENCY_ROWS)),
        rows=tuple(
            (size.name, f"{size.weights:,}", *(write_spread(size.latency[rows], MILLISECOND) for rows in LATENCY_ROWS))
            for size in swept.full
        ),
        note=f"1 row dotted, 64 rows dashed, 1,024 rows solid; ONNX Runtime on one thread. {LAW_NOTE if law else ''}",
    )
