"""A folder for the metrics of this service alone: BentoML clears one that all services of a BENTOML_HOME share.

Who holds the lock of a folder lives, in whatever container it runs: process ids mean nothing in another one.
"""

import atexit
import fcntl
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
FOLDER_VARIABLE = "_ARCHSCALE_METRICS"
"""By which the workers know the folder; BentoML sets the other one for them."""
FOLDER = "archscale-metrics"
LOCK = "lock"
KINDS = ("counter", "gauge_livesum", "gauge_min", "histogram")
"""Of a worker's files, by prometheus_client's names."""
FILE_BYTES = 256 * 1024
"""What one of them holds, several times what it needs. It is mapped into memory: were it to grow on a full disk, or to
have holes, its worker would be killed (prometheus_client 0.26)."""
WORKER_BYTES = 4 * 1024 * 1024
"""Room for a worker and those that may replace it."""


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
    """Let this process, a worker that imported no metrics yet, write them into the folder of its service.

    Its files are made here, whole, so that no disk that fills later can hurt it. Raises MetricsFolderError.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return
    os.environ[METRICS_VARIABLE] = folder
    forget_dead()
    for kind in KINDS:
        _make_whole(Path(folder, f"{kind}_{os.getpid()}.db"))


def forget_dead() -> None:
    """Keep of workers that have died what they counted; what they had open is open no more. For parent and workers."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return
    for file in Path(folder).glob("*_*.db"):
        if not psutil.pid_exists(int(file.stem.rpartition("_")[2])):
            with suppress(FileNotFoundError):  # another process was faster
                _shrink(file)


def _shrink(file: Path) -> None:
    with file.open("rb") as counted:
        used = int.from_bytes(counted.read(4), sys.byteorder)
    if file.name.startswith("gauge_live") or not used:
        file.unlink()
    elif file.stat().st_size > used:
        os.truncate(file, used)


def _make_whole(file: Path) -> None:
    """Make a file with no hole in it: to others it is whole or not there."""
    draft = file if file.exists() else file.with_suffix(".draft")  # of a dead worker with the same id, or none
    try:
        with draft.open("ab") as made:
            os.posix_fallocate(made.fileno(), 0, FILE_BYTES)
        draft.rename(file)
    except OSError as error:
        raise MetricsFolderError(
            f"{file.parent} must take the metrics of a worker, however: {error.strerror or error}. Make room."
        ) from None


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
