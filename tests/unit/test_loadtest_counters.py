"""The service's own count of requests, read from a page of metrics on a socket of this machine."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loadtest.study.trial import Bench
from loadtest.target import counters
from loadtest.target.counters import read_counters, settled_counters

PAGE = """# HELP archscale_requests_total Requests
# TYPE archscale_requests_total counter
archscale_requests_total{{architecture="small",release="a",route="predict",status="200"}} {right}
archscale_requests_total{{architecture="small",release="a",route="predict",status="422"}} 3.0
archscale_requests_total{{architecture="small",release="a",route="predict_raw",status="200"}} 5.0
archscale_requests_total{{architecture="large",release="a",route="predict",status="200"}} 7.0
# HELP archscale_rows_total Rows
# TYPE archscale_rows_total counter
archscale_rows_total{{architecture="small",release="a",route="predict"}} 900.0
"""


@pytest.fixture
def host() -> Iterator[Callable[..., str]]:
    """Serve these answers to GET /metrics in turn, and the last one ever after; return the URL."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def serve(*answers: bytes, status: int = 200) -> str:
        coming = iter(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = next(coming, answers[-1])
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def page(right: float) -> bytes:
    return PAGE.format(right=right).encode()


def test_answers_of_every_status_are_counted_by_architecture_and_kind_of_body(host: Callable[..., str]) -> None:
    found = read_counters(host(page(10)) + "/")
    assert found is not None
    assert [found.of("small", body) for body in ("json", "npy", "raw")] == [13, 13, 5]
    assert (found.of("large", "json"), found.of("wide", "json")) == (7, 0)


@pytest.mark.parametrize("body", [b"", b"# nothing\n", b"other_total 3\n", b"<html>{broken</html>", b"\xff\xfe"])
def test_a_page_that_is_not_this_services_says_nothing(body: bytes, host: Callable[..., str]) -> None:
    assert read_counters(host(body)) is None


def test_no_such_page_and_no_such_host_say_nothing(host: Callable[..., str]) -> None:
    url = host(b"nothing here", status=404)
    assert read_counters(url) is None
    assert settled_counters("http://127.0.0.1:9") is None


def test_the_counters_are_read_when_they_no_longer_rise(
    host: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "SETTLE_SECONDS", 0)
    found = settled_counters(host(page(1), page(4), page(9), page(9), page(20)))
    assert found is not None
    assert found.of("small", "json") == 12


def test_of_many_replicas_no_counts_are_read(host: Callable[..., str], tmp_path: Path) -> None:
    url = host(page(1), page(1))
    assert Bench(url, None, tmp_path, 50, [0], 1).read().counters is not None
    assert Bench(url, None, tmp_path, 50, [0], 1, many_replicas=True).read().counters is None


def test_counters_that_never_rest_are_read_at_last(host: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(counters, "LONGEST_SETTLING_SECONDS", 0.05)
    assert settled_counters(host(*(page(count) for count in range(10_000)))) is not None
