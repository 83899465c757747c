"""What it costs a worker to refuse a request: its body has to be read, so that the connection can go on."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from loadtest.study.machine import on
from loadtest.target.server import Server, serve
from service.http.turn import FEW
from tests.bench.peers.bodies import Body
from tests.bench.peers.wrk import Load, drive

CROWD = 24
"""Connections, of which all but ``FEW`` are refused at once by a worker in which hardly a byte may wait."""
ROUNDS, SECONDS = 5, 2


def refusal_seconds(home: Path, route: str, body: Body, *, ours: int, driver: int) -> float:
    """Return the processor seconds of one refusal: what a crowd takes, less what those of it that are answered take.

    What an answer takes is measured by so few connections that none is refused, in interleaved rounds.
    """
    settings = {"ARCHSCALE_WORKERS": "1", "ARCHSCALE_MAX_WAITING_BYTES": "1"}
    with ExitStack() as stack:
        with on([ours]):
            server = stack.enter_context(serve(home, log=home / "refusals.log", **settings))
        found = []
        for _ in range(ROUNDS):
            few, seconds_of_few = _drive(server, route, body, connections=FEW, driver=driver)
            crowd, seconds = _drive(server, route, body, connections=CROWD, driver=driver)
            answered = crowd.requests - crowd.refused
            found.append((seconds - answered * seconds_of_few / few.requests) / crowd.refused)
    return float(np.median(found))


def _drive(server: Server, route: str, body: Body, *, connections: int, driver: int) -> tuple[Load, float]:
    """Return what the clients found, and the worker's processor seconds."""
    before = server.cpu_seconds()
    load = drive(
        server.url + route,
        body,
        seconds=SECONDS,
        processor=driver,
        connections=connections,
        may_refuse=connections > FEW,
    )
    return load, server.cpu_seconds() - before
