"""A round: every server is started once and driven with each of its loads, and its figures are kept."""

import time
from collections import defaultdict
from typing import Any

import numpy as np
import onnxruntime

from loadtest.target.catalogue import read_catalogue, read_examples
from loadtest.target.server import models_folder, serve_newest
from service.contract.files import NETWORK_FILE, entry_name
from service.contract.routes import predict_raw_route, predict_route
from tests.bench.peers.bodies import Body, as_json, as_npy, as_raw, as_v2, as_v2_binary
from tests.bench.peers.lines import IN_PROCESS, MEMORY, OURS, P50, P99, RATE, READY, Case, Figure, Form
from tests.bench.peers.servers import PEERS, V2_ROUTE, Peer, start
from tests.bench.peers.wrk import drive

Figures = dict[str, list[float]]
"""Name of a figure -> its value in every round."""
BYTES_IN_MB = 1e6
WRITERS = {"json": as_json, "raw": as_raw, "npy": as_npy, "v2": as_v2, "v2 binary": as_v2_binary}
ROUTES: dict[Form, str] = {"json": "/predict", "npy": "/npy", "v2": V2_ROUTE, "v2 binary": V2_ROUTE}
"""Of the peers."""


def our_route(case: Case) -> str:
    """Return where this service answers a load."""
    if case.form in ("v2", "v2 binary"):
        return f"/v2/models/{case.architecture}/infer"
    return predict_raw_route(case.architecture) if case.form == "raw" else predict_route(case.architecture)


class Bench:
    """The figures so far, and how each is taken. driver: the processor of the client."""

    def __init__(self, *, seconds: int, driver: int) -> None:
        self.seconds, self.driver = seconds, driver
        self.figures: Figures = defaultdict(list)
        with serve_newest(ARCHSCALE_WORKERS="1") as server:
            catalogue = read_catalogue(server.url)
            self._release, self._cards = catalogue.release, catalogue.cards
            rows = read_examples(server.url, "small").rows
        self._features, self._raw = rows.features, rows.raw

    def body(self, form: Form, rows: int) -> Body:
        """Examples, repeated to ``rows`` rows."""
        examples: Any = self._raw if form == "raw" else self._features
        return WRITERS[form]((examples * (rows // len(examples) + 1))[:rows])

    def keep(self, of: Case | str, measure: str, value: float) -> None:
        """Keep a figure."""
        self.figures[Figure(of, measure).name].append(value)

    def round(self, cases: list[Case]) -> None:
        """Take every case once."""
        self._drive_ours([case for case in cases if case.server == OURS])
        for peer in PEERS:
            for architecture in ("small", "large"):
                self._drive_peer(peer, [c for c in cases if (c.server, c.architecture) == (peer.name, architecture)])
        for case in cases:
            if case.server == IN_PROCESS:
                self._run_in_process(case)

    def _drive_ours(self, cases: list[Case]) -> None:
        with serve_newest(ARCHSCALE_WORKERS="1") as server:
            self.keep(OURS, READY, server.ready_seconds)
            for case in cases:
                self._drive(server.url + our_route(case), case)
            self.keep(OURS, MEMORY, server.worker_memory_bytes() / BYTES_IN_MB)

    def _drive_peer(self, peer: Peer, cases: list[Case]) -> None:
        if not cases:
            return
        form = cases[0].form
        with start(peer, self._environment(cases[0].architecture), ROUTES[form], self.body(form, 1)) as running:
            self.keep(peer.name, READY, running.ready_seconds)
            for case in cases:
                self._drive(running.url + ROUTES[case.form], case)
            self.keep(peer.name, MEMORY, running.memory_bytes() / BYTES_IN_MB)

    def _drive(self, url: str, case: Case) -> None:
        body = self.body(case.form, case.rows)
        load = drive(url, body, seconds=self.seconds, processor=self.driver, connections=case.connections)
        for measure, value in ((RATE, load.requests_per_second), (P50, load.p50_ms), (P99, load.p99_ms)):
            self.keep(case, measure, value)

    def _run_in_process(self, case: Case) -> None:
        """Call ONNX Runtime directly, on one thread."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        network = self._network(case.architecture)
        session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        rows = np.resize(np.array(self._features, np.float32), (case.rows, len(self._features[0])))
        calls, began = 0, time.perf_counter()
        while time.perf_counter() - began < self.seconds:
            session.run(None, {"features": rows})
            calls += 1
        self.keep(case, RATE, calls / (time.perf_counter() - began))

    def _network(self, architecture: str) -> str:
        """Return the graph that the peers serve."""
        return str(models_folder() / entry_name(architecture) / self._release / NETWORK_FILE)

    def _environment(self, architecture: str) -> dict[str, str]:
        """Return what a peer must know."""
        card = self._cards[architecture]
        shape = {"FEATURES": str(len(card.feature_names)), "DEPTH": str(card.depth), "WIDTH": str(card.width)}
        return {"NETWORK": self._network(architecture), "OMP_NUM_THREADS": "1", **shape}
