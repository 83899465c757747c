"""How connections end: time limits by a clock that is turned by hand, and clients that send no more."""

import asyncio
from typing import Any

import pytest

from service.http.connections import LINGER_SECONDS
from tests.adding import Adder, echo
from tests.hand_turned import HandLoop, HandService
from tests.http_messages import named, read_replies, request, rows_body

SMALL = "/predict/small"
BODY = rows_body([1, 2, 3])
FAST, PASSED = request(SMALL, BODY, named("fast")), request("/echo", BODY, named("passed"))
WAITING = request(SMALL, None, f"Content-Length: {len(BODY)}", "Expect: 100-continue", method="POST")
LIMITS: dict[str, Any] = {
    "keep_alive_seconds": 20.0,
    "head_seconds": 4.0,
    "body_seconds": 6.0,
    "answer_seconds": 8.0,
    "drain_seconds": 0.0,
}
BOTH = pytest.mark.parametrize("data", [FAST, PASSED], ids=["fast", "passed"])


class Sleeper:
    """An application that answers when it is woken."""

    def __init__(self) -> None:
        self.woken = False

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        while not self.woken:
            await asyncio.sleep(0.5)
        await echo(scope, receive, send)


@pytest.fixture
def service(adder: Adder, loop: HandLoop) -> HandService:
    return HandService(adder.responder, echo, loop, **LIMITS)


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture
def sleepy(adder: Adder, loop: HandLoop, sleeper: Sleeper) -> HandService:
    """A service whose application takes long."""
    return HandService(adder.responder, sleeper, loop, **LIMITS)


# --- time limits


@pytest.mark.parametrize("data", [b"", FAST, PASSED, FAST + PASSED], ids=["new", "fast", "passed", "both"])
def test_a_connection_without_requests_is_kept_for_a_while(service: HandService, loop: HandLoop, data: bytes) -> None:
    client = service.connect()
    loop.wait(15)
    client.send(data)
    loop.wait(4 if not data else 19)
    assert not client.is_closed
    received = client.received
    loop.wait(2.5)
    assert (client.is_closed, client.received) == (True, received)


@pytest.mark.parametrize("before", [b"", FAST, PASSED], ids=["new", "fast", "passed"])
@pytest.mark.parametrize(
    ("beginning", "seconds"),
    [
        (b"P", 4),
        (FAST[:40], 4),
        (FAST[:-1], 6),
        (request(SMALL, BODY, chunk=9)[:-1], 6),
        (WAITING, 6),
    ],
    ids=["a letter", "half a head", "most of a body", "most of the chunks", "a body that waits"],
)
def test_a_request_that_takes_too_long_is_408(
    service: HandService, loop: HandLoop, before: bytes, beginning: bytes, seconds: float
) -> None:
    client = service.connect()
    client.send(before + beginning)
    loop.wait(seconds - 0.5)
    assert not client.is_ended
    loop.wait(1.5)
    *_, reply = read_replies(client.received)
    assert (reply.status, reply.closes, client.is_ended) == (408, True, True)
    loop.wait(LINGER_SECONDS + 1)
    assert client.is_closed


def test_a_body_that_comes_steadily_has_more_time(service: HandService, loop: HandLoop) -> None:
    client = service.connect()
    body = rows_body([1, 2, 3], padding=10 * 128 * 1024)
    data = request(SMALL, body)
    for at in range(0, len(data), 128 * 1024):
        client.send(data[at : at + 128 * 1024])
        loop.wait(1.5)
    assert [reply.status for reply in read_replies(client.received)] == [200]


def test_a_body_for_the_application_that_takes_too_long_ends_the_connection(
    service: HandService, loop: HandLoop
) -> None:
    client = service.connect()
    client.send(PASSED[:-1])
    loop.wait(8)
    assert [reply.status for reply in read_replies(client.received)] == [408]
    assert client.is_closed


@pytest.mark.parametrize("beginning", [FAST[:30], FAST[:-1], WAITING], ids=["head", "body", "a body that waits"])
def test_a_request_has_time_while_the_one_before_is_under_way(
    sleepy: HandService, sleeper: Sleeper, loop: HandLoop, beginning: bytes
) -> None:
    """For a body that waits to be asked for; a client that sends half a request has no such excuse."""
    client = sleepy.connect()
    client.send(PASSED + beginning)
    loop.wait(15)
    sleeper.woken = True
    loop.wait(1)
    waits = beginning == WAITING
    assert [reply.status for reply in read_replies(client.received.removesuffix(b"HTTP/1.1 100 Continue\r\n\r\n"))] == (
        [200] if waits else [200, 408]
    )
    if waits:
        client.send(BODY)
        loop.wait(0.5)
        assert [reply.status for reply in read_replies(client.received)] == [200, 200]


