"""What the tests change of the proxies' configurations, where there are none, and what they keep to themselves."""

import difflib
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.commands import ROOT
from tests.proxies import KINDS, configure, proxy, require


@pytest.mark.parametrize("name", KINDS)
def test_ports_and_paths_alone_differ_from_what_is_deployed(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    deployed = (ROOT / "deploy" / kind.configuration).read_text().splitlines()
    tested = configure(kind, 7000, (7001, 7002), tmp_path).splitlines()
    changed = [line for line in difflib.ndiff(deployed, tested) if line.startswith("+ ")]
    assert len(changed) == 3 + len(kind.own_files)
    assert [sum(f"127.0.0.1:{port}" in line for line in changed) for port in (7000, 7001, 7002)] == [1, 1, 1]


@pytest.mark.parametrize(("in_ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_without_a_proxy_a_test_is_skipped_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, in_ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", in_ci)
    monkeypatch.setattr(shutil, "which", lambda program: None if program == "nginx" else program)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(outcome, match="behind haproxy and nginx, however: no nginx"):
        require()


class Open(BaseHTTPRequestHandler):
    """Answers whatever is asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def open_server() -> Iterator[int]:
    """A server on a port of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Open) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


TARGETS = (
    "/metrics",
    "/metrics?x",
    "/%6detrics",
    "/%6D%65trics?x",
    "http://x/metrics",
    "/metrics#x",
    "/other",
    "/metrics2",
)


@pytest.mark.parametrize("name", KINDS)
def test_however_their_path_is_written_the_metrics_are_not_passed_on(name: str, tmp_path: Path) -> None:
    """A replica decodes a path once, and knows no fragment."""
    require()
    answered = set()
    with open_server() as port, proxy(name, (port, port), tmp_path) as front:
        for target in TARGETS:
            with closing(HTTPConnection(urlsplit(front.url).netloc)) as connection:
                connection.request("GET", target)
                if connection.getresponse().status == 200:
                    answered.add(target)
    assert answered == {"/other", "/metrics2"}
