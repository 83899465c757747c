"""Start the known server, on a processor of its own."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from loadtest.record.errors import MeasurementError
from loadtest.study.machine import on
from loadtest.target.server import PROJECT, free_port, stop
from service.contract.routes import MODELS_ROUTE

READY_SECONDS = 20.0
POLL_SECONDS = 0.05


@contextmanager
def serve_known(processor: int) -> Iterator[str]:
    """Yield the URL of a known server. Raises MeasurementError where it does not answer."""
    port = free_port()
    with on([processor]):
        process = subprocess.Popen([sys.executable, "-m", "tests.bench.known_server", str(port)], cwd=PROJECT)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url)
        yield url
    finally:
        stop(process)


def _wait(url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url + MODELS_ROUTE, timeout=1):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(POLL_SECONDS)
    raise MeasurementError(f"the known server must answer within {READY_SECONDS:g} s, however: it does not.")
