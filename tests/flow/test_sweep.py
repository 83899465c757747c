"""A sweep as its users run it: killed and resumed, stopped, with points that fail, on a real cluster of Dask."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pyarrow.parquet
import pytest

from loadtest.target.server import free_port
from service.contract.curve import Curve
from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS

GRID = ("--depth", "0,1", "--width", "6", "--rows", "300", "--seeds", "3", "--epochs", "2")
POINTS = {f"{shape}-300-{seed}.parquet" for shape in ("0x0", "1x6") for seed in range(3)}


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "training", "sweep", "--output", str(folder), *arguments]


def sweep(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


@contextmanager
def started(words: list[str], **environment: str) -> Iterator[psutil.Popen]:
    """Run a program in a group of its own, which is gone afterwards."""
    process = psutil.Popen(
        words,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        children = process.children(recursive=True) if process.is_running() else []
        for member in [*children, process]:
            if member.is_running():
                member.kill()
        process.communicate()


def points(folder: Path) -> dict[str, int]:
    """Name of each finished point -> when it was written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "points").glob("*.parquet")}


def wait_for_points(folder: Path, run: psutil.Popen, count: int) -> dict[str, int]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found := points(folder)) < count:
        assert run.poll() is None, run.stderr.read()
        assert time.monotonic() < deadline
        try:
            run.wait(0.05)
        except psutil.TimeoutExpired:
            continue
    return found


def read_curve(folder: Path) -> Curve:
    return Curve.model_validate_json((folder / "curve.json").read_text())


def one_line(errors: str) -> str:
    assert "Traceback" not in errors
    (line,) = errors.strip().splitlines()
    return line


@pytest.mark.slow
def test_a_sweep_that_is_stopped_and_one_that_is_killed_go_on_and_train_nothing_twice(tmp_path: Path) -> None:
    with started(command(tmp_path, *GRID, "--jobs", "2")) as run:
        wait_for_points(tmp_path, run, 1)
        workers = run.children(recursive=True)
        os.killpg(run.pid, signal.SIGINT)
        _, errors = run.communicate(timeout=PATIENCE_SECONDS)
        assert (run.returncode, errors.strip()) == (130, "Stopped by Ctrl-C.")
        assert_gone(workers)
    stopped = points(tmp_path)
    assert 1 <= len(stopped) < len(POINTS)

    with started(command(tmp_path, *GRID, "--jobs", "2")) as run:
        wait_for_points(tmp_path, run, len(stopped) + 1)
        workers = run.children(recursive=True)
        run.kill()
        run.wait()
        assert_gone(workers)
    killed = points(tmp_path)
    assert stopped.items() <= killed.items()

    ended = sweep(tmp_path, *GRID, "--jobs", "2")
    assert ended.returncode == 0, ended.stderr
    finished = points(tmp_path)
    assert finished.keys() == POINTS
    assert killed.items() <= finished.items()
    assert_complete(read_curve(tmp_path))


def assert_gone(workers: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE_SECONDS)
    assert not alive


def assert_complete(curve: Curve) -> None:
    assert len(curve.points) == len(POINTS)
    assert curve.failed == []
    assert {(point.name, point.weights) for point in curve.points} == {("0x0", 231), ("1x6", 1393)}
    for point in curve.points:
        assert len(point.wall_seconds) == len(point.processor_seconds) == point.epochs == 2
        assert point.threads == 1
        assert 0 < point.memory.network_bytes <= point.memory.peak_bytes
        assert point.latency_seconds.keys() == {1, 64, 1024}
        assert 0 < point.latency_seconds[1] < point.latency_seconds[1024]


def test_a_point_that_diverges_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    named = ("--architecture", "wild=100x50", "--architecture", "tame=0x0", "--rows", "300", "--seeds", "1")
    ended = sweep(tmp_path, *named, "--epochs", "2", "--learning-rate", "9.9", "--jobs", "1")
    assert ended.returncode == 1
    first, last = ended.stderr.strip().splitlines()
    assert first.startswith("wild on 300 rows, seed 0 has no figures: the loss must stay finite")
    assert last.startswith("every point must have figures, however: 1 of them")
    curve = read_curve(tmp_path)
    assert [point.name for point in curve.points] == ["tame"]
    assert [(point.name, point.seed) for point in curve.failed] == [("wild", 0)]


def read_scores(path: Path) -> list[list[float]]:
    scores: list[list[float]] = pyarrow.parquet.read_table(path, columns=["row_scores"])["row_scores"].to_pylist()
    return scores


def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        ended = sweep(tmp_path, *GRID, "--backend", "dask", "--address", address)
    assert ended.returncode == 2
    assert f"{address} does not answer as one" in one_line(ended.stderr)


class Cluster(NamedTuple):
    """A scheduler's address, and its process."""

    address: str
    scheduler: psutil.Popen


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler, started as its users start it, that has two workers in processes of their own."""
    address = f"tcp://127.0.0.1:{free_port()}"
    scheduler, worker = ([sys.executable, "-m", f"distributed.cli.dask_{name}"] for name in ("scheduler", "worker"))
    found = {"PYTHONPATH": str(ROOT)}
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path)]
    with ExitStack() as programs:
        port = address.rpartition(":")[2]
        begun = [programs.enter_context(started([*scheduler, "--port", port, "--no-dashboard"], **found))]
        for name in ("first", "second"):
            begun.append(programs.enter_context(started([*worker, address, "--name", name, *options], **found)))
        waits = f"from distributed import Client; Client({address!r}, timeout=600).wait_for_workers(2)"
        waiting = programs.enter_context(started([sys.executable, "-c", waits]))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while waiting.poll() is None:
            ended = [program for program in begun if program.poll() is not None]
            assert not ended, ended[0].communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert waiting.returncode == 0, waiting.communicate()
        yield Cluster(address, begun[0])


@pytest.mark.slow
def test_a_cluster_of_two_workers_finds_what_this_machine_finds(
    tmp_path: Path, cluster: Cluster, diabetes_csv: Path
) -> None:
    data = ("--data", str(diabetes_csv), "--target", "progression", "--epochs", "2")
    small = (*data, "--depth", "1", "--width", "8", "--rows", "300", "--seeds", "2")
    there, here = tmp_path / "there", tmp_path / "here"
    ended = sweep(there, *small, "--backend", "dask", "--address", cluster.address)
    assert ended.returncode == 0, ended.stderr
    assert sweep(here, *small, "--jobs", "1").returncode == 0
    found, expected = (
        {(point.name, point.seed): point.test for point in read_curve(folder).points} for folder in (there, here)
    )
    assert found == expected
    for point in read_curve(there).points:
        (scores,) = read_scores(there / "points" / f"1x8-300-{point.seed}.parquet")
        assert -sum(scores) / len(scores) == pytest.approx(point.test.loss, rel=1e-5)  # float32


@pytest.mark.slow
def test_a_scheduler_that_is_killed_is_named_and_finished_points_are_kept(tmp_path: Path, cluster: Cluster) -> None:
    folder = tmp_path / "sweep"
    with started(command(folder, *GRID, "--backend", "dask", "--address", cluster.address)) as run:
        finished = wait_for_points(folder, run, 1)
        cluster.scheduler.kill()
        _, errors = run.communicate(timeout=PATIENCE_SECONDS)
    assert run.returncode == 1
    assert f"the cluster of {cluster.address} must last until the sweep ends, however: its scheduler is gone" in (
        one_line(errors)
    )
    assert finished.items() <= points(folder).items()
