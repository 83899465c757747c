"""Save releases while file operations fail or the process is killed; print what the store holds after each.

Run with BENTOML_HOME set: python -m tests.failing_store raise|kill. One line of JSON for every operation: its number,
the exit status of the save, what BentoML lists, which release the service would serve, and a digest of the store.
"""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import sys
from collections.abc import Callable
from typing import Any

import bentoml

from service.models.release import find_manifest
from training import store
from training.errors import TrainingError

OPERATIONS: tuple[tuple[Any, str], ...] = (
    (os, "rename"),
    (os, "replace"),
    (os, "fsync"),
    (os, "mkdir"),
    (shutil, "copytree"),
    (pathlib.Path, "write_bytes"),
    (pathlib.Path, "write_text"),
    (pathlib.Path, "open"),
)
FAILED, UNTOUCHED = 1, 3


class Saboteur:
    """Counts file operations and spoils one of them."""

    def __init__(self, number: int, how: str) -> None:
        self.left, self.how = number, how

    def spoil(self) -> None:
        for module, name in OPERATIONS:
            setattr(module, name, self.wrap(getattr(module, name)))

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                if self.how == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise OSError(28, "No space left on device")
            return function(*arguments, **named)

        return call


def save(version: str) -> None:
    store.save_release(
        version,
        architectures={"small": {"network.onnx": b"n"}, "large": {"network.onnx": b"m"}},
        preprocessing={"preprocessing.onnx": b"p"},
        evaluation={"summary.json": b"s"},
    )


def save_sabotaged(version: str, number: int, how: str) -> int:
    """Save in a process of its own; return its exit status as ``os.waitpid`` gives it."""
    child = os.fork()
    if child == 0:
        saboteur = Saboteur(number, how)
        saboteur.spoil()
        try:
            save(version)
        except TrainingError as error:
            os._exit(FAILED if "No space left" in str(error) and "\n" not in str(error) else 99)
        os._exit(UNTOUCHED if saboteur.left > 0 else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def digest() -> str:
    root = pathlib.Path(os.environ["BENTOML_HOME"]) / "models"
    parts = [(str(path), path.read_bytes() if path.is_file() else b"") for path in sorted(root.rglob("*"))]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def report(number: int, status: int | None) -> None:
    listed = sorted(str(model.tag) for model in bentoml.models.list())
    found = {"listed": listed, "served": find_manifest(None).release, "digest": digest()}
    print(json.dumps({"number": number, "status": status, **found}), flush=True)


def main() -> None:
    save("a000")
    report(0, None)
    number, status = 0, 0
    while status != UNTOUCHED:
        number += 1
        status = save_sabotaged(f"b{number:03}", number, sys.argv[1])
        report(number, status)


if __name__ == "__main__":
    main()
