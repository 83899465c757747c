"""A folder for the metrics of this service alone: BentoML clears one that all services of a BENTOML_HOME share.

Who holds the lock of a folder lives, in whatever container it runs: process ids mean nothing in another one.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

import psutil

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
FOLDER_VARIABLE = "_ARCHSCALE_METRICS"
"""By which the workers know the folder; BentoML sets the other one for them."""
FOLDER = "archscale-metrics"
LOCK = "lock"
WORKER_BYTES = 4 * 1024 * 1024
"""What the files of a worker hold: they are mapped into memory, and a disk that is full would kill it."""


class MetricsFolderError(Exception):
    """A folder that metrics can't be written to, in one line."""


def make(home: Path, workers: int) -> None:
    """Make the folder of this process and its workers; remove those of services that have ended. home: BENTOML_HOME.

    Raises MetricsFolderError.
    """
    shared = home / FOLDER
    try:
        shared.mkdir(parents=True, exist_ok=True)
        with (shared / LOCK).open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            for old in shared.glob("*/"):
                _remove_if_left(old)
            _try_room(shared, workers * WORKER_BYTES)
            own = Path(tempfile.mkdtemp(dir=shared))
            lock = (own / LOCK).open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        raise MetricsFolderError(
            f"{shared} must be a folder with {workers * WORKER_BYTES >> 20} MiB of room for the workers' metrics, "
            f"however: {error.strerror or error}. Make room, or give BENTOML_HOME another place."
        ) from None
    os.environ[FOLDER_VARIABLE] = str(own)
    atexit.register(_remove, own, lock)


def take() -> None:
    """Let this process, a worker that imported no metrics yet, write them into the folder of its service."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return
    os.environ[METRICS_VARIABLE] = folder
    forget_dead()


def forget_dead() -> None:
    """Remove the gauges of workers that have died: what they had open is open no more. For the parent, and a worker."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return
    for gauge in Path(folder).glob("gauge_live*_*.db"):
        if not psutil.pid_exists(int(gauge.stem.rpartition("_")[2])):
            gauge.unlink(missing_ok=True)


def _remove_if_left(folder: Path) -> None:
    try:
        with (folder / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except FileNotFoundError:
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass  # of a service that lives


def _try_room(folder: Path, size: int) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, size)


def _remove(folder: Path, lock: IO[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.close()
