"""``python -m loadtest`` as its users run it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.record.results_file import RESULTS_FILE
from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS

QUICK = ("--quick", "--blocks", "1", "--seconds", "1", "--rows", "2")
POLL_SECONDS = 0.05
ALL_OUTPUTS = {"report.html", "report.md", "results.json", "samples"}


@contextmanager
def study(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a study meanwhile; what has not ended by then is told to, so that it stops its service, too."""
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        end(process)


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for its end; return exit code, standard output and standard error. Kill it where it hangs."""
    try:
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, output, errors


def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error."""
    with study(*arguments, **environment) as process:
        return end(process)


def wait_for_a_trial(folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (folder / RESULTS_FILE).exists():
        assert time.monotonic() < deadline, "no trial ended"
        time.sleep(POLL_SECONDS)


def outputs(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}
