"""Bodies that are read past the parser: whole and in their places, however they come and whatever lies around them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http import bodies
from service.http.bodies import MOST_RESERVED_BYTES, PIECE_BYTES
from service.http.turn import FEW, SHORT_BYTES
from tests.adding import Adder, echo
from tests.hand_turned import Client, HandLoop, HandService, hand_loop
from tests.http_messages import Reply, named, read_replies, request, rows_body

SMALL = "/predict/small"
LONG = 300_000
SIZES = [0, SHORT_BYTES, PIECE_BYTES - 300, PIECE_BYTES, LONG]


def ask(number: int = 0, *more: str, size: int = LONG, target: str = SMALL, version: str = "1.1") -> bytes:
    body = rows_body([number, 1, 1], padding=size)
    return request(target, body, named(f"r{number}"), *more, version=version)


def replies(client: Client) -> list[Reply]:
    return read_replies(client.received)


def predictions(client: Client) -> list[list[float]]:
    return [reply.json()["predictions"] for reply in replies(client)]


def reserves(service: HandService) -> bool:
    return service.connections.room.reserved > 0


@given(
    sizes=st.lists(st.sampled_from(SIZES), max_size=6),
    cuts=st.lists(st.integers(1, 2 * LONG), max_size=12),
    room=st.sampled_from([0, LONG, MOST_RESERVED_BYTES]),
)
def test_every_body_is_whole_and_in_its_place(sizes: list[int], cuts: list[int], room: int) -> None:
    adder = Adder()
    with hand_loop() as loop, pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "MOST_RESERVED_BYTES", room)
        service = HandService(adder.responder, echo, loop)
        client = service.connect()
        sent = b"".join(ask(number, size=size) for number, size in enumerate(sizes))
        for cut in cuts:
            client.send(sent[:cut])
            sent = sent[cut:]
            service.settle()
        client.send(sent)
        service.settle()
        assert predictions(client) == [[number + 2.0] for number in range(len(sizes))]
        assert not reserves(service)


def test_room_is_reserved_once_its_length_is_known_until_it_is_whole(service: HandService) -> None:
    client = service.connect()
    sent = ask()
    client.send(sent[:1000])
    assert service.connections.room.reserved > LONG
    client.send(sent[1000:])
    service.settle()
    assert predictions(client) == [[2.0]]
    assert not reserves(service)


@pytest.mark.parametrize(
    ("sent", "closes"),
    [
        (ask(0, "Connection: close"), True),
        (ask(0, "Connection: keep-alive"), False),
        (ask(0, "Connection: close", "Connection: keep-alive"), True),
        (ask(0, "Proxy-Connection: close"), True),
        (ask(0, version="1.0"), True),
        (ask(0, "Connection: keep-alive", version="1.0"), True),
    ],
    ids=["close", "keep-alive", "close and keep-alive", "close to a proxy", "HTTP/1.0", "HTTP/1.0, keep-alive"],
)
def test_a_connection_ends_as_it_would_behind_a_short_body(service: HandService, sent: bytes, *, closes: bool) -> None:
    client = service.connect()
    client.send(sent[:1000])
    client.send(sent[1000:])
    service.settle()
    assert [reply.closes for reply in replies(client)] == [closes]
    assert client.is_closed == closes


def test_a_client_that_waits_for_100_is_told_to_go_on(service: HandService) -> None:
    client = service.connect()
    head, _, body = ask(0, "Expect: 100-continue").partition(b"\r\n\r\n")
    client.send(head + b"\r\n\r\n")
    service.settle()
    assert client.received.startswith(b"HTTP/1.1 100 ")
    client.send(body)
    service.settle()
    (reply,) = replies(client)
    assert (reply.status, reply.told_to_continue) == (200, True)


@pytest.mark.parametrize("target", ["/models", "/predict/none"])
def test_of_one_that_nobody_asked_for_nothing_is_kept(service: HandService, target: str) -> None:
    client = service.connect()
    sent = ask(target=target) + ask(1)
    client.send(sent[:1000])
    assert not reserves(service)
    client.send(sent[1000:])
    service.settle()
    assert replies(client)[-1].json()["predictions"] == [3.0]


def test_a_client_that_leaves_in_the_middle_leaves_nothing(service: HandService) -> None:
    client = service.connect()
    client.send(ask()[:100_000])
    assert reserves(service)
    client.leave()
    service.settle()
    assert not reserves(service)
    assert client.is_closed


def test_a_body_that_ends_early_is_no_request(service: HandService, adder: Adder) -> None:
    client = service.connect()
    client.send(ask()[:100_000])
    client.end()
    service.settle()
    assert (client.received, adder.runs, client.is_closed) == (b"", [], True)
    assert not reserves(service)


def test_one_that_takes_too_long_is_refused_and_what_still_comes_is_thrown_away(service: HandService) -> None:
    client = service.connect()
    sent = ask() + ask(1)
    client.send(sent[:100_000])
    service.loop.wait(600)
    client.send(sent[100_000:])
    service.settle()
    assert [reply.status for reply in replies(client)] == [408]
    assert not reserves(service)


def test_short_requests_behind_it_are_answered(service: HandService) -> None:
    client = service.connect()
    client.send(ask())
    for number in range(1, 4):
        client.send(ask(number, size=0))
    service.settle()
    assert predictions(client) == [[2.0], [3.0], [4.0], [5.0]]


def test_no_more_is_reserved_than_there_is_room_for(service: HandService) -> None:
    clients = [service.connect() for _ in range(2 * MOST_RESERVED_BYTES // LONG)]
    sent = ask()
    for client in clients:
        client.send(sent[:1000])
    assert MOST_RESERVED_BYTES - 2 * LONG < service.connections.room.reserved <= MOST_RESERVED_BYTES
    for client in clients:
        client.send(sent[1000:])
    service.settle()
    assert [predictions(client) for client in clients] == [[[2.0]]] * len(clients)


def test_one_that_is_refused_is_dropped_and_the_connection_goes_on(adder: Adder, loop: HandLoop) -> None:
    service = HandService(adder.responder, echo, loop, max_waiting_bytes=1)
    for _ in range(FEW):
        service.connect().send(ask())
    client = service.connect()
    sent = ask(1) + ask(2, size=0)
    client.send(sent[:1000])
    reserved = service.connections.room.reserved
    client.send(sent[1000:-10])
    assert (reserved, service.connections.room.reserved) == (0, 0)
    service.settle()
    client.send(sent[-10:])
    service.settle()
    assert [reply.status for reply in replies(client)] == [503, 200]
    assert len(adder.runs) == FEW + 1
