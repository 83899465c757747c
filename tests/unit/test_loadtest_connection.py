"""The one way to ask the service under test: past proxies, and with a clear word on bodies that are too large."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadtest.record.errors import MeasurementError
from loadtest.target.connection import accepts_body
from tests.commands import ROOT

LARGE = bytes(20_000_000)
"""More than the buffers of both ends hold."""


PAGES = {
    "/readyz": b"",
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
        if self.path in ("/gone", "/nonsense"):
            self.wfile.write(b"nonsense\r\n\r\n" if self.path == "/nonsense" else b"")
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


ASK_ALL = """
import sys
from loadtest.target.catalogue import read_catalogue
from loadtest.target.connection import accepts_body
from loadtest.target.counters import read_counters
from loadtest.target.server import _is_ready
host = sys.argv[1]
assert read_catalogue(host).release
assert read_counters(host)
assert accepts_body(host, "/200", "application/json", b"{}")
assert _is_ready(host)
"""


def test_the_service_is_asked_past_a_proxy(host: str) -> None:
    """In a process of its own: Python looks for proxies once."""
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    environment = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"} | proxies
    command = [sys.executable, "-c", ASK_ALL, host]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("route", "body", "taken"), [("/200", LARGE, True), ("/413", b"", False), ("/unread", LARGE, False)]
)
def test_a_body_is_too_large_where_the_service_says_so_or_does_not_read_it(
    route: str, body: bytes, taken: bool, host: str
) -> None:
    assert accepts_body(host, route, "application/json", body) is taken


@pytest.mark.parametrize(
    ("route", "reason"),
    [("/500", "status 500"), ("/422", "status 422"), ("/gone", "without response"), ("/nonsense", "nonsense")],
)
def test_whatever_else_happens_to_a_body_says_nothing_of_its_size(route: str, reason: str, host: str) -> None:
    with pytest.raises(MeasurementError, match=rf"however: POST {route} failed \(.*{reason}"):
        accepts_body(host, route, "application/json", b"{}")


def test_a_service_that_is_gone_takes_no_body_of_any_size() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(MeasurementError, match="refused"):
        accepts_body(f"http://127.0.0.1:{port}", "/200", "application/json", b"{}")
