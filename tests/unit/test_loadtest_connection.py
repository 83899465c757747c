"""The one way to ask the service under test: past proxies, and with a clear word on bodies that are too large."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadtest.record.errors import MeasurementError
from loadtest.target.catalogue import read_catalogue
from loadtest.target.connection import accepts_body, request_from
from loadtest.target.counters import read_counters

LARGE = bytes(20_000_000)
"""More than the buffers of both ends hold."""


PAGES = {
    "/metrics": b'archscale_requests_total{architecture="small",route="predict"} 1.0\n',
    "/models": json.dumps({"release": "20260101t000000-abcdef", "models": {}}).encode(),
}


class Handler(BaseHTTPRequestHandler):
    """Answers GET as a service does, and POST with the status that the route names, once all of the body is read."""

    def do_GET(self) -> None:
        self.answer(200, PAGES[self.path])

    def do_POST(self) -> None:
        if self.path == "/unread":
            self.connection.shutdown(socket.SHUT_RD)
            self.close_connection = True
            return
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/gone":
            self.close_connection = True
        else:
            self.answer(int(self.path[1:]), b"")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def host() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


ASKED: dict[str, Callable[[str], object]] = {
    "the catalogue": read_catalogue,
    "the counters": read_counters,
    "a page": lambda host: request_from(host, "/models", seconds=5).read(),
    "a prediction": lambda host: accepts_body(host, "/200", "application/json", b"{}"),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_the_service_is_asked_past_a_proxy(
    asked: Callable[[str], object], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert asked(host)


@pytest.mark.parametrize(
    ("route", "body", "taken"), [("/200", LARGE, True), ("/413", b"", False), ("/unread", LARGE, False)]
)
def test_a_body_is_too_large_where_the_service_says_so_or_does_not_read_it(
    route: str, body: bytes, taken: bool, host: str
) -> None:
    assert accepts_body(host, route, "application/json", body) is taken


@pytest.mark.parametrize(
    ("route", "reason"), [("/500", "status 500"), ("/422", "status 422"), ("/gone", "without response")]
)
def test_whatever_else_happens_to_a_body_says_nothing_of_its_size(route: str, reason: str, host: str) -> None:
    with pytest.raises(MeasurementError, match=rf"however: POST {route} failed \(.*{reason}"):
        accepts_body(host, route, "application/json", b"{}")


def test_a_service_that_is_gone_takes_no_body_of_any_size() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(MeasurementError, match="refused"):
        accepts_body(f"http://127.0.0.1:{port}", "/200", "application/json", b"{}")