def test_a_request_that_the_server_does_not_read_has_time(
    sleepy: HandService, sleeper: Sleeper, loop: HandLoop
) -> None:
    client = sleepy.connect()
    data = FAST * 1000  # more than is taken at once: it ends in the middle of a request
    client.send(PASSED + data)
    loop.wait(15)
    assert client.is_paused
    sleeper.woken = True
    loop.wait(1)
    sleepy.settle()
    assert [reply.status for reply in read_replies(client.received)] == [200] * 1001


def test_an_application_may_take_its_time(sleepy: HandService, sleeper: Sleeper, loop: HandLoop) -> None:
    client = sleepy.connect()
    client.send(PASSED)
    loop.wait(60)
    sleeper.woken = True
    loop.wait(1)
    assert [reply.status for reply in read_replies(client.received)] == [200]


@BOTH
def test_a_client_that_reads_nothing_of_its_answers_is_let_go(
    service: HandService, loop: HandLoop, data: bytes
) -> None:
    client = service.connect(reads=False)
    client.send(data * 1000)
    service.settle(turns=20_000)
    loop.wait(6)
    assert not client.is_closed
    loop.wait(4)
    assert (client.is_closed, client.received) == (True, b"")


def test_a_client_that_reads_nothing_of_its_last_answer_is_let_go(service: HandService, loop: HandLoop) -> None:
    for data in (request(SMALL, BODY, "Connection: close"), b"noise\r\n\r\n"):
        client = service.connect(reads=False)
        client.send(data)
        loop.wait(12)
        assert client.is_closed


# --- clients that send no more


@pytest.mark.parametrize("data", [FAST, PASSED, FAST + PASSED, PASSED + FAST, FAST * 100], ids=range(5))
@pytest.mark.parametrize("rest", [b"", b"GET /mod", FAST[:-1], PASSED[:-1]], ids=["", "head", "body", "passed body"])
def test_what_is_whole_is_answered_when_the_client_ends_its_side(
    service: HandService, data: bytes, rest: bytes
) -> None:
    client = service.connect()
    client.send(data + rest)
    client.end()
    service.settle()
    replies = read_replies(client.received)
    assert [reply.status for reply in replies] == [200] * data.count(b"HTTP/1.1")
    assert client.is_closed


@pytest.mark.parametrize("data", [b"", b"GET /mod", FAST[:-1], PASSED[:-1]], ids=["", "head", "body", "passed body"])
def test_a_client_that_ends_in_the_middle_of_a_request_gets_no_answer(
    service: HandService, adder: Adder, data: bytes
) -> None:
    client = service.connect()
    client.send(data)
    service.settle()
    client.end()
    service.settle()
    assert (client.received, client.is_closed, adder.runs) == (b"", True, [])


def test_what_is_refused_behind_an_unanswered_request_is_so_when_the_client_ends_its_side(service: HandService) -> None:
    for bad in (b"noise\r\n\r\n", request("/echo", BODY, chunk=9).replace(b"\r\n9\r\n", b"\r\n!\r\n")):
        client = service.connect()
        client.send(FAST + bad)
        client.end()
        service.settle()
        service.loop.wait(2)
        assert [reply.status for reply in read_replies(client.received)] == [200, 400]
        assert client.is_closed


def test_limits_hold_where_the_application_answers_all(adder: Adder, loop: HandLoop) -> None:
    """As where spans are exported, which are made of messages of ASGI."""
    service = HandService(adder.responder, echo, loop, passes_all=True, max_connections=2, **LIMITS)
    asking, slow, one_more = (service.connect() for _ in range(3))
    for target in (SMALL, f"{SMALL}?labels=true", "/v2/models/nothing"):
        asking.send(request(target, BODY))
    slow.send(b"GET /models HTTP/1.1\r\n")
    service.settle()
    passed = [reply.json()["path"] for reply in read_replies(asking.received)]
    assert passed == [SMALL, SMALL, "/v2/models/nothing"]
    asking.send(request("/models", None, "Host: y"))
    service.loop.wait(LIMITS["head_seconds"] + 1)
    refused = [read_replies(client.received)[-1].status for client in (asking, slow, one_more)]
    assert refused == [400, 408, 503]
    assert adder.runs == []
