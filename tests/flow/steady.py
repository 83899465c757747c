"""Clients that keep their connections and ask again and again, and notice whatever is lost or wrong."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from loadtest.target.server import Server
from service.contract.card import Examples
from service.contract.routes import JSON_MEDIA_TYPE
from tests.patience import PATIENCE_SECONDS, get

TOLERANCE = 1e-5
"""Of predictions: what goes through a graph together differs in the last digits."""


class Listening(Protocol):
    """A service, or a proxy before some."""

    @property
    def url(self) -> str:
        """Where it listens: http://127.0.0.1:PORT."""


@dataclass(frozen=True)
class Reply:
    """An answer. headers: names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether the connection ends with it."""
        return self.headers.get("connection") == "close"


@dataclass(frozen=True)
class Question:
    """A request and what is answered to it."""

    data: bytes
    predictions: list[float]

    def is_right(self, reply: Reply) -> bool:
        """Whether a 200 holds the predictions."""
        found = json.loads(reply.body)["predictions"]
        return len(found) == len(self.predictions) and np.allclose(found, self.predictions, TOLERANCE, TOLERANCE)


def read_examples(server: Server) -> Examples:
    """Held-out rows of ``small``."""
    answer = get(f"{server.url}/models/small/examples").json()
    del answer["release"]
    return Examples(**answer)


def question(examples: Examples, rows: int, *headers: str) -> Question:
    """Ask for the predictions of so many rows of features."""
    places = [place % len(examples.features) for place in range(rows)]
    body = json.dumps({"features": [examples.features[place] for place in places]}).encode()
    return Question(post("/predict/small", body, *headers), [examples.prediction[place] for place in places])  # type: ignore[misc]


def post(target: str, body: bytes, *headers: str, media_type: str = JSON_MEDIA_TYPE) -> bytes:
    """Return a request, whole."""
    fields = ["Host: x", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *headers]
    return f"POST {target} HTTP/1.1\r\n".encode() + "".join(f"{line}\r\n" for line in fields).encode() + b"\r\n" + body


def fetch(target: str) -> bytes:
    """Return a request without a body."""
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


class Connection:
    """One connection. As a context it is closed in the end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, server: Listening, address: str = "127.0.0.1") -> "Connection":
        """Connect, from a local address. Raises OSError."""
        port = int(server.url.rpartition(":")[2])
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)))

    async def __aenter__(self) -> "Connection":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def read(self) -> Reply:
        """Read an answer. Raises IncompleteReadError where the connection ends before it is whole, and OSError."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return Reply(int(first.split()[1]), headers, await self.reader.readexactly(int(headers["content-length"])))

    async def ask(self, data: bytes) -> Reply:
        """Send a request and read its answer."""
        await self.send(data)
        return await self.read()

    async def rest(self) -> bytes:
        """Return all that comes until the service ends the connection."""
        return await self.reader.read()


@dataclass
class Tally:
    """What clients saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[Reply] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    told_to_close: int = 0

    def add(self, asked: Question, reply: Reply) -> None:
        """Count an answer."""
        self.statuses[reply.status] += 1
        self.told_to_close += reply.closes
        if reply.status == 200 and not asked.is_right(reply):
            self.wrong.append(reply)


async def keep_asking(server: Server, asked: Question, tally: Tally, enough: Callable[[], bool]) -> None:
    """Ask until it is enough or nobody listens any more, on a new connection where the old one was ended."""
    while not enough():
        try:
            connection = await Connection.to(server)
        except ConnectionError:
            return
        async with connection:
            try:
                closes = False
                while not (closes or enough()):
                    reply = await connection.ask(asked.data)
                    tally.add(asked, reply)
                    closes = reply.closes
            except (OSError, asyncio.IncompleteReadError) as error:
                tally.lost.append(repr(error))


def run(scene: Coroutine[Any, Any, None]) -> None:
    """Play a scene, with patience."""
    asyncio.run(asyncio.wait_for(scene, PATIENCE_SECONDS))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something."""
    while not condition():
        await asyncio.sleep(0.02)
