"""How the server stops: what has begun is answered, and then the connections end."""

from typing import Any

import pytest

from tests.adding import Adder, echo
from tests.hand_turned import HandLoop, HandService
from tests.http_messages import named, read_replies, request, rows_body

SMALL = "/predict/small"
BODY = rows_body([1, 2, 3])
FAST, PASSED = request(SMALL, BODY, named("fast")), request("/echo", BODY, named("passed"))
LIMITS: dict[str, Any] = {"head_seconds": 4.0, "drain_seconds": 0.0}
BOTH = pytest.mark.parametrize("data", [FAST, PASSED], ids=["fast", "passed"])


@pytest.fixture
def service(adder: Adder, loop: HandLoop) -> HandService:
    return HandService(adder.responder, echo, loop, **LIMITS)


def test_a_stop_ends_connections_on_which_nothing_is_under_way(service: HandService) -> None:
    idle, used = service.connect(), service.connect()
    used.send(FAST)
    service.settle()
    service.shutdown()
    service.settle()
    assert (idle.is_closed, used.is_closed) == (True, True)


@pytest.mark.parametrize("part", [1, 30, -1, None], ids=["a letter", "half a head", "most of a body", "queued"])
@BOTH
def test_a_stop_waits_for_a_request_that_has_begun(service: HandService, data: bytes, part: int | None) -> None:
    client = service.connect()
    client.send(data[:part])
    service.shutdown()
    service.loop.turn(3)
    client.send(data[part:] if part is not None else b"")
    service.settle()
    (reply,) = read_replies(client.received)
    assert (reply.status, reply.closes, client.is_closed) == (200, True, True)


@pytest.mark.parametrize("data", [FAST * 3, PASSED * 3, FAST + PASSED, PASSED + FAST, FAST * 200], ids=range(5))
def test_a_stop_waits_for_all_requests_that_came(service: HandService, data: bytes) -> None:
    client = service.connect()
    client.send(data)
    service.shutdown()
    service.settle()
    replies = read_replies(client.received)
    assert [reply.status for reply in replies] == [200] * data.count(b"HTTP/1.1")
    assert [reply.closes for reply in replies[:-1]] == [False] * (len(replies) - 1)
    assert (replies[-1].closes, client.is_closed) == (True, True)


@pytest.mark.parametrize("when", [0.1, 0.7], ids=["before it stops", "when it has stopped"])
@BOTH
def test_a_stop_that_drains_answers_what_still_comes(adder: Adder, loop: HandLoop, data: bytes, when: float) -> None:
    service = HandService(adder.responder, echo, loop)
    client, idle = service.connect(), service.connect()
    client.send(data)
    service.settle()
    service.shutdown()
    loop.wait(when)
    assert not client.is_closed
    client.send(data)
    loop.wait(2)
    assert [reply.status for reply in read_replies(client.received)] == [200, 200]
    assert (client.is_closed, idle.is_closed) == (True, True)


def test_a_stop_waits_no_longer_than_a_request_may_take(service: HandService, loop: HandLoop) -> None:
    client = service.connect()
    client.send(FAST[:30])
    service.shutdown()
    loop.wait(6)
    assert [reply.status for reply in read_replies(client.received)] == [408]
    loop.wait(2)
    assert client.is_closed


def test_a_stop_ends_a_connection_whose_request_was_answered_before_it_was_whole(adder: Adder, loop: HandLoop) -> None:
    async def hasty(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})  # type: ignore[operator]
        await send({"type": "http.response.body"})  # type: ignore[operator]

    service = HandService(adder.responder, hasty, loop, **LIMITS)
    client = service.connect()
    client.send(PASSED[:-1])
    service.settle()
    assert [reply.status for reply in read_replies(client.received)] == [404]
    service.shutdown()
    client.send(PASSED[-1:])
    service.settle()
    assert client.is_closed
