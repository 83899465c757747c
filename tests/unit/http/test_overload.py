"""What is refused because it would wait beyond its deadline, and how: before anything is known each waits 0.5 ms."""

import pytest

from service.answers.messages import overloaded
from service.http.turn import FEW, SHORT_BYTES
from tests.adding import Adder, echo
from tests.hand_turned import PIECE, Client, HandLoop, HandService
from tests.http_messages import named, read_replies, request, rows_body

SMALL, INFER = "/predict/small", "/v2/models/small/infer"
BODY = rows_body([1, 2, 3])
LONG = rows_body([1, 2, 3], padding=SHORT_BYTES)
FAST, SLOW = request(SMALL, BODY), request(SMALL, LONG)
LONGER = request(SMALL, rows_body([1, 2, 3], padding=3 * PIECE))
"""In several pieces."""
NOW = "X-Archscale-Deadline-Ms: 0"
"""Of a client that waits for nobody."""


def statuses(client: Client) -> list[int]:
    return [reply.status for reply in read_replies(client.received)]


@pytest.fixture
def busy(service: HandService) -> HandService:
    """A service with 40 short and 40 long requests that it has not answered."""
    for data in (FAST, SLOW):
        for _ in range(40):
            service.connect().send(data)
    return service


@pytest.mark.parametrize("chunk", [0, 1000])
@pytest.mark.parametrize("body", [BODY, LONG], ids=["short", "long"])
def test_what_would_wait_too_long_is_refused_and_counted(
    busy: HandService, adder: Adder, body: bytes, chunk: int
) -> None:
    client = busy.connect()
    client.send(request(SMALL, body, NOW, named("a"), chunk=chunk))
    busy.loop.turn()
    (refusal,) = read_replies(client.received)
    assert (refusal.status, refusal.closes, refusal.request_id) == (503, False, "a")
    assert (refusal.json()["rule"], refusal.headers["retry-after"]) == ("deadline", "1")
    assert "0.02 s of work" in refusal.json()["detail"]
    assert adder.refused == [503]
    busy.settle()
    client.send(request(SMALL, body, NOW))
    busy.settle()
    assert statuses(client) == [503, 200]


def test_bodies_that_wait_are_bounded_by_their_bytes_too(adder: Adder, loop: HandLoop) -> None:
    service = HandService(adder.responder, echo, loop, max_waiting_bytes=(FEW + 1) * len(LONG) + 10)
    clients = [service.connect() for _ in range(FEW + 3)]
    for client in clients:
        client.send(SLOW)
    service.settle()
    assert sorted(statuses(client)[0] for client in clients) == [200] * (FEW + 1) + [503] * 2
    refused = next(client for client in clients if statuses(client) == [503])
    (refusal,) = read_replies(refused.received)
    assert (refusal.json()["rule"], refusal.headers["retry-after"], refusal.closes) == ("room", "1", False)
    refused.send(SLOW)
    service.settle()
    assert statuses(refused) == [503, 200]


def test_few_bodies_have_room_however_large(adder: Adder, loop: HandLoop) -> None:
    service = HandService(adder.responder, echo, loop, max_waiting_bytes=10)
    clients = [service.connect() for _ in range(FEW + 1)]
    for client in clients:
        client.send(SLOW)
    service.settle()
    assert [statuses(client) for client in clients] == [[200]] * FEW + [[503]]


def test_bodies_that_arrive_are_bounded_too_and_few_have_room_however_large(adder: Adder, loop: HandLoop) -> None:
    service = HandService(adder.responder, echo, loop, max_waiting_bytes=10)
    clients = [service.connect() for _ in range(FEW + 2)]
    for data in (LONGER[:PIECE], LONGER[PIECE:-1]):
        for client in clients:
            client.send(data)
    service.settle()
    held, refused = clients[:FEW], clients[FEW:]
    assert [client.received for client in held] == [b""] * FEW
    for client in refused:
        (refusal,) = read_replies(client.received)
        assert (refusal.status, refusal.closes, refusal.json()["rule"]) == (503, True, "room")
        assert client.protocol.body._parts == b""
    assert adder.refused == [503, 503]
    for client in held:
        client.send(LONGER[-1:] + FAST)
        service.settle()
        assert statuses(client) == [200, 200]


@pytest.mark.parametrize("end", ["left", "cut off", "whole"])
def test_a_body_that_arrives_no_more_makes_room(adder: Adder, loop: HandLoop, end: str) -> None:
    service = HandService(adder.responder, echo, loop, max_waiting_bytes=10, body_seconds=1)
    first, *others = [service.connect() for _ in range(FEW)]
    for client in (first, *others):
        client.send(LONGER[:PIECE])
    if end == "left":
        first.leave()
    elif end == "cut off":
        service.loop.wait(1 + 2)  # and a second for each 64 KiB
    else:
        first.send(LONGER[PIECE:])
    service.settle()
    last = service.connect()
    last.send(LONGER[:-1])
    last.send(LONGER[-1:])
    service.settle()
    assert statuses(last) == [200]


