"""Start `bentoml serve` for a load test, measure its processes, and stop it by its process id."""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from loadtest.record.errors import MeasurementError
from loadtest.target.connection import request_from

PROJECT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.05
WORKER_MODULE = "_bentoml_impl.worker.service"
"""Part of a worker's command line (BentoML 1.4.39)."""
MARK = "LOADTEST_SERVER"
"""Environment variable of a service and all that it starts: by it the workers of a dead one are found."""


@dataclass(frozen=True)
class Server:
    """A running service; ``ready_seconds``: from its start until it said that it was ready."""

    url: str
    process: psutil.Process
    log: Path
    ready_seconds: float

    @property
    def workers(self) -> list[psutil.Process]:
        """Processes that answer requests."""
        return [child for child in self._children() if WORKER_MODULE in " ".join(child.cmdline())]

    def cpu_seconds(self) -> float:
        """Processor time of the service and its workers so far, user and system."""
        times = [process.cpu_times() for process in (self.process, *self._children())]
        return sum(spent.user + spent.system for spent in times)

    def use(self) -> "Use | None":
        """Read what the workers have used so far; None where one of them, or a thread, ends meanwhile."""
        try:
            workers = self.workers
            times = [worker.cpu_times() for worker in workers]
            return Use(
                cpu_seconds=sum(spent.user + spent.system for spent in times),
                waited_seconds=_waited_seconds([worker.pid for worker in workers]),
                memory_bytes=max((int(worker.memory_info().rss) for worker in workers), default=0),
            )
        except (psutil.Error, OSError):
            return None

    def worker_memory_bytes(self) -> int:
        """Resident memory of the largest worker. Raises MeasurementError where none lives."""
        memory = [int(worker.memory_info().rss) for worker in self.workers]
        if not memory:
            raise MeasurementError(f"a worker must live to be measured, however: none does. {_last_line(self.log)}")
        return max(memory)

    def _children(self) -> list[psutil.Process]:
        """All below that live: one that has ended, but was not yet waited for, has no command line to read."""
        children = self.process.children(recursive=True)
        return [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


@dataclass(frozen=True)
class Use:
    """What the workers have used since their start. memory_bytes: resident, of the largest of them."""

    cpu_seconds: float
    waited_seconds: float | None
    """Ready to run, but without a processor; None where the system does not say."""
    memory_bytes: int


def _waited_seconds(pids: list[int]) -> float | None:
    """Sum over all threads (Linux: Documentation/scheduler/sched-stats, /proc/<pid>/schedstat, the second number)."""
    files = [file for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    if not files:
        return None
    return sum(int(file.read_text().split()[1]) for file in files) / 1e9


PORTS = range(10_000, 32_768)
"""Linux gives those from 32,768 on to clients, other systems higher ones."""
UNDER_TEST = {
    "ARCHSCALE_DRAIN_SECONDS": "0",
    "ARCHSCALE_DEADLINE_MS": "3600000",
    "ARCHSCALE_MAX_WAITING_BYTES": "2GiB",
}
"""No load balancer has to notice that a server of this program ends; and how long requests wait is what is measured."""


@contextmanager
def serve_newest(**settings: str) -> Iterator[Server]:
    """Serve from the user's model store, with a home of its own. settings: environment variables. Raises as ``serve``.

    Two servers on one home erase each other's metric files (BentoML 1.4.39).
    """
    with tempfile.TemporaryDirectory(prefix="archscale-loadtest-") as folder:
        home = Path(folder) / "home"
        link_models(home)
        with serve(home, log=Path(folder) / "serve.log", **settings) as server:
            yield server


@contextmanager
def serve(home: Path, *target: str, log: Path, **settings: str) -> Iterator[Server]:
    """Serve the project's folder, or the Bento named by ``target``, on a free port of 127.0.0.1.

    home: the BENTOML_HOME; log: where the service's words go; settings: environment variables. BENTOML_PORT among them
    is the port instead.
    Raises MeasurementError with the service's own last line if it ends or does not become ready.
    """
    port = int(settings["BENTOML_PORT"]) if "BENTOML_PORT" in settings else free_port()
    started = time.monotonic()
    mark = uuid.uuid4().hex
    variables = {**UNDER_TEST, **settings, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", MARK: mark}
    process = _start(target, port, log, variables)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, process, log)
        yield Server(url, psutil.Process(process.pid), log, time.monotonic() - started)
    finally:
        stop(process, mark)


def link_models(home: Path) -> None:
    """Make a BENTOML_HOME with the models of the user's store."""
    home.mkdir()
    models = models_folder()
    models.mkdir(parents=True, exist_ok=True)
    (home / "models").symlink_to(models)


def models_folder() -> Path:
    """Return the folder of the user's model store."""
    return Path(os.environ.get("BENTOML_HOME", Path.home() / "bentoml")).absolute() / "models"


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has now.

    By chance, below those that the kernel gives to whoever connects: one of these may be gone before a server has it.
    """
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _start(target: tuple[str, ...], port: int, log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bentoml", "serve", *target, "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches the load test alone, which then stops the service in order.
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise MeasurementError(_last_line(log))
        if _is_ready(url):
            return
        time.sleep(POLL_SECONDS)
    raise MeasurementError(f"the service must be ready within {READY_SECONDS:g} s, however: {_last_line(log)}")


def _is_ready(url: str) -> bool:
    try:
        with request_from(url, "/readyz", seconds=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "the service ended without a word."


def stop(process: subprocess.Popen[bytes], mark: str | None = None) -> None:
    """Stop ``process`` by SIGTERM, then whatever it leaves behind: its children, and what carries ``mark``."""
    family = set(_find_marked(mark)) if mark else set()
    if process.poll() is None:
        family.update(psutil.Process(process.pid).children(recursive=True))
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for straggler in psutil.wait_procs(family, timeout=1)[1]:
        with suppress(psutil.NoSuchProcess):
            straggler.kill()


def _find_marked(mark: str) -> Iterator[psutil.Process]:
    """Yield processes of this user: those of others can't be read."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                yield process
