"""A real HAProxy and a real nginx before two services, as deploy/ configures them: addresses and paths alone differ."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadtest.target.connection import request_from
from loadtest.target.server import free_port
from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Kind:
    """A proxy: its program, its configuration, and what that says where the tests need something else."""

    program: str
    configuration: str
    listens: str
    """How it says where it listens, but for the port."""
    command: Callable[[Path], list[str]]
    """In the foreground."""
    own_files: dict[str, str]
    """What lies in folders of its own."""


KINDS = {
    "haproxy": Kind("haproxy", "haproxy.cfg", "bind ", lambda file: ["haproxy", "-db", "-f", str(file)], {}),
    "nginx": Kind(
        "nginx",
        "nginx.conf",
        "listen ",
        lambda file: ["nginx", "-g", "daemon off;", "-e", "stderr", "-p", str(file.parent), "-c", str(file)],
        {"/tmp/nginx.pid": "nginx.pid"},
    ),
}


def require() -> None:
    """Skip with one line where there are no proxies; fail in continuous integration, where there must be."""
    missing = [program for program in KINDS if shutil.which(program) is None] + ["root"] * (os.geteuid() != 0)
    if missing:
        reason = f"services are rolled by root behind {' and '.join(KINDS)}, however: no {missing[0]}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs."""

    url: str
    log: Path
    pid: int
    """Of its first process."""


@contextmanager
def proxy(name: str, ports: tuple[int, int], folder: Path) -> Iterator[Proxy]:
    """Start the proxy ``name`` before services on two ports of 127.0.0.1; its files lie in ``folder``."""
    kind, port = KINDS[name], free_port()
    file, log = folder / kind.configuration, folder / f"{name}.log"
    file.write_text(configure(kind, port, ports, folder))
    with log.open("wb") as output:
        process = subprocess.Popen(kind.command(file), stdout=output, stderr=subprocess.STDOUT)
    try:
        started = Proxy(f"http://127.0.0.1:{port}", log, process.pid)
        _wait_until_it_answers(started, process)
        yield started
    finally:
        process.terminate()
        process.wait()


def configure(kind: Kind, port: int, ports: tuple[int, int], folder: Path) -> str:
    """Return the deployed configuration with these ports, on 127.0.0.1, and files in ``folder``."""
    text = (ROOT / "deploy" / kind.configuration).read_text()
    changes = {
        f"{kind.listens}8080": f"{kind.listens}127.0.0.1:{port}",
        f"{kind.listens}:8080": f"{kind.listens}127.0.0.1:{port}",
        "first:3000": f"127.0.0.1:{ports[0]}",
        "second:3000": f"127.0.0.1:{ports[1]}",
        "172.30.30.11:3000": f"127.0.0.1:{ports[0]}",
        "172.30.30.12:3000": f"127.0.0.1:{ports[1]}",
        **{path: str(folder / own) for path, own in kind.own_files.items()},
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def _wait_until_it_answers(started: Proxy, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with request_from(started.url, "/readyz", seconds=5):
                return
        except OSError as error:
            assert process.poll() is None, started.log.read_text()
            assert time.monotonic() < deadline, (error, started.log.read_text())
            time.sleep(POLL_SECONDS)
