"""Workers that die, hang or are stopped: the others answer, new ones come, and metrics stay right."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from loadtest.target.server import Server, serve
from tests.bench.trouble import find_workers
from tests.commands import bentoml as run_bentoml
from tests.flow.steady import Connection, Tally, keep_asking, question, read_examples, run, until
from tests.patience import get

CLIENTS = 8
BEFORE = 200
"""Answers before a worker is killed, and by the others while it is away."""
SPINNING = Path(__file__).parent / "spinning"

pytestmark = pytest.mark.slow


def metric(server: Server, name: str) -> float:
    """Sum of all samples of a name."""
    families = text_string_to_metric_families(get(f"{server.url}/metrics").text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)


@pytest.fixture(scope="module")
def pair(store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers that may hang for a second. SIGUSR1 makes one spin (``spinning/sitecustomize.py``)."""
    log = tmp_path_factory.mktemp("log") / "serve.log"
    settings = {"ARCHSCALE_WORKERS": "2", "ARCHSCALE_HANG_SECONDS": "1", "PYTHONPATH": str(SPINNING)}
    with serve(store(), log=log, **settings) as server:
        run(find_workers(server, 2))
        yield server


async def until_replaced(server: Server, dead: psutil.Process) -> None:
    """Wait until a worker has ended, and two answer."""
    await until(lambda: not dead.is_running() or dead.status() == psutil.STATUS_ZOMBIE)
    await find_workers(server, 2)


def test_a_killed_worker_costs_what_it_had_and_no_more(pair: Server) -> None:
    asked = question(read_examples(pair), 1)
    tally = Tally()
    enough = asyncio.Event()
    before = metric(pair, "archscale_requests_total")

    async def scene() -> None:
        clients = [asyncio.create_task(keep_asking(pair, asked, tally, enough.is_set)) for _ in range(CLIENTS)]
        await until(lambda: tally.statuses[200] >= BEFORE)
        dead = pair.workers[0]
        dead.kill()
        answered = tally.statuses[200]
        await until(lambda: tally.statuses[200] >= answered + BEFORE)  # by the other, or it would wait for ever
        await until_replaced(pair, dead)
        enough.set()
        await asyncio.gather(*clients)
        assert dead.pid not in [worker.pid for worker in pair.workers]

    run(scene())
    assert (tally.wrong, set(tally.statuses)) == ([], {200})
    assert len(tally.lost) <= CLIENTS  # one request each, of those that it had
    counted = metric(pair, "archscale_requests_total") - before
    assert 0 <= counted - tally.statuses[200] <= len(tally.lost)  # counted, but the answer came no more


def test_what_a_dead_worker_had_open_is_open_no_more(pair: Server) -> None:
    async def scene() -> None:
        connections = [await Connection.to(pair) for _ in range(20)]
        await asyncio.to_thread(wait_for_connections, pair, 20)
        dead = max(pair.workers, key=lambda worker: int(worker.num_fds()))
        dead.kill()
        await until_replaced(pair, dead)
        for connection in connections:
            connection.writer.close()

    run(scene())
    run(until(lambda: metric(pair, "archscale_connections") <= 1))  # this question's own


def wait_for_connections(server: Server, least: int) -> None:
    while metric(server, "archscale_connections") < least:
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGSTOP, "has been stopped for"), (signal.SIGUSR1, "in spin_for_ever")],
    ids=["stopped", "spins"],
)
def test_a_worker_that_stands_still_is_replaced_and_the_log_says_so(
    pair: Server, number: signal.Signals, words: str
) -> None:
    asked = question(read_examples(pair), 1)
    tally = Tally()

    async def scene() -> None:
        await find_workers(pair, 2)
        still = pair.workers[0]
        still.send_signal(number)
        await until_replaced(pair, still)
        await keep_asking(pair, asked, tally, lambda: tally.statuses[200] >= BEFORE)

    run(scene())
    assert (tally.lost, tally.wrong) == ([], [])
    assert words in pair.log.read_text()


def test_two_services_on_one_home_keep_their_own_metrics(store: Callable[[], Path], tmp_path: Path) -> None:
    home = store()
    with serve(home, log=tmp_path / "first.log", ARCHSCALE_WORKERS="1") as first:
        asked = question(read_examples(first), 1)

        def ask(server: Server, times: int) -> None:
            tally = Tally()
            run(keep_asking(server, asked, tally, lambda: tally.statuses[200] == times))

        ask(first, 3)
        with serve(home, log=tmp_path / "second.log", ARCHSCALE_WORKERS="1") as second:
            ask(second, 5)
            assert [metric(server, "archscale_requests_total") for server in (first, second)] == [3, 5]
        ask(first, 4)
        assert metric(first, "archscale_requests_total") == 7
    assert [path.name for path in (home / "archscale-metrics").iterdir()] == ["lock"]


def test_a_folder_of_metrics_that_cant_be_made_is_named_in_one_line(store: Callable[[], Path]) -> None:
    home = store()
    (home / "archscale-metrics").touch()
    ended = run_bentoml("serve", "--host", "127.0.0.1", "--port", "0", home=home)
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert f"{home}{os.sep}archscale-metrics must be a folder" in line
