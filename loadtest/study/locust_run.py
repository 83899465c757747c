"""One Locust run in processes of its own: the only place that runs Locust."""

import math
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from loadtest.record.errors import MeasurementError
from loadtest.record.samples import Samples, load_samples
from loadtest.record.trials import Load
from loadtest.study.machine import on
from loadtest.target.server import PROJECT, free_port

LOCUSTFILE = PROJECT / "loadtest" / "locustfile.py"
START_SECONDS = 60.0
"""What Locust may take for its start and its end, over the seconds of the load."""
CLOSED_STOP_SECONDS = "5"
CLOSED_START_SECONDS = 1.0
"""From where Locust counts its run time until its users have read what to ask, 0.2 s as a rule, and begin."""


def run_locust(
    load: Load,
    host: str,
    file: Path,
    *,
    slo_p99_ms: float,
    stop_after_late: int,
    processors: list[int],
    processes: int,
    api_key_file: Path | None,
    longest_seconds: float,
) -> Samples:
    """Offer ``load`` to ``host`` from ``processors``; the samples are kept in ``file``.

    stop_after_late: open arrivals end after so many late answers; 0 never; longest_seconds: for Locust's start and end
    too. Raises MeasurementError if Locust does not end in time, or ends without samples.
    """
    file.unlink(missing_ok=True)  # of an earlier study: it must not pass for what Locust writes now
    options = ["--results", str(file), "--slo-p99-ms", f"{slo_p99_ms:g}", "--stop-after-late", str(stop_after_late)]
    if api_key_file is not None:
        options += ["--api-key-file", str(api_key_file.absolute())]
    if processes > 1:
        port = str(free_port())  # Locust's own, 5557, may be another study's
        options += ["--processes", str(processes), "--master-bind-port", port, "--master-port", port]
    limit = min(load.warm_up_seconds + load.seconds + START_SECONDS, longest_seconds)
    with file.with_suffix(".log").open("w+b") as log:
        with on(processors):
            # A session of its own: Ctrl-C reaches the study alone, which then stops Locust.
            process = subprocess.Popen(
                [*_command(load, host, processes), *options],
                cwd=PROJECT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            process.wait(limit)
            return load_samples(file)
        except subprocess.TimeoutExpired:
            raise MeasurementError(
                f"Locust must end within {limit:.0f} s, however: it went on. See {log.name}."
            ) from None
        except (OSError, ValueError):
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines() or ["it said nothing."]
            raise MeasurementError(f"Locust must write its samples, however: {lines[-1]} See {log.name}.") from None
        finally:
            _end(process)


def _command(load: Load, host: str, processes: int) -> list[str]:
    whole = load.warm_up_seconds + load.seconds
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--host", host]
    command += ["--architecture", load.architecture, "--body", load.body, "--rows", str(load.rows)]
    if load.rate is None:
        users = str(load.in_flight)
        length = ["--run-time", f"{run_seconds(load)}s", "--stop-timeout", CLOSED_STOP_SECONDS]
        return [*command, "ArchitectureUser", "--users", users, "--spawn-rate", users, *length]
    # Each process is one source, with its share of the rate.
    sources = ["OpenArchitectureUser", "--users", str(processes), "--spawn-rate", str(processes)]
    rate = ["--rate", f"{load.rate / processes:.6g}", "--arrivals", load.arrivals, "--seed", str(load.seed)]
    return [*command, *sources, *rate, "--seconds", f"{whole:g}", "--warm-up", f"{load.warm_up_seconds:g}"]


def run_seconds(load: Load) -> int:
    """Return how long a closed loop runs: its users' start is over the load. Locust 2.47 takes whole seconds alone."""
    return math.ceil(load.warm_up_seconds + load.seconds + CLOSED_START_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()
