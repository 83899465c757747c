"""The peers: how each is started, and where it answers."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from loadtest.record.errors import MeasurementError
from loadtest.target.server import PROJECT, free_port, stop
from tests.bench.peers.bodies import Body

READY_SECONDS = 90.0
POLL_SECONDS = 0.05
V2_ROUTE = "/v2/models/network/infer"
PLACE = ("--host", "127.0.0.1", "--port", "{port}")
# uvicorn gathers what its access log would say even at a log level that never prints it (0.54).
ASGI = ("-m", "uvicorn", *PLACE, "--loop", "uvloop", "--http", "httptools", "--no-access-log")


@dataclass(frozen=True)
class Peer:
    """Another way to serve the same network. command: ``{port}`` stands for the port; folder: of its environment."""

    name: str
    command: tuple[str, ...]
    folder: str = ".venv-peers"


PEERS = (
    Peer("uvloop and httptools", ("-m", "tests.bench.peers.at_once", "{port}")),
    Peer("ASGI echo", (*ASGI, "tests.bench.peers.echo:app")),
    Peer("bare ASGI", (*ASGI, "tests.bench.peers.bare:app")),
    Peer("FastAPI", (*ASGI, "tests.bench.peers.with_fastapi:app")),
    Peer("tutorial BentoML", ("-m", "bentoml", "serve", "tests.bench.peers.tutorial:Tutorial", *PLACE)),
    Peer("LitServe", ("-m", "tests.bench.peers.with_litserve", "{port}")),
    Peer("MLServer", ("-m", "tests.bench.peers.with_mlserver", "{port}"), ".venv-mlserver"),
    Peer("Triton", ("-m", "tests.bench.peers.with_triton", "{port}", "batching"), ".venv-triton"),
    Peer("Triton, no batching", ("-m", "tests.bench.peers.with_triton", "{port}"), ".venv-triton"),
    Peer("Ray Serve", ("-m", "tests.bench.peers.with_ray", "{port}"), ".venv-ray"),
)


@dataclass(frozen=True)
class Running:
    """A started server; memory is that of its largest process."""

    url: str
    ready_seconds: float
    process: psutil.Process

    def memory_bytes(self) -> int:
        """Resident memory of the largest process of this server."""
        return max(int(part.memory_info().rss) for part in (self.process, *self.process.children(recursive=True)))


@contextmanager
def start(peer: Peer, environment: dict[str, str], route: str, body: Body) -> Iterator[Running]:
    """Start ``peer`` on the processors of this process; ready is when it answers ``body``. Raises MeasurementError."""
    port = free_port()
    command = [str(_python_of(peer)), *(part.format(port=port) for part in peer.command)]
    path = {"PYTHONPATH": str(PROJECT), "BENTOML_DO_NOT_TRACK": "True"}
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, **path, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url + route, body, process, peer.name)
        yield Running(url, time.monotonic() - began, psutil.Process(process.pid))
    finally:
        stop(process)


def _python_of(peer: Peer) -> Path:
    """Return the interpreter of a peer's environment. Raises MeasurementError if there is none."""
    python = PROJECT / peer.folder / "bin/python"
    if not python.exists():
        raise MeasurementError(
            f"{peer.name} must be installed, however: {peer.folder} is not there. Run: make bench-serving"
        )
    return python


def _wait(url: str, body: Body, process: subprocess.Popen[bytes], name: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    request = urllib.request.Request(url, body.content, body.headers)
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(POLL_SECONDS)
    raise MeasurementError(f"{name} must answer within {READY_SECONDS:g} s, however: it does not.")
