"""The protocol over TLS, by BentoML's options, and a service that shows neither metrics, models nor documents."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from loadtest.target.server import free_port
from service.contract.card import Examples, ModelCard
from tests.commands import ROOT
from tests.flow.guarded import read_answer
from tests.patience import PATIENCE_SECONDS

ROWS = 4096
HIDDEN = (
    "/metrics",
    "/models",
    "/models/small/examples",
    "/",
    "/docs.json",
    "/schema.json",
    "/static_content/swagger-ui.css",
)


@dataclass(frozen=True)
class Secured:
    """A service behind a certificate. trust: what knows it."""

    port: int
    trust: ssl.SSLContext

    @contextmanager
    def connect(self) -> Iterator[ssl.SSLSocket]:
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS) as plain,
            self.trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            yield connection

    def ask(self, path: str, method: str = "GET") -> httpx.Response:
        with httpx.Client(verify=self.trust, timeout=PATIENCE_SECONDS) as client:
            return client.request(method, f"https://127.0.0.1:{self.port}{path}")


@pytest.fixture(scope="module")
def secured(store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    if shutil.which("openssl") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs openssl, to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject]
    subprocess.run([*made, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    secured = Secured(free_port(), ssl.create_default_context(cafile=certificate))
    hidden = {f"ARCHSCALE_SHOW_{what}": "off" for what in ("METRICS", "MODELS", "DOCUMENTS")}
    settings = {"BENTOML_HOME": str(store()), "ARCHSCALE_WORKERS": "1", "ARCHSCALE_DRAIN_SECONDS": "0", **hidden}
    command = [sys.executable, "-m", "bentoml", "serve", "--host", "127.0.0.1", "--port", str(secured.port)]
    command += ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(key)]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log)
        try:
            while not _is_ready(secured):
                assert process.poll() is None, (folder / "serve.log").read_text()
            yield secured
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_SECONDS)


def _is_ready(secured: Secured) -> bool:
    try:
        return secured.ask("/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def small(cards: dict[str, ModelCard]) -> Examples:
    return cards["small"].examples


def test_large_answers_follow_each_other_on_one_connection(secured: Secured, small: Examples) -> None:
    rows = (small.raw * ROWS)[:ROWS]
    body = json.dumps({"raw": rows}).encode()
    head = f"POST /transform HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with secured.connect() as connection:
        for _ in range(2):
            connection.sendall(head + body)
            status, headers, content = read_answer(connection)
            features = json.loads(content)["features"]
            assert (status, len(features), "connection" in headers) == (200, ROWS, False)
            assert features[ROWS - 1] == features[(ROWS - 1) % len(small.raw)]


def test_pipelined_requests_are_answered_in_their_order(secured: Secured, small: Examples) -> None:
    bodies = [json.dumps({"features": small.features[:rows]}).encode() for rows in (1, 2, 3)]
    with secured.connect() as connection:
        for body in bodies:
            connection.sendall(
                f"POST /predict/small HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            connection.sendall(body)
        answers = [json.loads(read_answer(connection)[2])["predictions"] for _ in bodies]
    assert [len(predictions) for predictions in answers] == [1, 2, 3]
    assert answers[2] == pytest.approx(small.prediction[:3], abs=1e-5)


@pytest.mark.parametrize("words", [b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x00", b"\x00" * 100])
def test_who_does_not_speak_tls_is_sent_away_and_harms_nobody(secured: Secured, words: bytes) -> None:
    with socket.create_connection(("127.0.0.1", secured.port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(words)
        connection.shutdown(socket.SHUT_WR)
        try:
            while connection.recv(1000):
                pass
        except ConnectionResetError:
            pass
    assert secured.ask("/livez").status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", HIDDEN)
def test_what_is_switched_off_is_not_found(secured: Secured, path: str, method: str) -> None:
    assert secured.ask(path, method).status_code == 404


def test_a_path_that_is_not_found_leads_to_nothing_that_is_switched_off(secured: Secured) -> None:
    assert "GET /" not in secured.ask("/nothing").json()["detail"]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/v2", "/v2/models/small", "/v2/health/ready"])
def test_what_is_not_switched_off_is_answered(secured: Secured, path: str) -> None:
    assert secured.ask(path).status_code == 200
