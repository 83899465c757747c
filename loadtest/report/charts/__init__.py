"""The page's charts, drawn by plotly, in their order."""

from loadtest.analysis.summary import StudySummary
from loadtest.record.results import Results
from loadtest.report.charts.base import Chart
from loadtest.report.charts.history import search_trials, training
from loadtest.report.charts.open_arrivals import latency_against_rate, latency_distribution, time_split
from loadtest.report.charts.sweeps import in_flight_latency, in_flight_throughput, rows_latency, rows_throughput

DRAWN = (
    latency_against_rate,
    latency_distribution,
    time_split,
    rows_throughput,
    rows_latency,
    in_flight_throughput,
    in_flight_latency,
    training,
    search_trials,
)


def make_charts(results: Results, summary: StudySummary) -> tuple[Chart, ...]:
    """Make each chart that there are trials for."""
    made = (draw(results, summary) for draw in DRAWN)
    return tuple(chart for chart in made if chart is not None)
