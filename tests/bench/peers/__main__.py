"""Compare the service with its peers: one at a time on one processor, driven from another. Run: make bench-serving.

Rounds are interleaved: each starts every server once and drives each of its routes. A ratio is the geometric mean over
the rounds, with its 95 % interval.
"""

import argparse
import io
import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnxruntime
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from loadtest.record.errors import InputError, MeasurementError
from loadtest.record.intervals import median, paired_ratio
from loadtest.target.catalogue import read_catalogue, read_examples
from loadtest.target.server import Server, models_folder, serve_newest
from service.contract.card import ModelCard
from service.contract.files import NETWORK_FILE, entry_name
from service.contract.routes import JSON_MEDIA_TYPE, NPY_MEDIA_TYPE, predict_raw_route, predict_route
from tests.bench.peers.servers import Peer, Running, body_for, peers, python_of, start
from tests.bench.peers.wrk import CONNECTIONS, Load, drive

Figures = dict[str, list[float]]
"""Name of a figure -> its value in every round."""
OURS = "archscale"
STEADY_REQUESTS = 200_000
CPU = OURS + ": CPU us/request, {} worker(s)"
BYTES_IN_MB = 1e6


class Bench:
    """The figures so far, and how each is taken."""

    def __init__(self, *, seconds: int, ours: int, driver: int) -> None:
        self.seconds, self.ours, self.driver = seconds, ours, driver
        self.figures: Figures = defaultdict(list)
        with serve_newest(ARCHSCALE_WORKERS="1") as server:
            catalogue = read_catalogue(server.url)
            self.release, self.cards = catalogue.release, catalogue.cards
            rows = read_examples(server.url, "small").rows
        self.features, self.raw = rows.features, rows.raw

    def network(self, architecture: str) -> Path:
        """Return the graph that the peers serve."""
        return models_folder() / entry_name(architecture) / self.release / NETWORK_FILE

    def environment(self, architecture: str) -> dict[str, str]:
        """Return what a peer must know."""
        card: ModelCard = self.cards[architecture]
        shape = {"FEATURES": str(len(card.feature_names)), "DEPTH": str(card.depth), "WIDTH": str(card.width)}
        return {"NETWORK": str(self.network(architecture)), "OMP_NUM_THREADS": "1", **shape}

    def rows(self, count: int) -> list[list[float]]:
        """Examples, repeated to ``count`` rows."""
        return (self.features * (count // len(self.features) + 1))[:count]

    def npy(self, count: int) -> bytes:
        """Return the same as a float32 ``.npy`` file."""
        stream = io.BytesIO()
        np.save(stream, np.array(self.rows(count), np.float32))
        return stream.getvalue()

    def load(self, name: str, url: str, body: bytes, media_type: str = JSON_MEDIA_TYPE) -> Load:
        """Drive one route; keep its rate."""
        load = drive(url, body, media_type, seconds=self.seconds, processor=self.driver)
        self.figures[name].append(load.requests_per_second)
        return load

    def round_of_ours(self) -> None:
        """Every case of this service."""
        with serve_newest(ARCHSCALE_WORKERS="1") as server:
            self.figures[f"{OURS}: ready, s"].append(server.ready_seconds)
            small, large = (server.url + predict_route(name) for name in ("small", "large"))
            row = json.dumps({"features": self.rows(1)}).encode()
            load = self.load(f"{OURS}: 1 row", small, row)
            self.figures[f"{OURS}: p50, ms"].append(load.p50_ms)
            self.figures[f"{OURS}: p99, ms"].append(load.p99_ms)
            self.load(f"{OURS}: 1 row, large", large, row)
            raw = json.dumps({"raw": self.raw[:1]}).encode()
            self.load(f"{OURS}: 1 raw row", server.url + predict_raw_route("small"), raw)
            self.load(f"{OURS}: 64 rows", small, json.dumps({"features": self.rows(64)}).encode())
            self.load(f"{OURS}: 64 rows npy", small, self.npy(64), NPY_MEDIA_TYPE)
            self.figures[f"{OURS}: memory, MB"].append(server.worker_memory_bytes() / BYTES_IN_MB)
            self.load(f"{OURS}: 1024 rows npy, large", large, self.npy(1024), NPY_MEDIA_TYPE)
            self.load(f"{OURS}: 1024 rows, large", large, json.dumps({"features": self.rows(1024)}).encode())
            self.load(f"{OURS}: 1 row, after all others", small, row)
            self.figures[f"{OURS}: memory after 1024-row bodies, MB"].append(server.worker_memory_bytes() / BYTES_IN_MB)

    def round_of_peer(self, peer: Peer) -> None:
        """Every case of one peer."""
        row = body_for(peer, self.rows(1))
        with start(peer, self.environment("small"), row) as running:
            load = self.load(f"{peer.name}: 1 row", running.url, row)
            self.figures[f"{peer.name}: p50, ms"].append(load.p50_ms)
            self.figures[f"{peer.name}: p99, ms"].append(load.p99_ms)
            self._more_of_peer(peer, running)
            self.figures[f"{peer.name}: ready, s"].append(running.ready_seconds)
            self.figures[f"{peer.name}: memory, MB"].append(running.memory_bytes() / BYTES_IN_MB)
        if peer.name == "bare ASGI":
            with start(peer, self.environment("large"), row) as running:
                self.load(f"{peer.name}: 1 row, large", running.url, row)

    def _more_of_peer(self, peer: Peer, running: Running) -> None:
        if peer.name == "FastAPI":
            self.load("FastAPI: 64 rows", running.url, body_for(peer, self.rows(64)))
        if peer.name == "bare ASGI":
            base = running.url.removesuffix(peer.route)
            self.load("bare ASGI: 64 rows npy", f"{base}/npy", self.npy(64), NPY_MEDIA_TYPE)

    def round_in_process(self) -> None:
        """ONNX Runtime called directly, one thread, 1,024 rows of ``large``."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(self.network("large"), options, providers=["CPUExecutionProvider"])
        rows = np.array(self.rows(1024), np.float32)
        calls, began = 0, time.perf_counter()
        while time.perf_counter() - began < self.seconds:
            session.run(None, {"features": rows})
            calls += 1
        self.figures["in process: 1024 rows, large"].append(calls / (time.perf_counter() - began))

    def steady(self) -> None:
        """Memory over 200,000 requests, and processor time of a request with one and two workers.

        The workers have all processors, and 16 connections each: a request is cheaper the more are answered in one turn
        of the event loop, and the same connections spread over more workers would make for shorter turns.
        """
        os.sched_setaffinity(0, {self.ours, self.driver})
        row = json.dumps({"features": self.rows(1)}).encode()
        for workers in (1, 2):
            with serve_newest(ARCHSCALE_WORKERS=str(workers)) as server:
                self._load_steadily(server, row, workers, requests=STEADY_REQUESTS // 10)
                memory = server.worker_memory_bytes()
                spent = self._load_steadily(server, row, workers, requests=STEADY_REQUESTS)
                after = server.worker_memory_bytes()
            self.figures[CPU.format(workers)].append(spent)
            if workers == 1:
                self.figures[f"{OURS}: memory after {STEADY_REQUESTS:,} requests, MB"].append(after / BYTES_IN_MB)
                self.figures[f"{OURS}: memory after {STEADY_REQUESTS:,} requests / before"].append(after / memory)

    def _load_steadily(self, server: Server, body: bytes, workers: int, *, requests: int) -> float:
        """Return the server's microseconds of processor time for a request."""
        url, connections = server.url + predict_route("small"), workers * CONNECTIONS
        before, done = server.cpu_seconds(), 0
        while done < requests:
            done += drive(
                url, body, JSON_MEDIA_TYPE, seconds=2, processor=self.driver, connections=connections
            ).requests
        return (server.cpu_seconds() - before) / done * 1e6


RATIOS = (
    ("1 row vs FastAPI", f"{OURS}: 1 row", "FastAPI: 1 row", 2.4),
    ("1 row vs tutorial BentoML", f"{OURS}: 1 row", "tutorial BentoML: 1 row", 11.0),
    ("1 row vs LitServe", f"{OURS}: 1 row", "LitServe: 1 row", None),
    ("1 row vs MLServer", f"{OURS}: 1 row", "MLServer: 1 row", None),
    ("1 row vs bare ASGI", f"{OURS}: 1 row", "bare ASGI: 1 row", 0.8),
    ("1 row vs ASGI echo", f"{OURS}: 1 row", "ASGI echo: 1 row", None),
    ("1 row, large, vs bare ASGI", f"{OURS}: 1 row, large", "bare ASGI: 1 row, large", 0.8),
    ("1 raw row vs 1 row of features", f"{OURS}: 1 raw row", f"{OURS}: 1 row", 1.1),
    ("64 rows vs FastAPI", f"{OURS}: 64 rows", "FastAPI: 64 rows", 3.0),
    ("64 rows npy vs bare ASGI", f"{OURS}: 64 rows npy", "bare ASGI: 64 rows npy", 0.8),
    ("1,024 rows npy, large, vs in process", f"{OURS}: 1024 rows npy, large", "in process: 1024 rows, large", 0.7),
    ("p99 / p50 (at most)", f"{OURS}: p99, ms", f"{OURS}: p50, ms", 3.5),
    ("CPU a request, two workers vs one (at most)", CPU.format(2), CPU.format(1), 1.1),
)


def main() -> int:
    """Run the rounds; print the ratios and all figures, and write them as JSON."""
    given = _parse()
    ours, driver = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {ours})
    try:
        others = peers(python_of(".venv-peers"), python_of(".venv-mlserver"))
        bench = Bench(seconds=given.seconds, ours=ours, driver=driver)
        for _ in track(range(given.rounds), "rounds", console=Console(stderr=True)):
            bench.round_of_ours()
            for peer in others:
                bench.round_of_peer(peer)
            bench.round_in_process()
        bench.steady()
    except (InputError, MeasurementError) as error:
        print(error, file=sys.stderr)
        return 1
    _show(bench.figures)
    given.output.write_text(json.dumps(bench.figures, indent=2) + "\n")
    print(f"Figures of every round: {given.output}")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each load (4)")
    parser.add_argument("--output", type=Path, default=Path("results-peers.json"))
    return parser.parse_args()


def _show(figures: Figures) -> None:
    console = Console(highlight=False)
    ratios = Table(title="Ratios of requests/s [95 %]", title_justify="left")
    for heading in ("", "ratio", "bar"):
        ratios.add_column(heading, justify="right" if heading else "left")
    for label, above, below, bar in RATIOS:
        spread = paired_ratio(figures[above], figures[below])
        ratios.add_row(label, escape(str(spread)), "" if bar is None else f"{bar:g}")
    console.print(ratios)
    table = Table(title="Medians of the rounds (requests/s where nothing else is said)", title_justify="left")
    table.add_column("")
    table.add_column("median", justify="right")
    for name, values in sorted(figures.items()):
        table.add_row(name, f"{median(values):,.4g}" if median(values) < 1000 else f"{median(values):,.0f}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
