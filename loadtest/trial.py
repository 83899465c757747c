"""One Locust run in a process of its own: the only place that runs Locust."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from loadtest.errors import MeasurementError
from loadtest.results import Round, Settings
from loadtest.samples import Samples, load_samples

PROJECT = Path(__file__).resolve().parent.parent
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
START_SECONDS = 60.0
"""What Locust may take for its start and its end, over the seconds of the load."""


def run_trial(
    settings: Settings, host: str, architecture: str, number: int, *, cpu_seconds: Callable[[], float] | None
) -> Round:
    """Load ``architecture`` once. cpu_seconds: reads the server's processor time; None where that can't be had.

    Raises MeasurementError if Locust does not end in time, or ends without a result.
    """
    before = cpu_seconds() if cpu_seconds else 0.0
    samples = _run_locust(settings, host, architecture)
    spent = cpu_seconds() - before if cpu_seconds else None
    return summarise(samples, settings, architecture, number, server_cpu_seconds=spent)


def _run_locust(settings: Settings, host: str, architecture: str) -> Samples:
    with tempfile.TemporaryDirectory(prefix="archscale-trial-") as folder:
        file = Path(folder) / "samples.npz"
        try:
            finished = subprocess.run(
                _command(settings, host, architecture, file),
                cwd=PROJECT,
                capture_output=True,
                text=True,
                timeout=settings.seconds + START_SECONDS,
                check=False,
            )
            return load_samples(file)
        except subprocess.TimeoutExpired:
            raise MeasurementError(
                f"Locust must end {START_SECONDS:g} s after its load, however: it went on."
            ) from None
        except (OSError, ValueError, KeyError):
            lines = (finished.stderr or finished.stdout).strip().splitlines() or ["it said nothing."]
            raise MeasurementError(f"Locust must write its samples, however: {lines[-1]}") from None


def _command(settings: Settings, host: str, architecture: str, file: Path) -> list[str]:
    users = str(settings.users)
    return [
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "ArchitectureUser", "--architecture", architecture),
        *("--host", host, "--headless", "--only-summary", "--users", users, "--spawn-rate", users),
        *("--run-time", f"{settings.seconds:g}s", "--stop-timeout", "5"),
        *("--body", settings.body, "--rows", str(settings.rows), "--results", str(file)),
    ]


def summarise(
    samples: Samples, settings: Settings, architecture: str, number: int, *, server_cpu_seconds: float | None
) -> Round:
    """Leave out the requests that ended in the warm-up, and take quantiles of the others."""
    begin = float(samples.start.min()) + settings.warm_up_seconds if len(samples) else 0.0
    kept = samples.select(samples.end > begin)
    seconds = float(kept.end.max()) - begin if len(kept) else settings.seconds
    p50, p95, p99 = np.quantile(kept.latency_ms, (0.5, 0.95, 0.99)) if len(kept) else (0.0, 0.0, 0.0)
    return Round(
        architecture=architecture,
        number=number,
        seconds=seconds,
        requests=len(kept),
        failures=samples.count_failures(),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        generator_cpu_seconds=samples.generator_cpu_seconds,
        server_cpu_seconds=server_cpu_seconds,
        all_requests=len(samples),
    )
