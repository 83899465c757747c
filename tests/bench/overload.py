"""Offer a worker more than it can do, and let thousands of slow clients sit beside it. Run: make bench-overload.

Open arrivals of 64 rows at shares of what 16 connections reach. Goodput is what is answered right in a second; the
latency of what was accepted counts from the instant at which it was due. The worker has one processor and the load
another.
"""

import json
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from loadtest.record.trials import Load
from loadtest.study.machine import on
from loadtest.study.trial import Bench
from loadtest.target.catalogue import read_examples
from loadtest.target.server import Server, link_models, serve
from service.contract.routes import predict_route
from service.settings import ServiceSettings
from tests.bench.bars import Bar, at_most, show_bars
from tests.bench.peers.bodies import as_json
from tests.bench.peers.wrk import drive
from tests.bench.refusal_cost import refusal_seconds
from tests.bench.slow_clients import Sitting, show_sitting, sit_beside

ARCHITECTURE, ROWS = "large", 64
SHARES = (0.8, 1.0, 2.0)
DEADLINE_MS = 250.0
SECONDS, WARM_UP_SECONDS = 6.0, 1.5
"""The queue is as long as it becomes after a deadline."""
WRK_SECONDS = 4
DEFAULT_WAITING = str(int(ServiceSettings.model_fields["max_waiting_bytes"].default))
SETTINGS = {
    "ARCHSCALE_WORKERS": "1",
    "ARCHSCALE_DEADLINE_MS": f"{DEADLINE_MS:.0f}",
    "ARCHSCALE_MAX_WAITING_BYTES": DEFAULT_WAITING,
}


@dataclass(frozen=True)
class Offered:
    """What became of one load. rates: requests/s; p99_ms: of what was accepted; cpu_seconds: of the worker, in all."""

    share: float
    offered: float
    goodput: float
    refused: float
    failed: int
    p99_ms: float
    generator: float
    """Of a processor, that the load generator took: near 1 it is the one that was late."""
    answered_in_all: int
    refused_in_all: int
    cpu_seconds: float
    memory_bytes: int


def offer(bench: Bench, server: Server, share: float, rate: float) -> Offered:
    """Offer a rate of arrivals. Raises MeasurementError."""
    load = Load(
        architecture=ARCHITECTURE,
        body="json",
        rows=ROWS,
        rate=rate,
        in_flight=None,
        arrivals="poisson",
        seconds=SECONDS,
        warm_up_seconds=WARM_UP_SECONDS,
        seed=1,
    )
    before = server.cpu_seconds()
    samples = bench.run(load, server.url, f"{share:g}")
    cpu_seconds = server.cpu_seconds() - before
    kept = samples.select(samples.scheduled >= samples.scheduled.min() + WARM_UP_SECONDS)
    right = kept.failure == 0
    refused = kept.status == HTTPStatus.SERVICE_UNAVAILABLE
    return Offered(
        share=share,
        offered=rate,
        goodput=right.sum() / SECONDS,
        refused=refused.sum() / SECONDS,
        failed=int((~right & ~refused).sum()),
        p99_ms=float(np.quantile(kept.latency_ms[right], 0.99)),
        generator=samples.generator_share,
        answered_in_all=int((samples.failure == 0).sum()),
        refused_in_all=int((samples.status == HTTPStatus.SERVICE_UNAVAILABLE).sum()),
        cpu_seconds=cpu_seconds,
        memory_bytes=server.worker_memory_bytes(),
    )


def bars_of(found: list[Offered], sitting: Sitting, refusal: float) -> list[Bar]:
    """Return what must be reached. refusal: processor seconds of one."""
    most = found[-1]
    share = most.goodput / max(load.goodput for load in found)
    return [
        Bar("goodput at 2 times the capacity, of its peak", ">= 0.85", f"{share:.2f}", share >= 0.85),
        at_most("p99 of the accepted, of the deadline", 1.1, most.p99_ms / DEADLINE_MS, ".2f"),
        at_most("core-seconds for 1,000 refusals", 0.05, 1000 * refusal, ".3f"),
        at_most("memory, of that at 0.8 of the capacity", 1.1, most.memory_bytes / found[0].memory_bytes, ".2f"),
        at_most("neither answered nor refused", 0, sum(load.failed for load in found)),
        Bar("requests/s beside slow clients, of those without", ">= 0.9", f"{sitting.rate:.2f}", sitting.rate >= 0.9),
        at_most("their p99, of that without", 1.5, sitting.p99, ".2f"),
        at_most("slow clients that were still there after their time", 0, sitting.left),
    ]


def show_offered(found: list[Offered]) -> Table:
    """Return a line for each load."""
    headings = ("offered", "requests/s", "right/s", "503/s", "else", "p99, ms", "generator", "CPU s", "MB")
    table = Table(*headings, title=f"{ROWS} rows of JSON, deadline {DEADLINE_MS:.0f} ms", title_justify="left")
    for load in found:
        rates = (load.offered, load.goodput, load.refused)
        cells = [f"{rate:,.0f}" for rate in rates] + [str(load.failed), f"{load.p99_ms:.0f}", f"{load.generator:.0%}"]
        table.add_row(f"{load.share:g} x", *cells, f"{load.cpu_seconds:.1f}", f"{load.memory_bytes / 1e6:.0f}")
    return table


def main() -> None:
    """Take all figures; print them as tables and as a line of JSON. Exit code 1: a bar is missed."""
    ours, driver = sorted(os.sched_getaffinity(0))[:2]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="archscale-overload-")))
        link_models(folder / "home")
        with on([ours]):
            server = stack.enter_context(serve(folder / "home", log=folder / "serve.log", **SETTINGS))
        features = read_examples(server.url, ARCHITECTURE).rows.features
        url = server.url + predict_route(ARCHITECTURE)
        many = [features[place % len(features)] for place in range(ROWS)]
        capacity = drive(url, as_json(many), seconds=WRK_SECONDS, processor=driver).requests_per_second
        bench = Bench(server.url, None, folder, DEADLINE_MS, [driver], 1)
        found = [offer(bench, server, share, share * capacity) for share in SHARES]
        sitting = sit_beside(server, as_json(features[:1]), driver)
        route = predict_route(ARCHITECTURE)
        refusal = refusal_seconds(folder / "home", route, as_json(many), ours=ours, driver=driver)
    console = Console(highlight=False, width=130)
    console.print(show_offered(found))
    console.print(show_sitting(sitting))
    code = show_bars("", bars_of(found, sitting, refusal), [])
    print(json.dumps({"capacity": capacity, "offered": [asdict(load) for load in found], "sitting": asdict(sitting)}))
    sys.exit(code)


if __name__ == "__main__":
    main()
