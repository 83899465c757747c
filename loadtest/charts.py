"""All charts of the page, in their order."""

from loadtest.chart import Chart
from loadtest.load_charts import latency_against_rate, latency_distribution, time_split
from loadtest.results import Results
from loadtest.summary import Summary
from loadtest.sweep_charts import in_flight_latency, in_flight_throughput, rows_latency, rows_throughput
from loadtest.trace_charts import search_trials, training

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


def make_charts(results: Results, summary: Summary) -> tuple[Chart, ...]:
    """Make each chart that there are trials for."""
    made = (draw(results, summary) for draw in DRAWN)
    return tuple(chart for chart in made if chart is not None)
