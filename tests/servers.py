"""Start `bentoml serve` as a user would, wait until it is ready, and stop it by its process id."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sys import executable

import psutil

ROOT = Path(__file__).parent.parent
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Server:
    """A running service."""

    url: str
    process: psutil.Process
    log: Path
    ready_seconds: float

    @property
    def workers(self) -> list[psutil.Process]:
        """Processes that answer requests."""
        children = self.process.children(recursive=True)
        return [child for child in children if "_bentoml_impl.worker.service" in " ".join(child.cmdline())]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bentoml(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a `bentoml` command in the project's folder until it ends."""
    return subprocess.run(
        [executable, "-m", "bentoml", *arguments],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=READY_SECONDS * 2,
        check=False,
    )


@contextmanager
def serve(home: Path, *target: str, log: Path, **environment: str) -> Iterator[Server]:
    """Serve the project's folder, or the Bento named by ``target``, on a free port of 127.0.0.1."""
    port = free_port()
    started = time.monotonic()
    with log.open("w") as output:
        process = psutil.Popen(
            [executable, "-m", "bentoml", "serve", *target, "--host", "127.0.0.1", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "BENTOML_HOME": str(home), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url, process, log)
        yield Server(url, process, log, time.monotonic() - started)
    finally:
        stop(process)


def wait_until_ready(url: str, process: psutil.Popen, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        try:
            process.wait(POLL_SECONDS)
        except psutil.TimeoutExpired:
            continue
    raise AssertionError(f"not ready after {READY_SECONDS} s: {log.read_text()}")


def stop(process: psutil.Popen) -> None:
    family = [process, *process.children(recursive=True)] if process.is_running() else []
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
    for straggler in alive:
        straggler.kill()
