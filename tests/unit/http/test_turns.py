"""What one turn of the loop answers, in which order, and what goes through the graph together."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from service.answers.access_log import AccessLog
from service.http.turn import SHORT_BYTES
from tests.adding import FAILS, OVERFLOWS, RELEASE, Adder, echo
from tests.hand_turned import HandLoop, HandService
from tests.http_messages import named, read_replies, request, rows_body

SMALL, LARGE, INFER = "/predict/small", "/predict/large", "/v2/models/small/infer"
LONG = SHORT_BYTES + 1


def test_what_arrives_in_one_turn_is_answered_by_one_run_for_each_architecture(
    service: HandService, adder: Adder
) -> None:
    clients = [service.connect() for _ in range(6)]
    for number, client in enumerate(clients):
        client.send(request((SMALL, LARGE)[number % 2], rows_body([number, 1, 0])))
    assert adder.runs == []  # until the turn is over
    service.settle()
    assert adder.runs == [("small", [1, 3, 5]), ("large", [2000, 4000, 6000])]
    answers = [read_replies(client.received)[0].json()["predictions"] for client in clients]
    assert answers == [[1], [2000], [3], [4000], [5], [6000]]


def test_requests_of_the_open_inference_protocol_go_with_the_others(service: HandService, adder: Adder) -> None:
    own, other = service.connect(), service.connect()
    own.send(request(SMALL, rows_body([1, 2, 3])))
    tensor = '{"name": "features", "datatype": "FP32", "shape": [2, 3], "data": [1, 1, 1, 2, 2, 2]}'
    other.send(request(INFER, f'{{"inputs": [{tensor}]}}'.encode()))
    service.settle()
    assert adder.runs == [("small", [6, 3, 6])]
    assert read_replies(other.received)[0].json()["outputs"][0]["data"] == [3, 6]


def test_what_arrives_in_the_next_turn_is_answered_by_the_next_run(
    service: HandService, adder: Adder, loop: HandLoop
) -> None:
    client = service.connect()
    for number in range(2):
        client.send(request(SMALL, rows_body([number, 0, 0])))
        loop.turn()
    assert adder.runs == [("small", [0]), ("small", [1])]


def test_nothing_goes_together_where_batching_is_off(loop: HandLoop) -> None:
    adder = Adder(together=False)
    service = HandService(adder.responder, echo, loop)
    service.connect().send(request(SMALL, rows_body([1, 0, 0])) + request(SMALL, rows_body([2, 0, 0])))
    service.settle()
    assert adder.runs == [("small", [1]), ("small", [2])]


def test_at_most_64_rows_go_together(service: HandService, adder: Adder) -> None:
    for _ in range(3):
        service.connect().send(request(SMALL, rows_body(*[[1.0, 0, 0]] * 30)))
    service.settle()
    assert [len(answers) for _, answers in adder.runs] == [60, 30]


@pytest.mark.parametrize(
    ("rows", "status", "row"),
    [
        ([[1, 2, 3], [1, 2]], 422, 1),
        ([[0, 0, 0], [1, 0, 0], [OVERFLOWS, 0, 0]], 422, 2),
        ([[FAILS, 0, 0]], 500, None),
    ],
    ids=["a row too narrow", "a row that overflows", "a graph that fails"],
)
def test_a_bad_row_refuses_its_own_request_alone_and_is_named_by_its_place_in_it(
    service: HandService, adder: Adder, rows: list[list[float]], status: int, row: int | None
) -> None:
    clients = [service.connect() for _ in range(3)]
    for number, body in enumerate((rows_body([1, 1, 1]), rows_body(*rows), rows_body([2, 2, 2]))):
        clients[number].send(request(SMALL, body, named(f"r{number}")))
    service.settle()
    (first,), (bad,), (last,) = (read_replies(client.received) for client in clients)
    assert (first.json()["predictions"], last.json()["predictions"]) == ([3], [6])
    assert (first.request_id, bad.request_id, last.request_id) == ("r0", "r1", "r2")
    assert (bad.status, adder.refused) == (status, [status])
    assert [fault["row"] for fault in bad.json().get("errors", ())] == ([] if row is None else [row])


def test_an_endpoint_that_fails_is_logged_and_the_next_request_is_answered(
    service: HandService, adder: Adder, caplog: pytest.LogCaptureFixture
) -> None:
    client = service.connect()
    with caplog.at_level(logging.ERROR):
        client.send(request(SMALL, rows_body([FAILS, 0, 0]), named("the-bad")))
        service.settle()
    client.send(request(SMALL, rows_body([1, 1, 1])))
    service.settle()
    failed, good = read_replies(client.received)
    assert (failed.status, failed.closes, good.status) == (500, False, 200)
    assert adder.refused == [500]
    assert "the-bad" in caplog.text
    assert "out of memory" in caplog.text


def test_what_fails_outside_of_any_endpoint_is_a_500_too_and_nobody_waits_for_ever(
    service: HandService, adder: Adder, caplog: pytest.LogCaptureFixture
) -> None:
    adder.meter.return_value.answered.side_effect = OSError("no space left")
    clients = [service.connect() for _ in range(2)]
    with caplog.at_level(logging.ERROR):
        for client in clients:
            client.send(request(SMALL, rows_body([1, 1, 1]), named("r")))
        service.settle()
    assert [[reply.status for reply in read_replies(client.received)] for client in clients] == [[500], [500]]
    assert adder.refused == [500, 500]
    assert "no space left" in caplog.text


def test_where_not_even_a_failure_can_be_counted_it_is_answered(service: HandService, adder: Adder) -> None:
    adder.meter.return_value.answered.side_effect = OSError("no space left")
    adder.meter.return_value.refused.side_effect = OSError("no space left")
    client = service.connect()
    client.send(request(SMALL, rows_body([1, 1, 1])))
    service.settle()
    assert [reply.status for reply in read_replies(client.received)] == [500]


def test_an_access_log_that_cannot_be_written_costs_no_answer_and_is_told_of_once(
    loop: HandLoop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    adder = Adder(log=AccessLog(1.0, release=RELEASE))
    client = HandService(adder.responder, echo, loop).connect()
    with Path("/dev/full").open("wb", buffering=0) as full, caplog.at_level(logging.WARNING):
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=full))
        for data in (rows_body([1, 1, 1]), rows_body([OVERFLOWS, 1, 1]), rows_body([1, 1, 1])):
            client.send(request(SMALL, data))
            loop.turn(3)
    assert [reply.status for reply in read_replies(client.received)] == [200, 422, 200]
    assert caplog.text.count("No space left") == 1


def test_long_bodies_do_not_hold_back_short_ones_of_the_same_turn(service: HandService, adder: Adder) -> None:
    for number in range(3):
        service.connect().send(request(SMALL, rows_body([100 + number, 0, 0], padding=LONG)))
    for number in range(2):
        service.connect().send(request(SMALL, rows_body([number, 0, 0])))
    service.settle()
    assert adder.runs == [("small", [0, 1]), ("small", [100]), ("small", [101]), ("small", [102])]


def test_one_long_body_is_answered_in_a_turn_and_short_ones_between_two(
    service: HandService, adder: Adder, loop: HandLoop
) -> None:
    for number in range(3):
        service.connect().send(request(SMALL, rows_body([100 + number, 0, 0], padding=LONG)))
    loop.turn()
    for number in range(2):
        service.connect().send(request(SMALL, rows_body([number, 0, 0])))
        loop.turn(2)
    service.settle()
    assert [answers for _, answers in adder.runs] == [[100], [0], [101], [1], [102]]


def test_nothing_is_computed_for_a_client_that_has_left(service: HandService, adder: Adder, loop: HandLoop) -> None:
    gone, other = service.connect(), service.connect()
    gone.send(request(SMALL, rows_body([1, 0, 0])) * 3)
    other.send(request(SMALL, rows_body([2, 0, 0])))
    gone.leave()
    service.settle()
    assert adder.runs == [("small", [2])]
    assert (gone.received, read_replies(other.received)[0].status) == (b"", 200)
