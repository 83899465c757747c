"""What is no request, or passes a limit: refused once, after what is owed, and then the connection ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from service.access.guard import Counting, Guard
from service.access.key_file import KeyFile, append_key
from service.answers import responder
from service.http import protocol
from service.http.refusals import MOST_HEAD_BYTES
from tests.adding import Adder, echo
from tests.hand_turned import Client, HandLoop, HandService
from tests.http_messages import named, read_replies, request, rows_body

SMALL = "/predict/small"
BODY = rows_body([1, 2, 3])
GOOD = request(SMALL, BODY, named("good"))
LIMIT = 1000
CHUNKED = b"POST /predict/small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
PASSED = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

BAD: dict[str, tuple[bytes, int]] = {
    "no Host": (request("/models", host=None), 400),
    "two Hosts": (request("/models", None, "Host: y"), 400),
    "two Hosts of HTTP/1.0": (request("/models", None, "Host: x", version="1.0"), 400),
    "two lengths": (request(SMALL, BODY, "Content-Length: 3"), 400),
    "the same length twice": (request(SMALL, BODY, f"Content-Length: {len(BODY)}"), 400),
    "a length and chunks": (request(SMALL, BODY, "Transfer-Encoding: chunked"), 400),
    "chunks and a length": (request(SMALL, BODY, "Content-Length: 3", chunk=5), 400),
    "another coding": (request(SMALL, None, "Transfer-Encoding: chunked, gzip", method="POST") + BODY, 400),
    "a length of no number": (request(SMALL, None, "Content-Length: many", method="POST"), 400),
    "a negative length": (request(SMALL, None, "Content-Length: -1", method="POST"), 400),
    "a length beyond 64 bits": (request(SMALL, None, f"Content-Length: {2**64}", method="POST"), 400),
    "a chunk beyond 64 bits": (CHUNKED + b"10000000000000000\r\n{", 400),
    "a chunk of no number": (CHUNKED + b"xyz\r\n{", 400),
    "a chunk longer than it says": (CHUNKED + b"1\r\n{}\r\n0\r\n\r\n", 400),
    "a name with a blank": (request("/models", None, "Some Name: x"), 400),
    "a folded line": (request("/models", None, "X: a\r\n b"), 400),
    "a zero byte": (request("/models", None, "X: a\0b"), 400),
    "a line without an end": (request("/models").replace(b"\r\n", b"\r"), 400),
    "noise": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 3, 400),
    "another method": (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "HTTP/2 right away": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a tunnel": (request("x:1", None, method="CONNECT"), 400),
    "a target without a path": (request("http://x"), 400),
    "a target that is none": (request("nothing"), 400),
    "a byte beyond ASCII in the target": (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a long target": (request("/" + "x" * MOST_HEAD_BYTES), 431),
    "a long header": (request("/models", None, "X: " + "x" * MOST_HEAD_BYTES), 431),
    "a thousand headers": (request("/models", None, *["X-Name-That-Is-Longer-Than-Most: and its value"] * 1500), 431),
    "a body too long": (request(SMALL, b" " * (LIMIT + 1)), 413),
    "chunks too long": (request(SMALL, b" " * (LIMIT + 1), chunk=300), 413),
    "a long body that waits": (request(SMALL, None, "Expect: 100-continue", "Content-Length: 1001", method="PUT"), 413),
}  # fmt: skip


@pytest.fixture
def counted() -> Iterator[list[tuple[str, int]]]:
    """Rule and status of every refusal that is counted."""
    counted: list[tuple[str, int]] = []
    count = lambda problem: counted.append((problem.rule, problem.status.value))  # noqa: E731
    with mock.patch.object(responder, "count_refusal", count), mock.patch.object(protocol, "count_refusal", count):
        yield counted


@pytest.fixture
def service(adder: Adder, loop: HandLoop) -> HandService:
    return HandService(adder.responder, echo, loop, max_body_bytes=LIMIT)


def send(service: HandService, data: bytes, piece: int = 0) -> Client:
    client = service.connect()
    for at in range(0, len(data), piece or len(data)):
        client.send(data[at : at + (piece or len(data))])
    service.settle()
    return client


@pytest.mark.parametrize("piece", [0, 1, 1000])
@pytest.mark.parametrize("behind", [b"", GOOD, GOOD + request("/echo", b"?", named("good"))])
@pytest.mark.parametrize(("data", "status"), BAD.values(), ids=BAD)
def test_what_is_bad_is_refused_once_after_what_is_owed(
    service: HandService, data: bytes, status: int, behind: bytes, piece: int
) -> None:
    client = send(service, behind + data, piece)
    *good, refusal = read_replies(client.received)
    assert [(reply.status, reply.request_id) for reply in good] == [(200, "good")] * behind.count(b"HTTP/1.1")
    assert (refusal.status, refusal.closes, refusal.told_to_continue) == (status, True, False)
    assert refusal.request_id != "good"
    assert "however" in refusal.json()["error"]
    received = client.received
    client.send(GOOD + data)
    service.settle()
    assert client.received == received
    service.loop.wait(2)
    assert (client.received, client.is_closed) == (received, True)


@pytest.mark.parametrize("second", BAD)
@pytest.mark.parametrize("first", ["no Host", "a target without a path", "a body too long", "a tunnel"])
def test_of_two_bad_requests_in_one_piece_one_is_refused(service: HandService, first: str, second: str) -> None:
    client = send(service, BAD[first][0] + BAD[second][0])
    assert [reply.status for reply in read_replies(client.received)] == [BAD[first][1]]


def test_a_refused_client_may_go_on_sending_for_a_while(service: HandService) -> None:
    """Or the reset of its connection would take the refusal from it."""
    client = send(service, BAD["no Host"][0])
    assert (client.is_ended, client.is_closed, client.is_paused) == (True, False, False)
    client.send(b"x" * 10**6)
    assert client.left_to_send == 0
    service.loop.wait(2)
    assert client.is_closed


def test_a_client_that_is_refused_behind_many_requests_is_read_too(service: HandService) -> None:
    client = send(service, GOOD * 100 + BAD["no Host"][0])
    assert [reply.status for reply in read_replies(client.received)] == [200] * 100 + [400]
    assert not client.is_paused


@pytest.mark.parametrize("size", [100, 1000, 64 * 1024])
@pytest.mark.parametrize(
    ("start", "more", "statuses"),
    [
        (b"", b"G", [400]),
        (b"GET /", b"x", [431]),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n", [431]),
        (b"GET / HTTP/1.1\r\nX: ", b"y", [431]),
        (CHUNKED + b"1;", b"x", [431]),
        (CHUNKED + b"0\r\nX: ", b"x", [431]),
        (CHUNKED + b"0\r\n", b"X: y\r\n", [431]),
        (PASSED + b"1;", b"x", [431]),
        (PASSED + b"0\r\nX: ", b"x", [431]),
    ],
    ids=["method", "target", "headers", "header", "extension", "trailer", "trailers", "passed", "passed trailer"],
)
def test_what_never_ends_is_not_read_for_ever(
    service: HandService, start: bytes, more: bytes, statuses: list[int], size: int
) -> None:
    client = service.connect()
    client.send(start)
    sent = 0
    while not (client.is_ended or client.is_closed):
        client.send(more * (size // len(more)))
        service.loop.turn()
        sent += size
        assert sent <= 3 * MOST_HEAD_BYTES
    service.settle()
    assert [reply.status for reply in read_replies(client.received)] == statuses


@pytest.mark.parametrize("before", [b"", GOOD])
@pytest.mark.parametrize("piece", [0, 60 * 1024, 100])
def test_a_head_may_be_just_so_long(service: HandService, piece: int, before: bytes) -> None:
    for more, status in ((-1000, 200), (1000, 431)):
        client = send(service, before + request("/models", None, "X: " + "x" * (MOST_HEAD_BYTES + more)), piece)
        assert read_replies(client.received)[-1].status == status


def test_a_long_body_and_a_head_behind_it_are_no_long_head(loop: HandLoop, adder: Adder) -> None:
    service = HandService(adder.responder, echo, loop)
    data = request(SMALL, rows_body([1, 2, 3], padding=3 * MOST_HEAD_BYTES))
    client = send(service, (data + request("/models")) * 3, 50_000)
    assert [reply.status for reply in read_replies(client.received)] == [200] * 6


def test_what_the_application_was_to_answer_first_is_refused_behind_what_is_owed(service: HandService) -> None:
    """A body breaks off in the middle of a request that the application was not told of yet."""
    client = send(service, GOOD + PASSED + b"1\r\nx\r\nnonsense\r\n")
    assert [reply.status for reply in read_replies(client.received)] == [200, 400]


def test_the_refusals_of_routes_are_counted(service: HandService, adder: Adder) -> None:
    send(service, BAD["a body too long"][0])
    send(service, BAD["chunks too long"][0])
    assert adder.refused == [413, 413]


@pytest.mark.parametrize(
    "data",
    [request(SMALL, BODY, "Expect: 100-continue"), request(SMALL, b" " * (LIMIT + 1)), GOOD],
    ids=["a body that waits", "a body too long", "a body"],
)
def test_a_stranger_is_counted_as_what_it_is_told(
    adder: Adder, loop: HandLoop, tmp_path: Path, counted: list[tuple[str, int]], data: bytes
) -> None:
    append_key(tmp_path / "keys", "alice", "alices-own-key")
    guard = Guard(KeyFile(tmp_path / "keys"), mock.create_autospec(Counting), "a release", rate=None, workers=1)
    client = send(HandService(adder.responder, echo, loop, guard=guard, max_body_bytes=LIMIT), data)
    (refusal,) = read_replies(client.received)
    assert (refusal.status, refusal.json()["rule"]) == (401, "key")
    assert counted == [("key", 401)]


@pytest.mark.parametrize(
    "sent",
    [
        request(SMALL, b" " * (LIMIT + 1), method="HEAD"),
        request("/models", None, "X: " + "x" * MOST_HEAD_BYTES, method="HEAD"),
    ],
    ids=["a body too long", "a long header"],
)
@pytest.mark.parametrize("behind", [b"", GOOD], ids=["alone", "behind another"])
def test_a_head_that_is_refused_early_gets_no_content(service: HandService, behind: bytes, sent: bytes) -> None:
    client = send(service, behind + sent)
    *_, refusal = read_replies(client.received, ["GET", "HEAD"] if behind else ["HEAD"])
    assert (refusal.status in (413, 431), refusal.closes, refusal.body) == (True, True, b"")


@pytest.mark.parametrize("break_off", ["nonsense", "silence"])
@pytest.mark.parametrize("begun", [False, True], ids=["silent", "begun"])
def test_a_body_that_breaks_off_while_the_application_answers_is_refused_unless_it_has_begun(
    adder: Adder, loop: HandLoop, counted: list[tuple[str, int]], break_off: str, begun: bool
) -> None:
    async def patient(scope: object, receive: Any, send: Any) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})

    client = send(HandService(adder.responder, patient, loop), PASSED + b"1\r\nx\r\n")
    if break_off == "nonsense":
        client.send(b"nonsense\r\n")
    loop.wait(15)
    status, rule = {"nonsense": (400, "http"), "silence": (408, "timeout")}[break_off]
    assert counted == [(rule, status)]
    assert client.is_closed
    if begun:
        assert client.received.count(b"HTTP/1.1") == 1
    else:
        (refusal,) = read_replies(client.received)
        assert (refusal.status, refusal.json()["rule"], refusal.closes) == (status, rule, True)
