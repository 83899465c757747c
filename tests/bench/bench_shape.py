"""What each part of the process shape does to throughput and tail. Run: make bench-shape.

Interleaved rounds of one-row JSON over 16 connections; in each, every variant is started once on one processor and
driven from another. Ratios to the service as it is: geometric mean over the rounds, with the 95 % interval.
"""

import json
import os
import tempfile
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtest.record.intervals import median, paired_ratio
from loadtest.target.catalogue import read_examples
from loadtest.target.server import link_models, serve, serve_newest
from service.contract.routes import predict_route
from tests.bench.peers.bodies import as_json
from tests.bench.peers.servers import Peer, start
from tests.bench.peers.wrk import drive

ROUNDS = 5
SECONDS = 2
VARIANTS: dict[str, dict[str, str]] = {
    "as it is": {"SHAPE": ""},
    "without turn batching": {"SHAPE": "", "ARCHSCALE_TURN_BATCHING": "off"},
    "ASGI for the protocol": {"SHAPE": "protocol"},
    "ASGI, and h11 for httptools": {"SHAPE": "protocol and httptools"},
    "without uvloop": {"SHAPE": "uvloop"},
    "without the frozen heap": {"SHAPE": "frozen heap"},
    "two workers on the one processor": {"SHAPE": "", "ARCHSCALE_WORKERS": "2"},
    "two threads on the one processor": {"SHAPE": "", "ARCHSCALE_THREADS": "2"},
}
Figures = dict[str, dict[str, list[float]]]


def main() -> None:
    """Take all figures; print them as a table and as a line of JSON."""
    ours, driver = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {ours})
    figures: Figures = {name: defaultdict(list) for name in VARIANTS}
    for _ in range(ROUNDS):
        for name, settings in VARIANTS.items():
            _measure(figures[name], {"ARCHSCALE_WORKERS": "1", **settings}, driver)
    _show(figures)
    at_once = _drive_at_once(driver)
    from tests.bench.stack import tell_stack  # makes metrics in this process, of which no server may hear

    print(tell_stack("small", at_once, median(figures["as it is"]["requests/s"])))
    print(json.dumps(figures))


def _measure(figures: dict[str, list[float]], settings: dict[str, str], driver: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        link_models(home)
        with serve(home, "tests.bench.shapes:Shaped", log=Path(folder) / "log", **settings) as server:
            features = read_examples(server.url, "small").rows.features[:1]
            body = as_json(features)
            url = server.url + predict_route("small")
            load = drive(url, body, seconds=SECONDS, processor=driver)
    for name, value in (("requests/s", load.requests_per_second), ("p50", load.p50_ms), ("p99", load.p99_ms)):
        figures[name].append(value)


def _drive_at_once(driver: int) -> float:
    """Return requests/s of a protocol that parses a request of one row and answers it at once."""
    peer = Peer("uvloop and httptools", ("-m", "tests.bench.peers.at_once", "{port}"), ".venv")
    with serve_newest(ARCHSCALE_WORKERS="1") as server:
        body = as_json(read_examples(server.url, "small").rows.features[:1])
    with start(peer, {}, "/", body) as running:
        rates = [drive(running.url, body, seconds=SECONDS, processor=driver).requests_per_second for _ in range(ROUNDS)]
    return median(rates)


def _show(figures: Figures) -> None:
    columns = ("requests/s", "p50", "p99")
    table = Table(title="One-row JSON, 16 connections: medians, and ratios to the first [95 %]", title_justify="left")
    for heading in ("", "requests/s", "ratio", "p50, ms", "ratio", "p99, ms", "ratio"):
        table.add_column(heading, justify="right" if heading else "left")
    basis = figures["as it is"]
    for name, found in figures.items():
        cells = [
            cell
            for column in columns
            for cell in (f"{median(found[column]):,.4g}", escape(str(paired_ratio(found[column], basis[column]))))
        ]
        table.add_row(name, *cells)
    Console(highlight=False, width=150).print(table)


if __name__ == "__main__":
    main()
