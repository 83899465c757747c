"""The page of a sweep: the report's look and charts."""

from loadtest.report.curve.charts import make_curve_charts
from loadtest.report.curve.document import CurveDocument
from loadtest.report.curve.swept import sort_sweep
from loadtest.report.page import render
from service.contract.curve import Curve


def write_curve_page(document: CurveDocument, curve: Curve) -> str:
    """Return the page."""
    return render(
        "curve.html.j2",
        make_curve_charts(sort_sweep(curve)),
        title=document.title,
        footer=document.footer,
        document=document,
        colours={},
    )
