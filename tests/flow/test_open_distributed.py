"""Open arrivals from several processes: each has a share of its own, the test ends by itself, nothing is lost."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from loadtest.generator.arrivals import Schedule
from loadtest.record.samples import Samples, file_of_worker, load_all, load_samples
from loadtest.target.server import Server, free_port
from tests.commands import ROOT
from tests.flow.loads import in_processes, locust, locust_beside
from tests.patience import PATIENCE_SECONDS

RATE, SECONDS, SEED, WORKERS = 50, 1.0, 11, 2
LOAD = ("--rate", str(RATE), "--seconds", f"{SECONDS:g}", "--seed", str(SEED))
USERS = ("--users", str(WORKERS), "--spawn-rate", str(WORKERS))


def assert_shares(file: Path) -> None:
    """Every worker offered and wrote the schedule of its number, and all was answered rightly."""
    for index in range(WORKERS):
        samples = load_samples(file_of_worker(file, index))
        expected = np.array(list(Schedule(RATE, SECONDS, seed=(SEED, index, 0)).times()))
        found = np.sort(samples.scheduled)
        np.testing.assert_allclose(found - found[0], expected - expected[0], atol=2e-6)
    joined = load_all(file, WORKERS)
    assert (joined.failures, set(joined.status), joined.architectures) == ((), {200}, ("large",))
    assert len(joined) == sum(len(part) for part in parts(file))
    assert (np.diff(joined.done) >= 0).all()


def parts(file: Path) -> list[Samples]:
    return [load_samples(file_of_worker(file, index)) for index in range(WORKERS)]


def test_processes_of_one_machine_write_a_file_each_and_end_by_themselves(service: Server, tmp_path: Path) -> None:
    file = tmp_path / "samples.npz"
    processes = (*in_processes(WORKERS), *USERS, "--results", str(file))
    ended = locust("OpenLargeUser", "--host", service.url, *LOAD, *processes)
    assert ended.returncode == 0, ended.stderr
    assert_shares(file)


def test_a_master_that_hears_no_statistics_in_time_knows_that_its_workers_asked(
    service: Server, tmp_path: Path
) -> None:
    file = tmp_path / "samples.npz"
    processes = (*in_processes(WORKERS), *USERS, "--results", str(file))
    late = "tests/flow/late_reports.py"
    ended = locust("OpenLargeUser", "--host", service.url, *LOAD, *processes, locustfile=late)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_a_master_and_its_workers_end_by_themselves(service: Server, tmp_path: Path) -> None:
    """Workers that know nothing but their master: whom to ask, how often and where to write is said by it."""
    file, port = tmp_path / "samples.npz", str(free_port())
    headless = ("--headless", "--only-summary", "--loglevel", "ERROR")
    worker = (*headless, "--worker", "--master-host", "127.0.0.1", "--master-port", port)
    asked = (*headless, "OpenLargeUser", "--host", service.url, *LOAD, *USERS, "--results", str(file))
    master = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2")
    with ExitStack() as processes:
        workers = [processes.enter_context(locust_beside(*worker)) for _ in range(WORKERS)]
        for process in (processes.enter_context(locust_beside(*asked, *master)), *workers):
            words, _ = process.communicate(timeout=PATIENCE_SECONDS)
            assert process.returncode == 0, words
            assert "Traceback" not in words
    assert_shares(file)


INTERRUPTED = """
import signal, sys
from loadtest import locustfile
from locust.env import Environment

save = locustfile.save_samples

def save_while_interrupted(samples, file):
    signal.raise_signal(signal.SIGINT)  # as Locust does to workers that take long
    save(samples, file)

locustfile.save_samples = save_while_interrupted
environment = Environment()
environment.create_local_runner()
environment.parsed_options = type("Options", (), {"results": sys.argv[1], "headless": False})
locustfile.stopping.interrupt_where_locust_waits()
locustfile.write_results(environment)
"""


def test_an_interruption_does_not_cut_the_writing_of_samples_short(tmp_path: Path) -> None:
    file = tmp_path / "samples.npz"
    subprocess.run([sys.executable, "-c", INTERRUPTED, str(file)], cwd=ROOT, check=True, timeout=PATIENCE_SECONDS)
    assert len(load_samples(file)) == 0
