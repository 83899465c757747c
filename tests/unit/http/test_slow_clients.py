"""Clients that ask more than they read: reading pauses, little is computed, memory stays; then all is answered."""

import tracemalloc
from collections.abc import Iterator

import pytest

from service.http.pipeline import MOST_WAITING
from tests.adding import Adder
from tests.hand_turned import HIGH_WATER, Client, HandLoop, HandService
from tests.http_messages import named, read_replies, request, rows_body

SMALL = "/predict/small"
MANY = 100_000
ROUTES = {
    "fast": request(SMALL, rows_body([1, 1, 1]), named("r")),
    "a document": request("/models", None, named("r")),
    "the application": request("/echo", None, named("r")),
    "a mix": request(SMALL, rows_body([1, 1, 1])) + request("/echo", b"b") + request("/models"),
}


@pytest.fixture
def memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def flood(service: HandService, client: Client, data: bytes) -> int:
    """Send bytes until reading pauses for good; return the most memory that was taken meanwhile."""
    begin = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    client.send(data)
    service.settle(turns=20_000)
    return tracemalloc.get_traced_memory()[1] - begin


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("data", ROUTES.values(), ids=ROUTES)
def test_a_client_that_asks_a_hundred_thousand_times_and_reads_nothing_takes_little(
    service: HandService, adder: Adder, data: bytes
) -> None:
    client = service.connect(reads=False)
    sent = data * (MANY // data.count(b"HTTP/1.1"))
    taken = flood(service, client, sent) - len(sent)  # which is copied once, as if the network held it
    assert client.is_paused
    assert client.left_to_send > len(sent) // 2
    assert sum(len(answers) for _, answers in adder.runs) * 200 < 2 * HIGH_WATER + MOST_WAITING * 400
    assert client.get_write_buffer_size() < 4 * HIGH_WATER
    assert taken < 20 * 2**20


@pytest.mark.parametrize("data", ROUTES.values(), ids=ROUTES)
def test_reading_goes_on_when_the_client_reads_and_every_request_is_answered(service: HandService, data: bytes) -> None:
    client = service.connect(reads=False)
    client.send(data * 2000)
    service.settle(turns=20_000)
    assert client.is_paused
    client.read()
    service.settle(turns=20_000)
    replies = read_replies(client.received)
    assert [reply.status for reply in replies] == [200] * 2000 * data.count(b"HTTP/1.1")
    assert (client.left_to_send, client.is_closed) == (0, False)


def test_long_bodies_of_one_client_wait_outside(service: HandService, adder: Adder) -> None:
    client = service.connect(reads=False)
    body = rows_body([1, 1, 1], padding=4 * 2**20)
    client.send(request(SMALL, body) * 20)
    assert client.is_paused
    assert client.left_to_send > 10 * len(body)
    client.read()
    service.settle()
    assert len(adder.runs) == len(read_replies(client.received)) == 20


def test_answers_that_nobody_reads_are_not_computed(service: HandService, adder: Adder) -> None:
    client = service.connect(reads=False)
    rows = [[0.5, 0, 0]] * 5000
    client.send(request(SMALL, rows_body(*rows)) * 40)
    service.settle()
    assert len(adder.runs) <= 6
    assert client.get_write_buffer_size() < 4 * HIGH_WATER
    client.read()
    service.settle()
    assert len(adder.runs) == len(read_replies(client.received)) == 40


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("target", [SMALL, "/echo"])
def test_a_body_in_tiny_chunks_takes_no_more_than_its_size(service: HandService, target: str) -> None:
    client = service.connect()
    data = request(target, rows_body([1, 1, 1], padding=2**19), chunk=2)
    assert flood(service, client, data) - len(data) < 4 * 2**20
    assert read_replies(client.received)[0].status == 200


def test_other_clients_are_answered_meanwhile(service: HandService, loop: HandLoop) -> None:
    service.connect(reads=False).send(ROUTES["a mix"] * 1000)
    other = service.connect()
    for _ in range(3):
        other.send(ROUTES["fast"])
        loop.turn(2)
    assert len(read_replies(other.received)) == 3
