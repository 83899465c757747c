"""Whether the load test measures right, and what it costs. Run: make bench-loadtest. Needs two processors and Linux.

Servers with known laws are loaded as any service is: their latencies must be found, and a capacity. Then a server that
answers at once: how many arrivals/s one processor can offer on time, and what a request costs there.
"""

import json
import tempfile
from pathlib import Path

from rich.console import Console

from loadtest.record.intervals import median
from loadtest.study.machine import available
from tests.bench.capacity_search import search_capacity, tell_search
from tests.bench.known import serve_known
from tests.bench.law_trials import measure_laws, show_laws
from tests.bench.own_cost import (
    compare_clients,
    offer_arrivals,
    show_arrivals,
    tell_clients,
    tell_timers,
    time_timers,
)


def main() -> None:
    """Measure all, print tables and sentences, and all figures as a line of JSON."""
    served, generator = available()[:2]
    console = Console(highlight=False, width=150)
    with tempfile.TemporaryDirectory() as folder, serve_known(served) as host:
        runs = measure_laws(host, Path(folder), generator)
        table, sentences = show_laws(runs)
        console.print(table, *sentences, sep="\n")
        searched = search_capacity(host, Path(folder))
        console.print(tell_search(searched))
        offered = offer_arrivals(host, Path(folder), generator)
        console.print(show_arrivals(offered))
        ours, theirs = compare_clients(host, generator)
        console.print(tell_clients(ours, theirs))
    late = time_timers(generator)
    console.print(tell_timers(late))
    found = {
        "laws": {run.line.name: [list(repeat.quantiles_ms) for repeat in run.repeats] for run in runs},
        "capacities": [capacity.rate for capacity in searched.capacities],
        "late p99, ms": {
            f"{rate:g} x {rows}": median([offer.lateness_ms[1] for offer in rounds])
            for (rate, rows), rounds in offered.items()
        },
        "us": {"ours": ours, "FastHttpUser's": theirs},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
