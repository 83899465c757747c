"""How a service is stopped: whatever it started ends with it, also where it died before."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from loadtest.record.errors import MeasurementError
from loadtest.target.server import MARK, Server, stop

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""
LIMIT_SECONDS = 10.0


@pytest.fixture
def family() -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process]]:
    """A process and its child, which has a session of its own, as BentoML's workers have."""
    environment = {**os.environ, MARK: "of this test"}
    with subprocess.Popen([sys.executable, "-c", PARENT], env=environment, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        yield parent, child
        for process in (parent, child):
            if process.is_running() if isinstance(process, psutil.Process) else process.poll() is None:
                process.kill()


Family = tuple[subprocess.Popen[bytes], psutil.Process]


def has_ended(process: psutil.Process) -> bool:
    _, alive = psutil.wait_procs([process], timeout=LIMIT_SECONDS)
    return not alive or process.status() == psutil.STATUS_ZOMBIE


def test_a_child_ends_with_its_parent(family: Family) -> None:
    parent, child = family
    stop(parent)
    assert parent.poll() == -signal.SIGTERM
    assert has_ended(child)


def test_the_child_of_a_parent_that_died_before_ends_too(family: Family) -> None:
    parent, child = family
    parent.kill()
    parent.wait()
    stop(parent, mark="of this test")
    assert has_ended(child)


def test_a_child_that_ends_in_the_last_moment_is_no_fault(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    parent, child = family

    def kill(process: psutil.Process) -> None:
        os.kill(process.pid, signal.SIGKILL)
        raise psutil.NoSuchProcess(process.pid)

    monkeypatch.setattr(psutil.Process, "kill", kill)
    stop(parent)
    assert has_ended(child)


def test_the_memory_of_a_service_without_workers_is_an_error_that_says_what_its_log_does(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    log.write_text("the last worker was killed\n")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as childless:
        server = Server("http://127.0.0.1:9", psutil.Process(childless.pid), log, ready_seconds=1.0)
        with pytest.raises(MeasurementError, match=r"however: none does\. the last worker was killed"):
            server.worker_memory_bytes()
        childless.communicate(b"\n")
