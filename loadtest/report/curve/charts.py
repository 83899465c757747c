"""The charts of a sweep, in their order. A colour is a depth; a line goes through its widths, or through the rows."""

from loadtest.report.charts.base import Chart
from loadtest.report.curve.costs import draw_costs
from loadtest.report.curve.fronts import draw_fronts
from loadtest.report.curve.quality import quality_against_rows, quality_against_weights
from loadtest.report.curve.swept import Swept


def make_curve_charts(swept: Swept) -> tuple[Chart, ...]:
    """Make each chart that there are points for."""
    if not swept.sizes:
        return ()
    rows = quality_against_rows(swept)
    return (
        quality_against_weights(swept),
        *([] if rows is None else [rows]),
        *draw_fronts(swept),
        *draw_costs(swept),
    )
