"""Connections that send anything in any pieces at any time: each request gets its own answer, in its place, once."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import h11
from hypothesis import given, settings
from hypothesis import strategies as st

from service.http.turn import SHORT_BYTES
from tests.adding import FACTORS, OVERFLOWS, Adder, echo
from tests.hand_turned import Client, HandLoop, HandService, hand_loop
from tests.http_messages import Reply, named, read_replies, request, rows_body

SMALL = "/predict/small"
CLOSES = "Connection: close"
CONNECTIONS, REQUESTS = 4, 12
MOST_TOGETHER = 4
"""Requests that a client sends at once."""
SLOW_TURNS = 20
"""Of the loop, that the application takes to begin an answer: more comes meanwhile."""
KINDS = (
    "fast",
    "fast",
    "long",
    "infer",
    "document",
    "echo",
    "narrow",
    "overflow",
    "wrong method",
    "upgrade",
    "unknown",
)
LINES = ("fast", "long", "echo")
"""One kind for each line in which a request may wait: those alone meet in every order."""


@dataclass
class Asked:
    """A request, and how to know its answer."""

    kind: str
    name: str
    architecture: str
    rows: list[list[float]]
    closes: bool
    chunk: int

    @property
    def status(self) -> int:
        """What it is answered with."""
        return {"narrow": 422, "overflow": 422, "wrong method": 405, "unknown": 404}.get(self.kind, 200)

    @property
    def sums(self) -> list[float]:
        """What its rows are answered with."""
        return [sum(row) * FACTORS[self.architecture] for row in self.rows]

    def data(self) -> bytes:
        """Return its bytes."""
        own, infer = f"/predict/{self.architecture}", f"/v2/models/{self.architecture}/infer"
        more = [named(self.name), *([CLOSES] if self.closes and self.kind != "upgrade" else [])]
        body = rows_body(*self.rows)
        if self.kind == "infer":
            tensor = {"name": "features", "datatype": "FP32", "shape": [len(self.rows), 3], "data": self.rows}
            return request(infer, json.dumps({"inputs": [tensor]}).encode(), *more, chunk=self.chunk)
        if self.kind == "document":
            return request("/models", None, *more)
        if self.kind == "unknown":
            return request("/v2/nothing", None, *more)
        if self.kind == "echo":
            return request("/echo", self.name.encode(), *more, chunk=self.chunk)
        if self.kind == "wrong method":
            return request(own, body, *more, method="PUT", chunk=self.chunk)
        if self.kind == "long":
            body += b" " * SHORT_BYTES
        elif self.kind == "narrow":
            body = rows_body(*self.rows, [1])
        elif self.kind == "overflow":
            body = rows_body(*self.rows, [OVERFLOWS, 1, 1])
        elif self.kind == "upgrade":
            more += ["Upgrade: h2c", "Connection: Upgrade, close" if self.closes else "Connection: Upgrade"]
        return request(own, body, *more, chunk=self.chunk)

    def check(self, reply: Reply) -> None:
        """Hold an answer against what was asked."""
        assert (reply.status, reply.request_id, reply.closes) == (self.status, self.name, self.closes)
        document = reply.json()
        if self.kind in ("fast", "long", "upgrade"):
            assert document == {"predictions": self.sums, "architecture": self.architecture}
        elif self.kind == "infer":
            assert document["outputs"][0]["data"] == self.sums
        elif self.kind == "echo":
            assert document["body"] == self.name
        elif self.kind in ("narrow", "overflow"):
            assert [fault["row"] for fault in document["errors"]] == [len(self.rows)]


@dataclass
class Conversation:
    """All that one client sends. patience: bytes after which it leaves; None if it stays."""

    asked: list[Asked]
    patience: int | None
    pieces: list[bytes] = field(default_factory=list)

    @property
    def answered(self) -> list[Asked]:
        """Requests up to the last one that the client announces."""
        last = next((place for place, asked in enumerate(self.asked) if asked.closes), len(self.asked))
        return self.asked[: last + 1]

    def data(self) -> list[bytes]:
        """Return the bytes of each request, up to those after which the client leaves."""
        requests, left = [asked.data() for asked in self.asked], self.patience
        if left is None:
            return requests
        ends = accumulate(len(data) for data in requests)
        return [data[: max(0, left - end + len(data))] for data, end in zip(requests, ends, strict=True)]


numbers = st.integers(-9, 9).map(float)
rows = st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=4)


def requests_of(kinds: Sequence[str]) -> st.SearchStrategy[list[Asked]]:
    """Return a strategy for the requests of one client."""
    request = st.builds(
        Asked,
        kind=st.sampled_from(kinds),
        name=st.just(""),
        architecture=st.sampled_from(sorted(FACTORS)),
        rows=rows,
        closes=st.sampled_from([False] * 15 + [True]),
        chunk=st.sampled_from([0, 0, 1, 7, 4000]),
    )
    return st.lists(request, max_size=REQUESTS)


conversations = st.lists(
    st.builds(
        Conversation,
        asked=requests_of(KINDS) | requests_of(LINES) | requests_of(LINES),
        patience=st.none() | st.none() | st.integers(0, 3000),
    ),
    min_size=1,
    max_size=CONNECTIONS,
)


async def slow_echo(scope: object, receive: object, send: object) -> None:
    """Echo after some turns of the loop."""
    for _ in range(SLOW_TURNS):
        await asyncio.sleep(0)
    await echo(scope, receive, send)


def split(requests: list[bytes], choices: random.Random) -> list[bytes]:
    """Cut what a client sends between its requests, or at random places."""
    if choices.random() < 0.5:
        groups, at = [], 0
        while at < len(requests):
            size = choices.randint(1, MOST_TOGETHER)
            groups.append(b"".join(requests[at : at + size]))
            at += size
        return groups
    data = b"".join(requests)
    longest = choices.choice([1, 10, 300, 5000, len(data) or 1])
    pieces, at = [], 0
    while at < len(data):
        size = choices.randint(1, max(longest, len(data) // 200))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def talk(service: HandService, talks: list[tuple[Conversation, Client]], choices: random.Random) -> None:
    """Send all pieces, in any order of the connections, and turn the loop now and then."""
    while open_talks := [(talk, client) for talk, client in talks if talk.pieces]:
        conversation, client = choices.choice(open_talks)
        if client.is_closed:
            conversation.pieces.clear()
            continue
        client.send(conversation.pieces.pop(0))
        if conversation.patience is not None and not conversation.pieces:
            client.leave()
        if choices.random() < 0.5:
            service.loop.turn(choices.randint(1, 3))
    service.settle()


@settings(max_examples=100)
@given(conversations, st.randoms(use_true_random=True), st.booleans())
def test_every_request_has_its_own_answer_in_its_place_once(
    conversations: list[Conversation], choices: random.Random, together: bool
) -> None:
    adder = Adder(together=together)
    with hand_loop() as loop:
        service = HandService(adder.responder, slow_echo, loop)
        talks = []
        for number, conversation in enumerate(conversations):
            for place, asked in enumerate(conversation.asked):
                asked.name = f"{number}-{place}"
            conversation.pieces = split(conversation.data(), choices)
            talks.append((conversation, service.connect()))
        talk(service, talks, choices)
        for conversation, client in talks:
            check(conversation, client)
    computed = sum(len(answers) for _, answers in adder.runs)
    wanted = sum(len(asked.rows) for talk in conversations for asked in talk.asked)
    assert computed <= wanted


def test_a_long_body_behind_the_application_is_not_overtaken(adder: Adder, loop: HandLoop) -> None:
    """It would wait for what overtook it, which may not be sent before its own answer."""
    service = HandService(adder.responder, slow_echo, loop)
    client = service.connect()
    short = rows_body([1, 2, 3])
    long = short + b" " * SHORT_BYTES
    client.send(
        request(SMALL, short, named("a")) + request("/echo", b"", named("b")) + request(SMALL, long, named("c"))
    )
    loop.turn(2)
    client.send(request(SMALL, short, named("d")))
    service.settle()
    assert [reply.request_id for reply in read_replies(client.received)] == ["a", "b", "c", "d"]
    assert client.protocol.is_idle()


def check(conversation: Conversation, client: Client) -> None:
    """Hold what a client received against what it asked."""
    if conversation.patience is None:
        replies = read_replies(client.received)
        assert len(replies) == len(conversation.answered)
        assert client.is_closed == any(asked.closes for asked in conversation.asked)
    else:  # it has all that was answered before it left
        replies = read_replies(client.received)
    for asked, reply in zip(conversation.answered, replies, strict=False):
        asked.check(reply)


@settings(max_examples=150)
@given(st.lists(st.binary(max_size=300) | st.sampled_from([b"GET / HTTP/1.1\r\nHost: x\r\n", b"\r\n", b"0\r\n"])))
def test_any_bytes_are_answered_or_refused_and_nothing_fails(pieces: list[bytes]) -> None:
    with hand_loop() as loop:
        service = HandService(Adder().responder, echo, loop)
        client, other = service.connect(), service.connect()
        for piece in pieces:
            client.send(piece)
            loop.turn()
        client.end()
        service.settle()
        try:
            replies = read_replies(client.received)
        except h11.RemoteProtocolError as error:
            raise AssertionError(client.received) from error
        assert all(reply.status in (200, 400, 405) for reply in replies)
        loop.wait(2)
        assert client.is_closed
        other.send(request("/predict/small", rows_body([1, 1, 1])))
        service.settle()
        assert [reply.status for reply in read_replies(other.received)] == [200]
