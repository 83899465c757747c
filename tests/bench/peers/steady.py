"""What many requests do to a worker's memory, and what a request costs with one worker and with two."""

import os

from loadtest.target.server import Server, serve_newest
from service.contract.routes import predict_route
from tests.bench.peers.bodies import Body
from tests.bench.peers.lines import CPU, STEADY_GROWTH, STEADY_MEMORY
from tests.bench.peers.rounds import BYTES_IN_MB, Bench
from tests.bench.peers.wrk import CONNECTIONS, drive

SETTLED = 20
"""Memory is compared with that after one request in so many."""


def compare_workers(bench: Bench, *, ours: int) -> None:
    """Take the processor time of a request with one worker and with two.

    The workers have all processors, and 16 connections each: a request is cheaper the more are answered in one turn of
    the event loop, and the same connections spread over more workers would make for shorter turns.
    """
    body = bench.body("json", 1)
    os.sched_setaffinity(0, {ours, bench.driver})
    for workers in (1, 2):
        with serve_newest(ARCHSCALE_WORKERS=str(workers)) as server:
            _ask(bench, server, body, connections=workers * CONNECTIONS)
            before = server.cpu_seconds()
            done = _ask(bench, server, body, connections=workers * CONNECTIONS)
            bench.figures[CPU.format(workers)].append((server.cpu_seconds() - before) / done * 1e6)
    os.sched_setaffinity(0, {ours})


def watch_memory(bench: Bench, *, requests: int) -> None:
    """Take the memory of a worker after so many requests, and what it was after the first of them."""
    body = bench.body("json", 1)
    with serve_newest(ARCHSCALE_WORKERS="1") as server:
        done, first = 0, 0
        while done < requests:
            done += _ask(bench, server, body, connections=CONNECTIONS)
            if not first and done >= requests / SETTLED:
                first = server.worker_memory_bytes()
        last = server.worker_memory_bytes()
    bench.figures[STEADY_MEMORY].append(last / BYTES_IN_MB)
    bench.figures[STEADY_GROWTH].append(last / first)


def _ask(bench: Bench, server: Server, body: Body, *, connections: int) -> int:
    """Return how many requests were answered in one load."""
    url = server.url + predict_route("small")
    return drive(url, body, seconds=bench.seconds, processor=bench.driver, connections=connections).requests
