"""Run one point in a fresh process and wait for its answer: what loky's and Dask's workers do. Imports nothing slow."""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from service import __version__

ROOT = Path(__file__).parents[3]
"""Where ``training`` is found from: a worker need not have been started there."""
LENGTH_BYTES = 8
PIECE_BYTES = 2**20
LONGEST_LINE = 200
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class PointFailure:
    """Why there is no figure, in one line."""

    reason: str


@dataclass(frozen=True)
class WorkerFacts:
    """What a worker of a cluster runs."""

    version: str
    python: tuple[int, int]


def describe_worker() -> WorkerFacts:
    """Answer on a worker what it runs."""
    return WorkerFacts(version=__version__, python=sys.version_info[:2])


def run_trial(job: bytes) -> bytes:
    """Train and measure a pickled ``PointJob``; return a pickled ``PointResult`` or ``PointFailure``, raise neither."""
    try:
        return _run(job)
    except OSError as error:
        return pickle.dumps(PointFailure(f"its process must start, however: {error.strerror or error}. Free memory."))


def _run(job: bytes) -> bytes:
    with tempfile.TemporaryFile() as errors, _child(errors.fileno()) as process:
        if process.stdin is None or process.stdout is None:
            raise OSError("no pipes")
        with suppress(BrokenPipeError):  # it says below why it ended
            _write_all(process.stdin.fileno(), len(job).to_bytes(LENGTH_BYTES, "big"), job)
        # It stays open: its end tells the process that nobody waits any more.
        answer = process.stdout.read()
        code = process.wait()
        if code == 0 and answer:
            return answer
        errors.seek(0)
        lines = errors.read().decode(errors="replace").splitlines()
        said = [line for line in lines if line.strip() and not line[0].isspace()]
        last = f" ({said[-1][:LONGEST_LINE]})" if said else ""
        return pickle.dumps(PointFailure(f"its process ended with exit code {code}{last}. Free memory and run again."))


@contextmanager
def _child(errors: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process that Ctrl-C does not reach, and that is gone afterwards whatever happens."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "training.sweep.trial.point"],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _write_all(target: int, *parts: bytes) -> None:
    for part in parts:
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(target, rest[:PIECE_BYTES]) :]
