"""Bad bytes over real sockets: a 4xx or a closed connection, never a hang, a leak, a wrong or a second answer."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from loadtest.target.server import Server, serve
from service.contract.card import Examples
from tests.bench.fuzz_protocol import fuzz, make_seeds
from tests.flow.cases import BAD_BODIES, BAD_ROWS, FEATURES
from tests.http_messages import named, read_replies, request
from tests.patience import get
from tests.patience import request as ask
from tests.sockets import connect, exchange

SMALL = "/predict/small"
CHUNKED = b"POST /predict/small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = request("/models", None, named("the-last"), "Connection: close")
STREAMS = 500

BROKEN: dict[str, tuple[bytes, int]] = {
    "a request line of 64 KB": (request("/" + "x" * 2**16), 431),
    "a thousand headers": (request("/models", None, *[f"X-{number}: {'y' * 70}" for number in range(1000)]), 431),
    "two lengths": (request(SMALL, b"{}", "Content-Length: 3"), 400),
    "a length and chunks": (request(SMALL, b"{}", "Transfer-Encoding: chunked"), 400),
    "a chunk size that overflows": (CHUNKED + b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n", 400),
    "a negative length": (request(SMALL, None, "Content-Length: -1", method="POST"), 400),
    "no Host": (request("/models", host=None), 400),
    "two Hosts": (request("/models", None, "Host: y"), 400),
    "a tunnel": (request("x:1", None, method="CONNECT"), 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xa5" * 40, 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
}
REFUSED = {name: ({"features": rows}, 422) for name, rows, *_ in BAD_ROWS if len(rows) < 100}
BODIES = {name: (json.dumps(document).encode(), status) for name, (document, status) in REFUSED.items()}
BODIES |= {f"a body: {name}": (body, status) for name, body, status in BAD_BODIES}


@pytest.fixture(scope="module", autouse=True)
def unharmed(service: Server) -> Iterator[None]:
    """Look at the worker before all tests and after: the same lives, and holds no more open than it did."""
    (worker,) = service.workers
    opened = descriptors(service)
    yield
    assert [worker.pid for worker in service.workers] == [worker.pid]
    assert descriptors(service) <= opened
    assert get(f"{service.url}/models").status_code == 200


def descriptors(service: Server) -> int:
    """Files and sockets that the worker has open, when it has closed what its clients have."""
    (worker,) = service.workers
    assert get(f"{service.url}/models").status_code == 200
    found = psutil.Process(worker.pid).num_fds()
    for _ in range(100):
        if (now := min(found, psutil.Process(worker.pid).num_fds())) < found:
            found = now
        get(f"{service.url}/v2")
    return found


@pytest.mark.parametrize("piece", [0, 1], ids=["at once", "byte by byte"])
@pytest.mark.parametrize(("data", "status"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_request_is_refused_and_the_connection_ends(
    service: Server, data: bytes, status: int, piece: int
) -> None:
    received = exchange(service.url, data + LAST, piece=piece if len(data) < 1000 else 1000 * piece)
    (refusal,) = read_replies(received)
    assert (refusal.status, refusal.closes) == (status, True)


@pytest.mark.parametrize("piece", [0, 1], ids=["at once", "byte by byte"])
@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES)
def test_what_breaks_the_contract_is_refused_and_the_next_request_is_answered(
    service: Server, body: bytes, status: int, piece: int
) -> None:
    data = request(SMALL, body, named("the-bad"))
    refusal, last = read_replies(exchange(service.url, data + LAST, piece=piece))
    assert (refusal.status, refusal.request_id, refusal.closes) == (status, "the-bad", False)
    assert (last.status, last.request_id) == (200, "the-last")


def test_many_requests_at_once_are_all_answered(service: Server, examples: dict[str, Examples]) -> None:
    body = json.dumps({"features": examples["small"].features[:1]}).encode()
    names = [f"r{number}" for number in range(500)]
    data = b"".join(request(SMALL, body, named(name)) for name in names)
    replies = read_replies(exchange(service.url, data + LAST))
    assert [reply.request_id for reply in replies] == [*names, "the-last"]
    assert {reply.body for reply in replies[:-1]} == {replies[0].body}


def test_an_upgrade_with_a_body_loses_neither_the_body_nor_what_follows(service: Server) -> None:
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    body = json.dumps({"features": [[0.5] * FEATURES]}).encode()
    first, last = read_replies(exchange(service.url, request(SMALL, body, *upgrade) + LAST))
    assert (first.status, last.request_id) == (200, "the-last")


def test_random_bytes_are_answered_or_refused(service: Server) -> None:
    statuses, wrong = fuzz(service.url, streams=STREAMS, seed=7, seeds=make_seeds())
    assert wrong == []
    assert {200, 400, 404, 422} <= statuses.keys()


def test_a_thousand_connections_that_open_and_close_leave_nothing(service: Server) -> None:
    for number in range(1000):
        with connect(service.url) as connection:
            if number % 2:
                connection.sendall(request("/models")[: number % 40])


@pytest.fixture(scope="module")
def with_cors(store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that pages of one origin may ask."""
    folder = tmp_path_factory.mktemp("cors")
    allowed = {"enabled": True, "access_control_allow_origins": ["http://page"]}
    more = {"access_control_allow_methods": ["POST"], "access_control_allow_headers": ["content-type"]}
    config = folder / "bentoml.yaml"
    config.write_text(json.dumps({"services": {"archscale": {"http": {"cors": {**allowed, **more}}}}}))
    settings = {"BENTOML_CONFIG": str(config), "ARCHSCALE_WORKERS": "1", "ARCHSCALE_DRAIN_SECONDS": "0"}
    with serve(store(), log=folder / "serve.log", **settings) as server:
        yield server.url


def test_a_page_of_an_allowed_origin_may_ask(with_cors: str) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = ask("OPTIONS", f"{with_cors}{SMALL}", headers={"Origin": "http://page", **asked})
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://page"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    body = {"features": [[0.5] * FEATURES]}
    ours, others, plain = (
        ask("POST", f"{with_cors}{SMALL}", json=body, headers=headers)
        for headers in ({"Origin": "http://page"}, {"Origin": "http://other"}, {})
    )
    assert [answer.status_code for answer in (ours, others, plain)] == [200] * 3
    assert ours.headers["Access-Control-Allow-Origin"] == "http://page"
    assert "Access-Control-Allow-Origin" not in others.headers
    assert "Access-Control-Allow-Origin" not in plain.headers
    refused = ask("POST", f"{with_cors}{SMALL}", json={}, headers={"Origin": "http://page"})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (422, "http://page")
