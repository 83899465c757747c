"""Clients that keep their connections and ask a mix of questions, at a rate or as fast as they can, and count.

Lost is a request without an answer; refused is one that the service or a proxy turned away (502, 503, 504); wrong is
an answer that is not the expected one. Who finds nobody listening knocks again: nothing was sent, so nothing is lost.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from service.contract.routes import RELEASE_HEADER
from tests.bench.questions import Question
from tests.flow.steady import Connection, Listening

TURNED_AWAY = {502, 503, 504}
SECONDS_BETWEEN_KNOCKS = 0.02
REMEMBERED = 20
"""Wrong and lost ones that are kept, to be looked at."""


@dataclass
class Tally:
    """What the clients saw."""

    sent: int = 0
    right: int = 0
    refused: int = 0
    lost: int = 0
    wrong: int = 0
    knocks: int = 0
    """Connections that were refused."""
    kinds: Counter[str] = field(default_factory=Counter)
    remembered: list[str] = field(default_factory=list)
    releases: Counter[str] = field(default_factory=Counter)
    """Right answers by the release that they name."""
    workers: Counter[str] = field(default_factory=Counter)
    """Answers by the part of the request's id that names its worker."""

    def remember(self, asked: Question, what: object) -> None:
        """Keep a few, to be looked at."""
        if len(self.remembered) < REMEMBERED:
            self.remembered.append(f"{asked.kind}: {what}")


class Pace:
    """When the next request is due. rate: requests/s; None is as soon as can be."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._start = time.monotonic()
        self._places = itertools.count()

    async def wait(self) -> None:
        """Wait until it is; who is late goes at once."""
        if self._rate is not None:
            due = self._start + next(self._places) / self._rate
            if (seconds := due - time.monotonic()) > 0:
                await asyncio.sleep(seconds)


async def load(
    target: Listening,
    questions: Iterator[Question],
    tally: Tally,
    *,
    connections: int,
    enough: Callable[[], bool],
    rate: float | None = None,
) -> None:
    """Ask over so many connections until it is enough."""
    pace = Pace(rate)
    await asyncio.gather(*(_keep_asking(target, questions, tally, pace, enough) for _ in range(connections)))


async def _keep_asking(
    target: Listening, questions: Iterator[Question], tally: Tally, pace: Pace, enough: Callable[[], bool]
) -> None:
    while not enough():
        try:
            connection = await Connection.to(target)
        except ConnectionError:
            tally.knocks += 1
            await asyncio.sleep(SECONDS_BETWEEN_KNOCKS)
            continue
        async with connection:
            while not enough():
                await pace.wait()
                if not await _ask(connection, next(questions), tally):
                    break


async def _ask(connection: Connection, asked: Question, tally: Tally) -> bool:
    """Ask once; return whether the connection can be asked again."""
    tally.sent += 1
    tally.kinds[asked.kind] += 1
    try:
        reply = await connection.ask(asked.data)
    except (OSError, asyncio.IncompleteReadError) as error:
        tally.lost += 1
        tally.remember(asked, repr(error))
        return False
    tally.workers[reply.headers.get("x-request-id", "").partition("-")[0]] += 1
    if asked.is_answered_by(reply.status, reply.headers, reply.body):
        tally.right += 1
        tally.releases[reply.headers[RELEASE_HEADER.lower()]] += 1
    elif reply.status in TURNED_AWAY:
        tally.refused += 1
        tally.remember(asked, f"{reply.status} {reply.body[:200]!r}")
    else:
        tally.wrong += 1
        tally.remember(asked, f"{reply.status} {reply.body[:200]!r}")
    return not reply.closes
