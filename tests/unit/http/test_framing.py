"""HTTP/1.1 to the letter: where requests begin and end, who is asked, and when a connection ends."""

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette

from service.settings import ServiceSettings
from service.web.front import Front
from tests.adding import Adder, echo
from tests.hand_turned import Client, HandService
from tests.http_messages import Reply, named, read_replies, request, rows_body

SMALL = "/predict/small"
BODY = rows_body([1, 2, 3])


def ask(service: HandService, data: bytes, *methods: str, piece: int = 0) -> tuple[list[Reply], Client]:
    """Send bytes on a connection of its own. piece: so many at once, each in a turn of its own; 0 for all."""
    client = service.connect()
    for at in range(0, len(data), piece or len(data)):
        client.send(data[at : at + (piece or len(data))])
        if piece:
            service.loop.turn()
    service.settle()
    return read_replies(client.received, methods), client


@pytest.mark.parametrize("piece", [0, 1, 7])
@pytest.mark.parametrize("chunk", [0, 1, 5, 1000])
def test_bodies_come_with_a_length_or_in_chunks_at_once_or_in_pieces(
    service: HandService, chunk: int, piece: int
) -> None:
    data = request(SMALL, BODY, named("a"), chunk=chunk) + request("/echo", b"b", named("b"), chunk=chunk)
    (first, second), client = ask(service, data, piece=piece)
    assert (first.json()["predictions"], first.request_id, second.json()["body"]) == ([6], "a", "b")
    assert not client.is_closed


@pytest.mark.parametrize(
    "trailer", ["X-Request-Id: other", "Content-Type: text/csv", "Content-Encoding: gzip", "Host:"]
)
def test_trailers_change_nothing(service: HandService, trailer: str) -> None:
    data = request(SMALL, BODY, named("own"), chunk=4, trailers=[trailer, "X-Other: 1"])
    replies, _ = ask(service, data * 2)
    assert [(reply.status, reply.request_id) for reply in replies] == [(200, "own")] * 2


def test_a_client_that_waits_is_told_to_go_on(service: HandService) -> None:
    head, body = request(SMALL, BODY, "Expect: 100-Continue").split(b"\r\n\r\n")
    client = service.connect()
    client.send(head + b"\r\n\r\n")
    assert client.received == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(body)
    service.settle()
    assert [(reply.status, reply.told_to_continue) for reply in read_replies(client.received)] == [(200, True)]


def test_a_client_that_waits_behind_an_unanswered_request_is_told_when_that_is_answered(service: HandService) -> None:
    head, body = request(SMALL, BODY, "Expect: 100-continue", named("b")).split(b"\r\n\r\n")
    for first in (request(SMALL, BODY, named("a")), request("/echo", b"", named("a"))):
        client = service.connect()
        client.send(first + head + b"\r\n\r\n")
        assert client.received == b""
        service.settle()
        assert client.received.endswith(b"}HTTP/1.1 100 Continue\r\n\r\n")
        client.send(body)
        service.settle()
        replies = read_replies(client.received)
        assert [(reply.request_id, reply.told_to_continue) for reply in replies] == [("a", False), ("b", True)]


def test_a_client_of_http_1_0_is_not_told_to_go_on(service: HandService) -> None:
    (reply,), _ = ask(service, request(SMALL, BODY, "Expect: 100-continue", version="1.0"), piece=20)
    assert (reply.status, reply.told_to_continue) == (200, False)  # RFC 9110, 10.1.1


@pytest.mark.parametrize("host", ["x", None])
@pytest.mark.parametrize("target", [SMALL, "/echo"])
def test_http_1_0_is_answered_with_and_without_a_host_and_the_connection_ends(
    service: HandService, host: str | None, target: str
) -> None:
    (reply,), client = ask(service, request(target, BODY, version="1.0", host=host))
    assert (reply.status, reply.closes, client.is_closed) == (200, True, True)


@pytest.mark.parametrize("first", [SMALL, "/echo"])
def test_what_follows_the_last_request_is_not_answered(service: HandService, adder: Adder, first: str) -> None:
    data = request(first, BODY, "Connection: close") + request(SMALL, rows_body([9, 9, 9]))
    for piece in (0, 50):
        (reply,), client = ask(service, data, piece=piece)
        assert (reply.status, reply.closes, client.is_closed) == (200, True, True)


