"""Messages as bytes on a socket: bodies that lie, many requests at once, clients that leave or wait."""

import json
import socket
import struct

import httpx
import pytest

from loadtest.target.server import Server
from service.contract.card import Examples
from tests.flow.cases import FEATURES
from tests.patience import PATIENCE_SECONDS


def test_a_client_that_leaves_half_way_harms_nobody(client: httpx.Client, service: Server) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    workers = [worker.pid for worker in service.workers]
    for _ in range(5):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST /predict/small HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n{")
    assert client.get("/models").status_code == 200
    assert [worker.pid for worker in service.workers] == workers


def exchange(service: Server, request: bytes, *, end: bool = True) -> bytes:
    """Send raw bytes, say that no more come, and return all that comes back until the server closes."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(request)
        if end:
            connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


LYING = {
    "a body that ends early": b"POST /predict/small HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n{}",
    "a chunk that ends early": b"POST /predict/small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    "a length that is no number": b"POST /predict/small HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n{}",
    "a negative length": b"POST /predict/small HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
    "two lengths": b"POST /predict/small HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
}


@pytest.mark.parametrize("request_bytes", LYING.values(), ids=LYING)
def test_a_body_that_is_not_what_its_head_says_never_fails_the_server(
    client: httpx.Client, service: Server, request_bytes: bytes
) -> None:
    workers = [worker.pid for worker in service.workers]
    assert not exchange(service, request_bytes).startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))
    assert client.get("/models").status_code == 200
    assert [worker.pid for worker in service.workers] == workers


def head(path: str, body: bytes, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_requests_sent_at_once_on_one_connection_are_answered_in_their_order(
    service: Server, examples: dict[str, Examples]
) -> None:
    bodies = [json.dumps({"features": examples["small"].features[:rows]}).encode() for rows in (1, 2, 3)]
    requests = [head("/predict/small", body) + body for body in bodies[:-1]]
    requests.append(head("/predict/small", bodies[-1], "Connection: close") + bodies[-1])
    answers = exchange(service, b"".join(requests), end=False)
    counts = [len(json.loads(part.split(b"\r\n\r\n")[1])["predictions"]) for part in answers.split(b"HTTP/1.1 200")[1:]]
    assert counts == [1, 2, 3]


def test_a_connection_is_closed_after_the_whole_answer_where_the_client_asks_for_it(
    service: Server, examples: dict[str, Examples]
) -> None:
    body = json.dumps({"raw": examples["small"].raw}).encode()
    answer = exchange(service, head("/transform", body, "Connection: close") + body, end=False)
    features = json.loads(answer.split(b"\r\n\r\n", 1)[1])["features"]
    assert (len(features), len(features[0])) == (len(examples["small"].raw), FEATURES)


def test_a_client_that_waits_to_be_told_to_go_on_is_told(service: Server, examples: dict[str, Examples]) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    body = json.dumps({"features": examples["small"].features[:1]}).encode()
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(head("/predict/small", body, "Expect: 100-continue"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_clients_that_leave_before_their_answer_harm_nobody(
    client: httpx.Client, service: Server, examples: dict[str, Examples]
) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    body = json.dumps({"features": examples["large"].features}).encode()
    workers = [worker.pid for worker in service.workers]
    for _ in range(20):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head("/predict/large", body) + body)
            # Reset rather than closed in order: the answer meets a connection that is gone.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert client.get("/models").status_code == 200
    assert [worker.pid for worker in service.workers] == workers
