"""Where a study is measured: machine, libraries, command."""

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from loadtest.record.results import Environment
from loadtest.study.processors import available

LIBRARIES = ("bentoml", "locust", "gevent", "onnxruntime", "uvicorn", "numpy")


def describe(*, service_processors: int | None, workers: int | None) -> Environment:
    """Describe this machine and this process. service_processors, workers: None for a service started elsewhere."""
    return Environment(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        processor=_processor(),
        processors=len(available()),
        service_processors=service_processors,
        workers=workers,
        platform=f"{platform.system()} {platform.release()}",
        versions={"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        command=" ".join(["python -m loadtest", *sys.argv[1:]]),
    )


def _processor() -> str:
    """Name the processor as Linux does, or as Python knows it elsewhere."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
