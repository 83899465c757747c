"""Locust as its users call it, and services that pretend to be the real one until they are asked for predictions."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from loadtest.target.server import free_port
from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS

SERVICE_SECONDS = 0.05
TRUE_ANSWERS = 20
LOCUSTFILE = "loadtest/locustfile.py"
LOCUST = (sys.executable, "-m", "locust", "-f")


def in_processes(count: int) -> tuple[str, ...]:
    """Options for so many processes, whose master listens on a port of its own: other tests have one, too."""
    port = str(free_port())
    return ("--processes", str(count), "--master-bind-port", port, "--master-port", port)


def locust(*arguments: str, locustfile: str = LOCUSTFILE) -> subprocess.CompletedProcess[str]:
    """Run Locust headless until it ends by itself; on standard error it says its statistics, and errors."""
    return subprocess.run(
        [*LOCUST, locustfile, "--headless", "--only-summary", "--loglevel", "ERROR", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@contextmanager
def locust_beside(*arguments: str, locustfile: str = LOCUSTFILE) -> Iterator[subprocess.Popen[str]]:
    """Run Locust while something else happens, and end it if it has not ended."""
    process = subprocess.Popen(
        [*LOCUST, locustfile, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Pretender(BaseHTTPRequestHandler):
    """Says of itself what the real service says, and answers predictions by ``predict``."""

    protocol_version = "HTTP/1.1"
    server: "PretendingServer"

    def predict(self) -> None:
        """Answer a request, of which everything is read: truly, unless a kind of service does otherwise."""
        self.predict_truly()

    def predict_truly(self) -> None:
        """Answer as the real service does."""
        headers = {"Content-Type": self.headers["Content-Type"]}
        with urllib.request.urlopen(urllib.request.Request(self.server.real + self.path, self.body, headers)) as answer:
            self.answer(200, answer.read())

    def do_GET(self) -> None:
        with urllib.request.urlopen(self.server.real + self.path) as answer:
            self.answer(200, answer.read())

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()
        self.predict()

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("X-Archscale-Release", self.server.release)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class PretendingServer(ThreadingHTTPServer):
    """Serves a ``Pretender``; real: the URL of the service that it pretends to be."""

    request_queue_size = 1024

    def __init__(self, handler: type[Pretender], real: str) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.real = real
        with urllib.request.urlopen(real + "/models") as answer:
            self.release: str = json.load(answer)["release"]
        self.lock, self.answered = threading.Lock(), 0
        self.asked = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that has gone."""


@contextmanager
def pretend(handler: type[Pretender], real: str) -> Iterator[PretendingServer]:
    """Serve ``handler`` meanwhile."""
    server = PretendingServer(handler, real)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Liar(Pretender):
    """Answers every prediction with status 200 and the same number for each row."""

    def predict(self) -> None:
        (rows,) = json.loads(self.body).values()
        architecture = self.path.split("/")[2]
        said = {"predictions": [0.123] * len(rows), "architecture": architecture, "release": self.server.release}
        self.answer(200, json.dumps(said).encode())


class OneAtATime(Pretender):
    """Answers truly, each request ``SERVICE_SECONDS`` after the one before at the earliest."""

    def predict(self) -> None:
        with self.server.lock:
            time.sleep(SERVICE_SECONDS)
            self.predict_truly()


class Dying(Pretender):
    """Answers ``TRUE_ANSWERS`` requests, and is gone: nothing listens any more, and every connection is broken."""

    def predict(self) -> None:
        with self.server.lock:
            self.server.answered += 1
            alive = self.server.answered <= TRUE_ANSWERS
        if alive:
            self.predict_truly()
        else:
            self.server.socket.close()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