@pytest.mark.parametrize("method", ["", "PUT"])
@pytest.mark.parametrize("chunk", [0, 3])
@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize("protocol", ["h2c", "websocket", "anything/1"])
def test_an_upgrade_that_is_not_offered_is_as_if_it_were_not_there(
    service: HandService, protocol: str, piece: int, chunk: int, method: str
) -> None:
    asked = (f"Upgrade: {protocol}", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk")
    data = request(SMALL, BODY, *asked, named("a"), chunk=chunk, method=method)
    data += request("/echo", b"b", *asked, named("b")) + request("/models", None, named("c"))
    replies, client = ask(service, data, piece=piece)
    assert [reply.request_id for reply in replies] == ["a", "b", "c"]
    assert [reply.status for reply in replies] == [405 if method else 200, 200, 200]
    assert replies[1].json()["body"] == "b"
    assert not client.is_closed


def test_an_upgrade_keeps_what_else_the_connection_is_told(service: HandService) -> None:
    (reply,), client = ask(service, request(SMALL, BODY, "Upgrade: h2c", "Connection: upgrade, close"))
    assert (reply.status, reply.closes, client.is_closed) == (200, True, True)


def test_thousands_of_upgrades_in_one_piece_are_answered(service: HandService) -> None:
    data = request("/models", None, "Upgrade: a", "Connection: Upgrade")
    replies, _ = ask(service, data * 3000)
    assert [reply.status for reply in replies] == [200] * 3000


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        ("http://x/predict/small", "POST", 200),
        ("http://x:3000/predict/small?a=b", "POST", 200),
        ("/predict/sm%61ll", "POST", 200),
        ("/predict/small?labels=false&x=%ff", "POST", 200),
        ("/predict/small?", "POST", 200),
        ("/predict/small", "GET", 405),
        ("/predict/small", "HEAD", 405),
        ("/models", "HEAD", 200),
        ("/models?x", "GET", 200),
        ("/v2/models/small/infer", "GET", 405),
        ("/v2/n%C3%B6", "GET", 404),
        ("/v2/%ff%00", "GET", 404),
        ("/ec%68o", "GET", 200),
    ],
)
def test_targets_and_methods(service: HandService, target: str, method: str, status: int) -> None:
    body = BODY if method == "POST" else None
    replies, client = ask(service, request(target, body, method=method) * 2, method, method)
    assert [reply.status for reply in replies] == [status] * 2
    assert [reply.body == b"" for reply in replies] == [method == "HEAD"] * 2
    assert all(int(reply.headers["content-length"]) > 0 for reply in replies)
    assert not client.is_closed


@pytest.mark.parametrize("deadline", ["soon", "", "-1", "1.5", "9" * 10])
def test_a_deadline_of_no_number_is_refused_by_the_route_and_the_connection_goes_on(
    service: HandService, adder: Adder, deadline: str
) -> None:
    more = (f"X-Archscale-Deadline-Ms: {deadline}", named("a"))
    data = request(SMALL, BODY, *more) + request("/echo", BODY, *more) + request(SMALL, BODY, named("b"))
    (refusal, passed, good), _ = ask(service, data)
    assert (refusal.status, refusal.closes, refusal.request_id, refusal.json()["rule"]) == (400, False, "a", "deadline")
    assert (passed.status, good.status, adder.refused) == (200, 200, [400])


def test_an_origin_is_for_the_application_where_origins_matter(adder: Adder, service: HandService) -> None:
    sensitive = HandService(adder.responder, echo, service.loop, cors=True)
    plain, foreign = (ask(sensitive, request(SMALL, BODY, *more))[0] for more in ((), ("Origin: http://y",)))
    assert plain[0].json()["predictions"] == [6]
    assert foreign[0].json()["path"] == SMALL


LINES = pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["Accept: application/json", "Accept: text/html"], 200),
        (["Accept: text/html", "Accept: application/json"], 200),
        (["Accept: text/html", "Accept: image/png"], 406),
        (["Content-Encoding: gzip", "Content-Encoding: identity"], 415),
    ],
)


@LINES
def test_lines_of_one_list_are_one(service: HandService, lines: list[str], status: int) -> None:
    (reply,), _ = ask(service, request(SMALL, BODY, *lines))
    assert reply.status == status


@LINES
def test_lines_of_one_list_are_one_in_front_too(adder: Adder, lines: list[str], status: int) -> None:
    front = Front(Starlette(), adder.responder, ServiceSettings())
    headers = [(name.lower().encode(), value.encode()) for name, value in (line.split(": ") for line in lines)]
    scope = {"type": "http", "method": "POST", "path": SMALL, "query_string": b"", "headers": headers}
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": BODY}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(front(scope, receive, send))
    assert sent[0]["status"] == status
