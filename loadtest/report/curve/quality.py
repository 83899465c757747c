"""The charts of a sweep: quality against weights, and against rows."""

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go

from loadtest.analysis.growth import Size
from loadtest.report.charts.base import Chart, colour, draw, label, log_axis, symbol
from loadtest.report.curve.marks import HOVER, WEIGHTS_TITLE, mark_best_possible, quality_axis, ring_choice
from loadtest.report.curve.swept import Swept
from loadtest.report.curve.words import write_quality
from loadtest.report.wording import Words, Written, number, say

MOST_TICKS = 5
SPREAD_NOTE = "A bar goes from the lowest seed to the highest."


def quality_against_weights(swept: Swept) -> Chart:
    """Draw the quality of every shape after the most rows: its spread, its front, the choice, and the best possible."""
    figure = draw(
        [*_lines_of_depths(swept), *ring_choice(swept, lambda size: size.weights)],
        x=log_axis(WEIGHTS_TITLE, [size.weights for size in swept.full]),
        y=quality_axis(swept, swept.full),
    )
    mark_best_possible(figure, swept)
    beaten = "; open: beaten on every front" if any(swept.is_beaten(size.shape) for size in swept.full) else ""
    ringed = "A ring is the choice" if swept.chosen is not None else "A point is the mean of its seeds"
    return Chart(
        key="quality-weights",
        title=f"Quality against weights, {swept.full[0].rows:,} rows to learn from",
        takeaway=_say_weights(swept),
        figure=figure,
        columns=("shape", WEIGHTS_TITLE, f"{swept.quality} [seeds]", "on a front"),
        rows=tuple(_weights_row(swept, size) for size in swept.full),
        note=f"{ringed}{beaten}. {SPREAD_NOTE}",
    )


def _lines_of_depths(swept: Swept) -> Iterator[go.Scatter]:
    for place, name, sizes in swept.by_depth(swept.full):
        markers = [f"{symbol(place)}-open" if swept.is_beaten(size.shape) else symbol(place) for size in sizes]
        yield go.Scatter(
            x=[size.weights for size in sizes],
            y=[size.quality.mean for size in sizes],
            error_y=spread_bars(
                [size.quality.lowest for size in sizes], [size.quality.highest for size in sizes], sizes
            ),
            name=name,
            mode="lines+markers",
            line={"color": colour(place), "width": 2},
            marker={"symbol": markers, "size": 9, "line": {"width": 2, "color": colour(place)}},
            customdata=[
                label(f"{size.name}: {write_quality(size.quality)} with {size.weights:,} weights") for size in sizes
            ],
            hovertemplate=HOVER,
        )


def spread_bars(lowest: Sequence[float], highest: Sequence[float], sizes: Sequence[Size]) -> dict[str, object]:
    """Make bars from the lowest seed to the highest, in the colour of their line."""
    means = [size.quality.mean for size in sizes]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - mean for high, mean in zip(highest, means, strict=True)],
        "arrayminus": [mean - low for low, mean in zip(lowest, means, strict=True)],
        "thickness": 1.5,
        "width": 4,
    }


def _weights_row(swept: Swept, size: Size) -> tuple[str | Written, ...]:
    on_front = "" if not swept.fronts else "no" if swept.is_beaten(size.shape) else "yes"
    return (size.name, f"{size.weights:,}", write_quality(size.quality), on_front)


def _say_weights(swept: Swept) -> Words:
    smallest, best, chosen = swept.full[0], swept.best, swept.chosen
    if best is None or chosen is None:
        highest = max(swept.full, key=lambda size: size.quality.mean)
        return say("{} is the highest mean, {}.", highest.name, write_quality(highest.quality))
    reach = say("{} reaches {}", best.name, write_quality(best.quality))
    if chosen is best:
        return say("{}, and nothing smaller comes as near as was asked.", reach)
    less = number(best.weights / chosen.weights, 1)
    return say(
        "{}; {} comes to {} with {} times fewer weights, {}, the smallest, to {}.",
        reach, chosen.name, write_quality(chosen.quality), less, smallest.name, write_quality(smallest.quality),
    )  # fmt: skip


def quality_against_rows(swept: Swept) -> Chart | None:
    """Draw the quality of every shape over the rows to learn from; None where all learnt from as many."""
    shapes = {size.shape: [other for other in swept.sizes if other.shape == size.shape] for size in swept.full}
    grown = [sizes for sizes in shapes.values() if len(sizes) > 1]
    if not grown:
        return None
    figure = draw(
        list(_lines_of_shapes(swept, grown)),
        x=_rows_axis(sorted({size.rows for sizes in grown for size in sizes})),
        y=quality_axis(swept, [size for sizes in grown for size in sizes]),
    )
    mark_best_possible(figure, swept)
    return Chart(
        key="quality-rows",
        title="Quality against rows",
        takeaway=_say_rows(swept, grown),
        figure=figure,
        columns=("shape", "rows", f"{swept.quality} [seeds]"),
        rows=tuple((size.name, f"{size.rows:,}", write_quality(size.quality)) for sizes in grown for size in sizes),
        note=f"A line is a shape{', the thick one the choice' if _has_choice(swept, grown) else ''}. {SPREAD_NOTE}",
    )


def _has_choice(swept: Swept, grown: Sequence[Sequence[Size]]) -> bool:
    return swept.chosen is not None and any(swept.chosen in sizes for sizes in grown)


def _rows_axis(counts: Sequence[int]) -> dict[str, object]:
    """Make a logarithmic axis; where there are few numbers of rows, with these at its ticks."""
    axis = log_axis("rows to learn from", counts)
    return axis if len(counts) > MOST_TICKS else {**axis, "tickvals": counts, "ticktext": [f"{n:,}" for n in counts]}


def _lines_of_shapes(swept: Swept, grown: Sequence[Sequence[Size]]) -> Iterator[go.Scatter]:
    shown: set[int] = set()
    for sizes in sorted(grown, key=lambda sizes: (sizes[0].shape.depth, sizes[0].shape.width)):
        place = swept.depths.index(sizes[0].shape.depth)
        (name,) = (name for at, name, _ in swept.by_depth(sizes) if at == place)
        is_choice = swept.chosen is not None and sizes[0].shape == swept.chosen.shape
        yield go.Scatter(
            x=[size.rows for size in sizes],
            y=[size.quality.mean for size in sizes],
            error_y=spread_bars(
                [size.quality.lowest for size in sizes], [size.quality.highest for size in sizes], sizes
            ),
            name=name,
            legendgroup=name,
            showlegend=place not in shown,
            mode="lines+markers",
            line={"color": colour(place), "width": 4 if is_choice else 1.5},
            marker={"symbol": symbol(place), "size": 9 if is_choice else 6},
            customdata=[label(f"{size.name}: {write_quality(size.quality)} from {size.rows:,} rows") for size in sizes],
            hovertemplate=HOVER,
        )
        shown.add(place)


def _say_rows(swept: Swept, grown: Sequence[Sequence[Size]]) -> Words:
    chosen = swept.chosen
    sizes = next((sizes for sizes in grown if chosen is not None and sizes[0].shape == chosen.shape), grown[-1])
    first, last = sizes[0], sizes[-1]
    gained = number(last.quality.mean - first.quality.mean, 4, signed=True)
    return say(
        "From {} to {} rows {} goes from {} to {} ({}).",
        f"{first.rows:,}", f"{last.rows:,}", first.name,
        write_quality(first.quality), write_quality(last.quality), gained,
    )  # fmt: skip
