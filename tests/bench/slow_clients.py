"""Clients that send one byte now and then, or nothing, beside one that asks as fast as it can."""

import asyncio
import os
import resource
import time
from dataclasses import dataclass, field

from rich.table import Table

from loadtest.record.intervals import median
from loadtest.target.server import Server
from service.contract.routes import predict_route
from tests.bench.peers.bodies import Body
from tests.bench.peers.wrk import Load, drive
from tests.flow.steady import Connection

SLOW_HEADS, SLOW_BODIES, IDLE = 500, 500, 2000
SECONDS_BETWEEN_BYTES = 2.0
LIMIT_SECONDS = 10.0
"""ARCHSCALE_HEAD_SECONDS and ARCHSCALE_BODY_SECONDS, by default."""
GRACE_SECONDS = 3.0
"""The worker looks every half second, and lets a client read its refusal for one."""
ROUNDS, WRK_SECONDS = 3, 3
HEAD = b"POST /predict/small HTTP/1.1\r\nHost: x\r\n"
BEGINNINGS = (HEAD + b"X-Long: ",) * SLOW_HEADS + (HEAD + b"Content-Length: 5000\r\n\r\n",) * SLOW_BODIES


@dataclass
class Slow:
    """What became of the slow ones. ended: seconds until each was."""

    open: int = 0
    ended: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Sitting:
    """Loads without and beside slow clients. rate, p99: medians of the ratios; left: who was there too long."""

    without: list[Load]
    beside: list[Load]
    rate: float
    p99: float
    slowest_end_seconds: float
    left: int


def sit_beside(server: Server, body: Body, processor: int) -> Sitting:
    """Ask with one row, without and beside slow clients. processor: of all clients. Raises MeasurementError."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        return asyncio.run(_take_turns(server, body, processor))
    finally:
        os.sched_setaffinity(0, before)


async def _take_turns(server: Server, body: Body, processor: int) -> Sitting:
    url = server.url + predict_route("small")
    without, beside, ended, left = [], [], [], 0

    async def ask() -> Load:
        return await asyncio.to_thread(drive, url, body, seconds=WRK_SECONDS, processor=processor)

    for _ in range(ROUNDS):
        without.append(await ask())
        slow = Slow()
        idle = [await Connection.to(server) for _ in range(IDLE)]
        dawdling = [asyncio.create_task(_dawdle(server, beginning, slow)) for beginning in BEGINNINGS]
        while slow.open < len(BEGINNINGS):
            await asyncio.sleep(0.1)
        beside.append(await ask())
        _, pending = await asyncio.wait(dawdling, timeout=LIMIT_SECONDS + GRACE_SECONDS)
        left += len(pending)
        ended += slow.ended
        for task in pending:
            task.cancel()
        for connection in idle:
            connection.writer.close()
    pairs = list(zip(beside, without, strict=True))
    rate = median([with_them.requests_per_second / alone.requests_per_second for with_them, alone in pairs])
    p99 = median([with_them.p99_ms / alone.p99_ms for with_them, alone in pairs])
    return Sitting(without, beside, rate, p99, max(ended), left)


async def _dawdle(server: Server, beginning: bytes, slow: Slow) -> None:
    """Send a request byte by byte until the service ends the connection."""
    async with await Connection.to(server) as connection:
        begin = time.monotonic()
        connection.writer.write(beginning)
        slow.open += 1
        ended = asyncio.create_task(connection.rest())
        while not ended.done():
            connection.writer.write(b"1")
            await asyncio.wait([ended], timeout=SECONDS_BETWEEN_BYTES)
        slow.ended.append(time.monotonic() - begin)


def show_sitting(found: Sitting) -> Table:
    """Return a line without and one beside slow clients."""
    title = f"One row of JSON, {SLOW_HEADS} slow heads, {SLOW_BODIES} slow bodies and {IDLE:,} idle connections"
    table = Table("", "requests/s", "p99, ms", title=title, title_justify="left")
    for name, loads in (("without", found.without), ("beside them", found.beside)):
        rate, tail = (median([getattr(load, column) for load in loads]) for column in ("requests_per_second", "p99_ms"))
        table.add_row(name, f"{rate:,.0f}", f"{tail:.2f}")
    table.add_row("ratio", f"{found.rate:.2f}", f"{found.p99:.2f}")
    table.caption = f"The last slow one was ended after {found.slowest_end_seconds:.1f} s."
    return table
