"""More than can be done in time, and clients that are slow or many: the refused are told, all others are right."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from loadtest.target.server import Server, serve
from service.contract.card import Examples
from tests.flow.steady import Connection, Question, Reply, Tally, fetch, keep_asking, post, question, read_examples, run
from tests.patience import get

ADDRESS, OTHER_ADDRESS = "127.0.0.1", "127.0.0.2"
MOST, MOST_OF_AN_ADDRESS = 60, 50
LIMITS = {
    "ARCHSCALE_WORKERS": "1",
    "ARCHSCALE_DEADLINE_MS": "20",
    "ARCHSCALE_HEAD_SECONDS": "1",
    "ARCHSCALE_BODY_SECONDS": "1",
    "ARCHSCALE_KEEP_ALIVE_SECONDS": "2",
    "ARCHSCALE_MAX_CONNECTIONS": str(MOST),
    "ARCHSCALE_MAX_CONNECTIONS_PER_ADDRESS": str(MOST_OF_AN_ADDRESS),
}
MANY_ROWS = 4096
SLOW_CLIENTS = 10
SECONDS_BETWEEN_BYTES = 0.2

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def strict(store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that has little patience."""
    with serve(store(), log=tmp_path_factory.mktemp("log") / "serve.log", **LIMITS) as server:
        yield server


def many_rows(examples: Examples) -> Question:
    """Ask for the predictions of so many raw rows that they take some fifty milliseconds."""
    places = [place % len(examples.raw) for place in range(MANY_ROWS)]
    body = json.dumps({"raw": [examples.raw[place] for place in places]}).encode()
    return Question(post("/predict/small/raw", body), [examples.prediction[place] for place in places])  # type: ignore[misc]


def ended(metrics: str) -> Counter[str]:
    """Connections that a limit ended, by its setting."""
    families = text_string_to_metric_families(metrics)
    samples = [sample for family in families for sample in family.samples]
    name = "archscale_connections_ended_total"
    return Counter({sample.labels["limit"]: int(sample.value) for sample in samples if sample.name == name})


def read_metrics(server: Server) -> str:
    """Return the metrics, as soon as there is room for a connection."""
    while (answer := get(f"{server.url}/metrics")).status_code == 503:
        pass
    return answer.text


def test_what_cant_be_done_in_time_is_refused_and_the_rest_is_right(strict: Server) -> None:
    examples = read_examples(strict)
    tally = Tally()
    refused: list[Reply] = []

    def enough() -> bool:
        return tally.statuses[200] >= 200 and tally.statuses[503] >= 50

    async def keep_looking() -> None:
        """Read what a refusal says."""
        asked = question(examples, 64)
        async with await Connection.to(strict) as connection:
            while not (enough() and refused):
                reply = await connection.ask(asked.data)
                refused.extend([reply] * (reply.status == 503))

    async def scene() -> None:
        kinds = [question(examples, 64)] * 32 + [many_rows(examples)] * 8
        await asyncio.gather(keep_looking(), *(keep_asking(strict, asked, tally, enough) for asked in kinds))

    run(scene())
    assert (tally.lost, tally.wrong, tally.told_to_close) == ([], [], 0)
    assert set(tally.statuses) == {200, 503}
    for reply in refused:
        assert int(reply.headers["retry-after"]) >= 1
        assert json.loads(reply.body)["rule"] == "deadline"


def test_long_bodies_do_not_starve_short_ones_nor_they_them(service: Server) -> None:
    examples = read_examples(service)
    short, long = Tally(), Tally()

    def enough() -> bool:
        return short.statuses[200] >= 100 and long.statuses[200] >= 16

    async def scene() -> None:
        streams = [keep_asking(service, many_rows(examples), long, enough) for _ in range(8)]
        await asyncio.gather(keep_asking(service, question(examples, 1), short, enough), *streams)

    run(scene())
    for tally in (short, long):
        assert (tally.lost, tally.wrong, set(tally.statuses)) == ([], [], {200})


async def is_taken(connection: Connection) -> bool:
    """Whether a new connection may be used; if not, that is said and it ends."""
    try:
        reply = await connection.ask(fetch("/livez"))
    except ConnectionError:  # it had ended before the question was sent
        reply = await connection.read()
    if reply.status == 503:
        assert reply.closes
        assert json.loads(reply.body)["rule"] == "connections"
        assert await connection.rest() == b""
    return reply.status == 200


def test_connections_are_bounded_in_all_and_for_each_address(strict: Server) -> None:
    async def scene() -> None:
        before = ended(read_metrics(strict))
        connections = []

        async def take(address: str, wanted: int) -> None:
            taken = 0
            while taken < wanted:  # others may not have ended yet
                connection = await Connection.to(strict, address)
                if await is_taken(connection):
                    connections.append(connection)
                    taken += 1
                else:
                    connection.writer.close()

        await take(ADDRESS, MOST_OF_AN_ADDRESS)
        async with await Connection.to(strict) as connection:
            assert not await is_taken(connection)
        await take(OTHER_ADDRESS, MOST - MOST_OF_AN_ADDRESS)
        async with await Connection.to(strict, OTHER_ADDRESS) as connection:
            assert not await is_taken(connection)
        connections.pop().writer.close()
        await take(OTHER_ADDRESS, 1)
        metrics = await connections[0].ask(fetch("/metrics"))
        for connection in connections:
            connection.writer.close()
        after = ended(metrics.body.decode()) - before
        assert after["max_connections"] >= 1
        assert after["max_connections_per_address"] >= 1

    run(scene())


async def dawdle(server: Server, beginning: bytes) -> tuple[int, bool]:
    """Send a request byte by byte: return what is answered, and whether the connection ends with it."""
    async with await Connection.to(server, OTHER_ADDRESS) as connection:
        await connection.send(beginning)
        reading = asyncio.create_task(connection.read())
        while not reading.done():
            await connection.send(b"1")
            await asyncio.wait([reading], timeout=SECONDS_BETWEEN_BYTES)
        reply = await reading
        return reply.status, reply.closes


def test_slow_clients_are_ended_and_others_are_answered_meanwhile(strict: Server) -> None:
    asked = question(read_examples(strict), 1)
    head, _, _ = asked.data.partition(b"\r\n\r\n")
    slow = [head + b"\r\nX-Long: "] * SLOW_CLIENTS + [head + b'\r\n\r\n{"features": [[1'] * SLOW_CLIENTS
    tally = Tally()
    before = ended(read_metrics(strict))

    async def scene() -> None:
        async with await Connection.to(strict, OTHER_ADDRESS) as idle:
            slowly = asyncio.gather(*(dawdle(strict, beginning) for beginning in slow))
            await keep_asking(strict, asked, tally, slowly.done)
            assert await slowly == [(408, True)] * 2 * SLOW_CLIENTS
            assert await idle.rest() == b""

    run(scene())
    assert (tally.lost, tally.wrong, set(tally.statuses)) == ([], [], {200})
    after = ended(read_metrics(strict)) - before
    assert (after["head_seconds"], after["body_seconds"]) == (SLOW_CLIENTS, SLOW_CLIENTS)
    assert after["keep_alive_seconds"] >= 1
