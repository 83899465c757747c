"""The peers: how each is started, where it answers, and in which words."""

import json
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

READY_SECONDS = 90.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Peer:
    """Another way to serve the same network. command: ``{port}`` stands for the port; route: of predictions."""

    name: str
    command: tuple[str, ...]
    route: str
    python: Path


@dataclass(frozen=True)
class Running:
    """A started server; memory is that of its largest process."""

    url: str
    ready_seconds: float
    process: psutil.Process

    def memory_bytes(self) -> int:
        """Resident memory of the largest process of this server."""
        return max(int(part.memory_info().rss) for part in (self.process, *self.process.children(recursive=True)))


def peers(python: Path, mlserver_python: Path) -> list[Peer]:
    """All peers. python: the interpreter of their environment; mlserver_python: that of MLServer's."""
    place = ("--host", "127.0.0.1", "--port", "{port}")
    # uvicorn gathers what its access log would say even at a log level that never prints it (0.54).
    asgi = ("-m", "uvicorn", *place, "--loop", "uvloop", "--http", "httptools", "--no-access-log")
    tutorial = ("-m", "bentoml", "serve", "tests.bench.peers.tutorial:Tutorial", *place)
    return [
        Peer("ASGI echo", (*asgi, "tests.bench.peers.echo:app"), "/", python),
        Peer("bare ASGI", (*asgi, "tests.bench.peers.bare:app"), "/predict", python),
        Peer("FastAPI", (*asgi, "tests.bench.peers.with_fastapi:app"), "/predict", python),
        Peer("tutorial BentoML", tutorial, "/predict", python),
        Peer("LitServe", ("-m", "tests.bench.peers.with_litserve", "{port}"), "/predict", python),
        Peer(
            "MLServer", ("-m", "tests.bench.peers.with_mlserver", "{port}"), "/v2/models/network/infer", mlserver_python
        ),
    ]


@contextmanager
def start(peer: Peer, environment: dict[str, str], body: bytes) -> Iterator[Running]:
    """Start ``peer`` on the processors of this process; ready is when it answers ``body``. Raises MeasurementError."""
    port = free_port()
    command = [str(peer.python), *(part.format(port=port) for part in peer.command)]
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
        url = f"http://127.0.0.1:{port}{peer.route}"
        _wait(url, body, process, peer.name)
        yield Running(url, time.monotonic() - began, psutil.Process(process.pid))
    finally:
        stop(process)


def _wait(url: str, body: bytes, process: subprocess.Popen[bytes], name: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(POLL_SECONDS)
    raise MeasurementError(f"{name} must answer within {READY_SECONDS:g} s, however: it does not.")


def body_for(peer: Peer, features: list[list[float]]) -> bytes:
    """JSON of the rows, in the peer's words."""
    if peer.name != "MLServer":
        return json.dumps({"features": features}).encode()
    flat = [value for row in features for value in row]
    shape = [len(features), len(features[0])]
    return json.dumps({"inputs": [{"name": "features", "shape": shape, "datatype": "FP32", "data": flat}]}).encode()


def python_of(folder: str) -> Path:
    """Return the interpreter of an environment in the project's folder. Raises MeasurementError if there is none."""
    python = PROJECT / folder / "bin/python"
    if not python.exists():
        raise MeasurementError(f"the peers must be installed, however: {folder} is not there. Run: make bench-serving")
    return python
