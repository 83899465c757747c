"""What BentoML's parent process does otherwise for this service. All of it reaches into circus (0.19) and BentoML.

- It looks for dead workers every half second: BentoML fixes 10 seconds (1.4.39), so that half the strength was gone
  for so long.
- A second SIGTERM, a second or more after the first, ends the workers at once: circus ignores it.
- From the first on, it no longer holds the listening socket open, or clients would be connected to nobody when the
  workers have closed theirs.
- The metrics of its workers stand in a folder of its own: BentoML clears one that all services of a BENTOML_HOME share.
"""

import atexit
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import psutil
from circus.controller import Controller
from circus.sighandler import SysHandler

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_BETWEEN_SIGNALS = 1.0
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
METRICS_FOLDER = "archscale-metrics"


def prepare(home: Path) -> None:
    """Prepare this process, which is about to start workers. home: BENTOML_HOME."""
    Controller.start = _look_more_often(Controller.start)
    SysHandler.handle_term = _end_at_once_when_asked_twice(SysHandler.handle_term)
    folder = home / METRICS_FOLDER
    for old in folder.glob("*"):
        if not psutil.pid_exists(int(old.name)):
            shutil.rmtree(old, ignore_errors=True)
    own = folder / str(os.getpid())
    own.mkdir(parents=True, exist_ok=True)
    atexit.register(shutil.rmtree, own, ignore_errors=True)


def take_metrics_folder(home: Path) -> None:
    """Let this process, a worker that imported no metrics yet, write them into the folder of its parent."""
    folder = home / METRICS_FOLDER / str(os.getppid())
    if folder.is_dir():
        os.environ[METRICS_VARIABLE] = str(folder)
        for gauge in folder.glob("gauge_live*_*.db"):  # what a dead worker had open is open no more
            if not psutil.pid_exists(int(gauge.stem.rpartition("_")[2])):
                gauge.unlink(missing_ok=True)


def _look_more_often(start: Any) -> Any:
    def start_looking(controller: Controller) -> None:
        controller.check_delay = SECONDS_BETWEEN_LOOKS * 1000
        start(controller)

    return start_looking


def _end_at_once_when_asked_twice(handle: Any) -> Any:
    asked: list[float] = []

    def handle_term(handler: SysHandler) -> None:
        arbiter = handler.controller.arbiter
        now = time.monotonic()
        if not asked:
            asked.append(now)
            arbiter.sockets.close_all()
            handle(handler)
        elif now - asked[0] >= SECONDS_BETWEEN_SIGNALS:
            for worker in psutil.Process().children(recursive=True):
                worker.send_signal(signal.SIGKILL)

    return handle_term
