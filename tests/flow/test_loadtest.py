"""Real Locust against a real service: as Locust's users run it, and as the comparison does."""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loadtest.results import Results, load_results
from loadtest.server import Server
from tests.commands import ROOT

LIMIT_SECONDS = 120
SHORT = ("--rounds", "1", "--seconds", "1", "--users", "2", "--rows", "2")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


def locust(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run("locust", "-f", "loadtest/locustfile.py", "--headless", "--users", "4", "--run-time", "2s", *arguments)


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in ended.stderr
    (line,) = ended.stderr.strip().splitlines()
    return line


def test_small_and_large_users_as_locusts_users_run_them(service: Server, tmp_path: Path) -> None:
    statistics = tmp_path / "statistics"
    ended = locust("SmallUser", "LargeUser", "--host", service.url, "--json-file", str(statistics))
    assert ended.returncode == 0, ended.stderr
    entries = json.loads(statistics.with_suffix(".json").read_text())
    found = {entry["name"]: (entry["num_requests"] > 0, entry["num_failures"]) for entry in entries}
    assert found == {"/predict/small": (True, 0), "/predict/large": (True, 0)}


@pytest.mark.parametrize("body", ["json", "npy", "raw"])
def test_any_architecture_with_any_body(service: Server, body: str) -> None:
    asked = ("ArchitectureUser", "--architecture", "large", "--body", body, "--rows", "3")
    ended = locust(*asked, "--host", service.url)
    assert ended.returncode == 0, ended.stderr


REFUSED = {
    "an unknown architecture": (("ArchitectureUser", "--architecture", "huge"), "Choose from: small, large."),
    "no architecture": (("ArchitectureUser",), "--architecture NAME"),
    "no rows": (("SmallUser", "--rows", "0"), "at least 1"),
}


@pytest.mark.parametrize(("arguments", "words"), REFUSED.values(), ids=REFUSED)
def test_locust_refuses_what_can_not_be_asked(service: Server, arguments: tuple[str, ...], words: str) -> None:
    ended = locust(*arguments, "--host", service.url)
    assert ended.returncode == 2
    assert any(words in line for line in ended.stderr.splitlines())
    assert "Traceback" not in ended.stderr


def test_the_comparison_of_a_running_service(service: Server, tmp_path: Path) -> None:
    ended = run("loadtest", "--host", service.url, "--output", str(tmp_path), "--slo-p99-ms", "0.001", *SHORT)
    assert ended.returncode == 0, ended.stderr
    results = load_results(tmp_path / "results.json")
    assert [one.architecture for one in results.rounds] == ["small", "large"]
    assert all(one.requests > 0 and one.p50_ms <= one.p95_ms <= one.p99_ms for one in results.rounds)
    for words in ("closed loop", "large / small", "requests/s", "p99 <= 0.001 ms: small MISSED", "are not measured"):
        assert words in ended.stdout
    assert (tmp_path / "comparison.txt").read_text().splitlines()[0] in ended.stdout


@pytest.fixture(scope="module")
def started(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Results]:
    """A comparison that starts its own services: what it prints and what it saves."""
    folder = tmp_path_factory.mktemp("comparison")
    ended = run("loadtest", "--output", str(folder), *SHORT, BENTOML_HOME=str(home))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, load_results(folder / "results.json")


def test_the_comparison_starts_the_service_itself(started: tuple[str, Results], release: str) -> None:
    printed, results = started
    assert results.release == release
    assert all(one.server_cpu_seconds is not None and one.server_cpu_seconds > 0 for one in results.rounds)
    assert "server CPU" in printed


def test_each_architecture_alone_keeps_within_the_memory_it_was_promised(started: tuple[str, Results]) -> None:
    _, results = started
    for name in ("small", "large"):
        assert 50e6 < results.alone[name].worker_memory_bytes <= 180e6


def test_an_empty_store_says_what_to_run(tmp_path: Path) -> None:
    ended = run("loadtest", "--output", str(tmp_path / "results"), *SHORT, BENTOML_HOME=str(tmp_path / "home"))
    assert ended.returncode == 1
    assert "python -m training" in one_line(ended)


WRONG_INPUT = {
    "no rows": (("--rows", "0"), "--rows must be a whole number of at least 1"),
    "no user": (("--users", "none"), "--users must be a whole number of at least 1"),
    "an endless round": (("--seconds", "inf"), "--seconds must be a number"),
    "an unknown body": (("--body", "csv"), "--body"),
    "a folder below a file": (("--output", "README.md/results"), "--output must be a folder that can be written to"),
    "no URL": (("--host", "nowhere"), "the service must answer at nowhere"),
    "nobody there": (("--host", "http://127.0.0.1:9"), "Start it or correct --host"),
    "an unknown option": (("--fast",), "--help"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG_INPUT.values(), ids=WRONG_INPUT)
def test_wrong_input_is_refused_in_one_line(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    ended = run("loadtest", "--output", str(tmp_path), *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert words in one_line(ended)


def test_an_architecture_that_is_not_served_is_refused(service: Server, tmp_path: Path) -> None:
    ended = run("loadtest", "--host", service.url, "--architecture", "huge", "--output", str(tmp_path))
    assert ended.returncode == 2
    assert "Choose from: small, large." in one_line(ended)


class _Liar(BaseHTTPRequestHandler):
    """Serves what the real service says of itself, and answers every prediction with the same number."""

    real: str
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:

        with urllib.request.urlopen(self.real + self.path) as answer:
            self._answer(answer.read(), answer.headers["X-Archscale-Release"])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        release = self.server.release  # type: ignore[attr-defined]
        architecture = self.path.split("/")[2]
        answer = {"predictions": [0.123, 0.123], "architecture": architecture, "release": release}
        self._answer(json.dumps(answer).encode(), release)

    def _answer(self, body: bytes, release: str) -> None:
        self.send_response(200)
        self.send_header("X-Archscale-Release", release)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def liar(service: Server, release: str) -> Iterator[str]:
    """URL of a service that answers with status 200 and wrong values."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Liar", (_Liar,), {"real": service.url}))
    server.release = release  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_wrong_values_with_status_200_make_the_comparison_invalid(liar: str, tmp_path: Path) -> None:
    one_user = ("--rounds", "1", "--seconds", "1", "--users", "1", "--rows", "2", "--architecture", "small")
    ended = run("loadtest", "--host", liar, "--output", str(tmp_path), *one_user)
    assert ended.returncode == 1
    assert "INVALID: small" in ended.stdout
    assert "wrong value" in ended.stdout