@pytest.mark.parametrize("chunk", [0, 20_000])
def test_nothing_is_kept_of_a_long_body_for_what_reads_none(service: HandService, chunk: int) -> None:
    client = service.connect()
    data = request("/v2/health/live", LONGER, chunk=chunk, method="GET")
    client.send(data[:-8])
    assert client.protocol.body._parts == b""
    client.send(data[-8:] + FAST)
    service.settle()
    assert statuses(client) == [200, 200]


def test_in_an_empty_service_nothing_waits(service: HandService) -> None:
    client = service.connect()
    for data in (request(SMALL, BODY, NOW), request(SMALL, LONG, NOW)):
        client.send(data)
        service.settle()
    assert statuses(client) == [200, 200]


def test_the_setting_bounds_what_a_client_may_ask_for(adder: Adder, loop: HandLoop) -> None:
    service = HandService(adder.responder, echo, loop, deadline_ms=1)
    asked = [(), ("X-Archscale-Deadline-Ms: 10000",), ("X-Archscale-Deadline-Ms: 1",)] * 2
    clients = [service.connect() for _ in asked]
    for client, more in zip(clients, asked, strict=True):
        client.send(request(SMALL, BODY, *more))
    service.settle()
    assert [statuses(client) for client in clients] == [[200]] * 3 + [[503]] * 3  # the third waits 1 ms


def test_short_requests_do_not_wait_for_all_the_long_ones(service: HandService) -> None:
    for _ in range(40):
        service.connect().send(SLOW)
    client = service.connect()
    client.send(request(SMALL, BODY, NOW))
    service.loop.turn()
    assert statuses(client) == [200]


def test_refusals_keep_their_place_in_the_pipeline(service: HandService) -> None:
    client = service.connect()
    other = request(SMALL, BODY, NOW, named("b"))
    client.send(request(SMALL, BODY, named("a")) + other + request(SMALL, BODY, named("c")))
    service.settle()
    replies = read_replies(client.received)
    assert [(reply.status, reply.request_id) for reply in replies] == [(200, "a"), (503, "b"), (200, "c")]


def test_a_refusal_has_the_form_of_its_route(busy: HandService) -> None:
    client = busy.connect()
    client.send(request(INFER, BODY, NOW))
    busy.loop.turn()
    (refusal,) = read_replies(client.received)
    assert (refusal.status, list(refusal.json())) == (503, ["error"])


@pytest.mark.parametrize("target", ["/models", "/v2/health/live", "/v2/health/ready", "/v2/models/small/ready"])
def test_documents_and_probes_are_never_refused(busy: HandService, target: str) -> None:
    client = busy.connect()
    client.send(request(target, None, NOW))
    busy.settle()
    assert statuses(client) == [200]


def test_a_client_that_waits_to_send_its_body_is_refused_at_once(busy: HandService) -> None:
    client = busy.connect()
    client.send(request(SMALL, LONG, NOW, "Expect: 100-continue").removesuffix(LONG))
    (refusal,) = read_replies(client.received)
    assert (refusal.status, refusal.closes, refusal.told_to_continue) == (503, True, False)
    client.send(LONG)  # it had begun to send
    busy.settle()
    assert statuses(client) == [503]


def test_a_long_body_that_is_hopeless_is_not_kept(busy: HandService) -> None:
    client = busy.connect()
    client.send(request(SMALL, LONG, NOW)[:-1])
    assert client.protocol.body._parts == b""
    busy.settle()
    assert client.received == b""  # what follows it could not be told from it
    client.send(LONG[-1:] + FAST)
    busy.settle()
    assert statuses(client) == [503, 200]


@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("sent", [1, 100, 64 * 1024])
def test_what_lies_behind_a_body_that_is_thrown_away_is_read_wherever_it_was_cut(
    busy: HandService, adder: Adder, sent: int, *, closes: bool
) -> None:
    client = busy.connect()
    slow = request(SMALL, LONG, NOW, named("a"))
    head = slow.removesuffix(LONG)
    client.send(head + LONG[:sent])
    last = request(SMALL, LONG, NOW, named("c"), *(["Connection: close"] if closes else []))
    rest = LONG[sent:] + request(SMALL, BODY, named("b")) + last + FAST
    for at in range(0, len(rest), 100_000):
        client.send(rest[at : at + 100_000])
        busy.loop.turn()
    busy.settle()
    replies = read_replies(client.received)
    expected = [(503, "a"), (200, "b"), (503, "c")]
    assert [(reply.status, reply.request_id) for reply in replies[:3]] == expected
    assert [reply.status for reply in replies[3:]] == ([] if closes else [200])
    assert adder.refused == [503, 503]


@pytest.mark.parametrize(("seconds", "told"), [(0.0, "1"), (0.3, "1"), (1.0, "1"), (1.01, "2"), (7.5, "8")])
def test_whoever_is_refused_is_told_when_to_come_again(seconds: float, told: str) -> None:
    assert overloaded(seconds).headers["Retry-After"] == told
