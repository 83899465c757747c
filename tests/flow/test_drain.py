"""How a service ends: whoever is answered is answered, load balancers are told first, and it does end."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from sys import executable

import psutil
import pytest

from loadtest.target.server import Server, free_port, serve
from tests.commands import ROOT
from tests.flow.steady import Connection, Tally, fetch, keep_asking, question, read_examples, run, until
from tests.patience import PATIENCE_SECONDS

CLIENTS = 16
BEFORE = 300
"""Answers before the service is told to end."""
PROBES = ("/readyz", "/v2/health/ready")
FOR_EVER = "3600"
FAST = {"ARCHSCALE_WORKERS": "1"}

pytestmark = pytest.mark.slow


async def probe(server: Server, target: str, statuses: list[int]) -> None:
    """Look again and again, as a load balancer does, until nobody listens."""
    while True:
        try:
            async with await Connection.to(server) as connection:
                statuses.append((await connection.ask(fetch(target))).status)
        except (OSError, asyncio.IncompleteReadError):
            return
        await asyncio.sleep(0.02)


def wait_for_the_end(process: psutil.Process) -> None:
    process.wait(PATIENCE_SECONDS)


def test_a_drain_loses_nothing_and_load_balancers_are_told_first(store: Callable[[], Path], tmp_path: Path) -> None:
    settings = {"ARCHSCALE_WORKERS": "2", "ARCHSCALE_DRAIN_SECONDS": "1"}
    with serve(store(), log=tmp_path / "serve.log", **settings) as server:
        asked = question(read_examples(server), 1)
        tally = Tally()
        probed: dict[str, list[int]] = {target: [] for target in PROBES}
        answered_meanwhile: list[int] = []

        async def scene() -> None:
            clients = [asyncio.create_task(keep_asking(server, asked, tally, lambda: False)) for _ in range(CLIENTS)]
            probes = [asyncio.create_task(probe(server, target, seen)) for target, seen in probed.items()]
            await until(lambda: tally.statuses[200] >= BEFORE and all(probed.values()))
            server.process.send_signal(signal.SIGTERM)
            await until(lambda: all(seen[-1] == 503 for seen in probed.values()))
            before = tally.statuses[200]
            await asyncio.gather(*clients, *probes)
            answered_meanwhile.append(tally.statuses[200] - before)

        run(scene())
        assert (tally.lost, tally.wrong, set(tally.statuses)) == ([], [], {200})
        assert tally.told_to_close >= CLIENTS
        assert answered_meanwhile[0] > CLIENTS
        for seen in probed.values():
            assert seen == sorted(seen)  # 200, then 503, and never ready again
            assert set(seen) == {200, 503}
        wait_for_the_end(server.process)


def test_nobody_keeps_a_service_alive(store: Callable[[], Path], tmp_path: Path) -> None:
    settings = {**FAST, "ARCHSCALE_DRAIN_SECONDS": "0.2", "ARCHSCALE_BODY_SECONDS": "2"}
    with serve(store(), log=tmp_path / "serve.log", **settings) as server:
        asked = question(read_examples(server), 1)

        async def scene() -> None:
            async with await Connection.to(server) as idle, await Connection.to(server) as half:
                assert (await idle.ask(asked.data)).status == 200
                await half.send(asked.data[:-1])
                server.process.send_signal(signal.SIGTERM)
                assert await idle.rest() == b""
                refusal = await half.read()
                assert (refusal.status, refusal.closes) == (408, True)
                assert await half.rest() == b""

        run(scene())
        wait_for_the_end(server.process)


@pytest.mark.parametrize(
    ("number", "drain"), [(signal.SIGINT, FOR_EVER), (signal.SIGTERM, "0")], ids=["SIGINT", "no drain"]
)
def test_it_ends_without_a_drain(store: Callable[[], Path], tmp_path: Path, number: signal.Signals, drain: str) -> None:
    with serve(store(), log=tmp_path / "serve.log", **FAST, ARCHSCALE_DRAIN_SECONDS=drain) as server:
        asked = question(read_examples(server), 1)

        async def scene() -> None:
            async with await Connection.to(server) as connection:
                await connection.send(asked.data[:-1])
                server.process.send_signal(number)
                await connection.send(asked.data[-1:])
                assert asked.is_right(await connection.read())

        run(scene())
        wait_for_the_end(server.process)
        assert "Traceback" not in server.log.read_text()


def test_a_second_signal_ends_a_drain(store: Callable[[], Path], tmp_path: Path) -> None:
    with serve(store(), log=tmp_path / "serve.log", **FAST, ARCHSCALE_DRAIN_SECONDS=FOR_EVER) as server:
        workers = server.workers

        async def scene() -> None:
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGTERM)  # within a second: some send each signal twice
            seen: list[int] = []
            probing = asyncio.create_task(probe(server, "/readyz", seen))
            await until(lambda: 503 in seen)
            while not probing.done():
                server.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.2)

        run(scene())
        wait_for_the_end(server.process)
        assert not any(worker.is_running() for worker in workers)


@contextmanager
def starting(home: Path, log: Path) -> Iterator[psutil.Popen]:
    """`bentoml serve`, which nobody waits for."""
    command = [executable, "-m", "bentoml", "serve", "--host", "127.0.0.1", "--port", str(free_port())]
    environment = {**os.environ, "BENTOML_HOME": str(home), "ARCHSCALE_WORKERS": "2"}
    with log.open("wb") as output:
        process = psutil.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()


@pytest.mark.parametrize("children", [0, 1, 2], ids=["before its workers", "with one worker", "with two workers"])
def test_a_service_that_starts_can_be_ended(store: Callable[[], Path], tmp_path: Path, children: int) -> None:
    with starting(store(), tmp_path / "serve.log") as process:
        run(until(lambda: len(process.children()) >= children and len(process.memory_maps()) > 20))
        workers = process.children()
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)
        assert psutil.wait_procs(workers, PATIENCE_SECONDS)[1] == []
