"""Open arrivals from several generators: each has a share of its own, the test ends by itself, and is one load."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from loadtest.generator.arrivals import Schedule
from loadtest.record.results_file import load_results
from loadtest.record.samples import load_samples
from loadtest.target.counters import Counters, read_counters
from loadtest.target.server import Server, free_port
from tests.commands import ROOT
from tests.flow.loads import LOCUSTFILE, in_processes, locust, locust_beside
from tests.patience import PATIENCE_SECONDS

RATE, SECONDS, SEED, WORKERS = 50, 1.0, 11, 2
LOAD = ("--rate", str(RATE), "--seconds", f"{SECONDS:g}", "--seed", str(SEED))
LONG = ("--rate", str(RATE), "--seconds", f"{PATIENCE_SECONDS:g}")
USERS = ("--users", str(WORKERS), "--spawn-rate", str(WORKERS))
OTHERS = ("tests/flow/other_version.py", "tests/flow/other_clock.py")
NO_KEY = "tests/flow/no_key.py"


def assert_shares(file: Path) -> None:
    """The samples are the schedules of all workers, each by its number, and all was answered rightly."""
    samples = load_samples(file)
    schedules = [np.array(list(Schedule(RATE, SECONDS, seed=(SEED, index, 0)).times())) for index in range(WORKERS)]
    assert len(samples) == sum(map(len, schedules))
    for schedule in schedules:
        begins = samples.scheduled - schedule[0]
        off = [np.abs(samples.scheduled[:, None] - (begin + schedule)).min(axis=0).max() for begin in begins]
        assert min(off) < 2e-6
    assert (samples.failures, set(samples.status), samples.architectures) == ((), {200}, ("large",))
    assert (np.diff(samples.done) >= 0).all()


def test_processes_of_one_machine_write_one_file_and_end_by_themselves(service: Server, tmp_path: Path) -> None:
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


@contextmanager
def machines(
    host: str, *asked: str, locustfiles: tuple[str, ...] = (LOCUSTFILE,) * WORKERS
) -> Iterator[tuple[subprocess.Popen[str], list[subprocess.Popen[str]]]]:
    """A master and its workers, started as on machines of their own: workers know nothing but their master."""
    port = str(free_port())
    headless = ("--headless", "--only-summary", "--loglevel", "ERROR")
    worker = (*headless, "--worker", "--master-host", "127.0.0.1", "--master-port", port)
    master = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2")
    with ExitStack() as processes:
        workers = [processes.enter_context(locust_beside(*worker, locustfile=file)) for file in locustfiles]
        yield (
            processes.enter_context(locust_beside(*headless, "OpenLargeUser", "--host", host, *USERS, *asked, *master)),
            workers,
        )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    words, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in words
    return process.returncode, words


@pytest.mark.slow
def test_a_master_and_its_workers_end_by_themselves_and_write_one_report(service: Server, tmp_path: Path) -> None:
    file, report = tmp_path / "samples.npz", tmp_path / "report"
    written = ("--results", str(file), "--report", str(report))
    with machines(service.url, *LOAD, *written) as (master, workers):
        _, words = end(master)
        assert [end(worker)[0] for worker in workers] == [0, 0], words
    assert_shares(file)
    (trial,) = load_results(report).trials
    gates = {gate.name: gate for gate in trial.gates}
    assert len(gates) == 7
    assert gates["counts agree"].parts == {"counted": trial.offered, "answered": trial.offered}
    assert gates["answers correct"].ok
    assert load_results(report).settings.processes == WORKERS
    assert (report / "report.html").exists()
    assert f"{trial.offered} of {trial.offered} arrivals answered rightly, at 100/s from 2 generators." in words


def wait_until_asked(host: str, before: Counters | None) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while read_counters(host) == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "words"), [(signal.SIGKILL, "was lost"), (signal.SIGTERM, "ended")])
def test_a_run_that_loses_a_worker_is_invalid_and_says_so(
    service: Server, tmp_path: Path, sent: signal.Signals, words: str
) -> None:
    file, before = tmp_path / "samples.npz", read_counters(service.url)
    with machines(service.url, *LONG, "--results", str(file)) as (master, workers):
        wait_until_asked(service.url, before)
        workers[0].send_signal(sent)
        code, output = end(master)
        for worker in workers:
            end(worker)
    said = output.strip().splitlines()[-1]
    assert code == 1
    assert "the workers must be the same from begin to end, however: worker" in said
    assert said.endswith(f"{words} before its end. The run is invalid: repeat it.")
    assert not file.exists()


@pytest.mark.slow
def test_workers_that_can_not_take_part_end_the_run_before_its_begin(service: Server) -> None:
    before = read_counters(service.url)
    with machines(service.url, *LONG, locustfiles=OTHERS) as (master, workers):
        code, said = end(master)
        codes, refusals = zip(*map(end, workers), strict=True)
    assert (code, codes) == (2, (2, 2))
    of_version, of_clock = (refusal.strip().splitlines()[0] for refusal in refusals)
    assert of_version.startswith("workers must run what their master runs, archscale")
    assert "runs archscale 0.0.1 with Locust" in of_version
    assert of_clock.startswith("workers' clocks must agree with their master's to 0.1 s, however:")
    assert of_clock.endswith("ahead. Set them by NTP.")
    assert said.strip().splitlines()[-1] in {of_version, of_clock}
    assert read_counters(service.url) == before


@pytest.mark.slow
def test_a_worker_that_can_not_do_its_part_ends_the_run_and_the_master_says_why(
    service: Server, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    with machines(service.url, *LONG, "--report", str(report), locustfiles=(LOCUSTFILE, NO_KEY)) as (master, workers):
        code, said = end(master)
        codes, words = zip(*map(end, workers), strict=True)
    assert (code, codes) == (2, (0, 2)), said
    why = "--api-key-file must be a file that holds a key, however: no-key.txt: No such file or directory. Correct it."
    last = said.strip().splitlines()[-1]
    assert last.startswith("worker ")
    assert last.endswith(f": {why}")
    assert words[1].strip() == why
    assert list(report.iterdir()) == []


INTERRUPTED = """
import signal, sys
from loadtest import locustfile
from locust.env import Environment

file, folder = sys.argv[1:]
save = locustfile.save_samples

def save_while_interrupted(samples, file):
    signal.raise_signal(signal.SIGINT)  # as Locust does to workers that take long
    save(samples, file)

locustfile.save_samples = save_while_interrupted
environment = Environment()
environment.create_local_runner()
environment.parsed_options = type("Options", (), {"results": file, "report": None, "headless": False})
locustfile.stopping.interrupt_where_locust_waits()
locustfile.write_results(environment)

locustfile._quits, environment.parsed_options.results = False, folder  # made since it was looked at
locustfile.write_results(environment)
locustfile.say_last()
sys.exit(environment.process_exit_code)
"""


def test_an_interruption_does_not_cut_the_writing_of_samples_short_and_where_they_have_no_place_a_line_says_so(
    tmp_path: Path,
) -> None:
    file = tmp_path / "samples.npz"
    asked = [sys.executable, "-c", INTERRUPTED, str(file), str(tmp_path)]
    ended = subprocess.run(asked, cwd=ROOT, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert len(load_samples(file)) == 0
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("what was asked for must be written, however: [Errno 21] Is a directory: ")
