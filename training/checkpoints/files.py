"""Files that are whole or not there: written beside their place, forced to the disk, then renamed."""

import os
from collections.abc import Callable
from pathlib import Path

from training.errors import TrainingError, first_line

DRAFT = ".partial"
"""Ending of a file that is being written; whoever was killed leaves it behind, and the next one removes it."""


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have ``write`` fill a file and put it in the place of ``path``, at once. Raise TrainingError where it can't.

    Killed at any moment, and with the power cut, ``path`` holds what it held before or all of what is new.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}{DRAFT}")
    try:
        try:
            write(draft)
            _force(draft)
            os.replace(draft, path)
            _force(path.parent)
        finally:
            draft.unlink(missing_ok=True)
    except Exception as error:  # safetensors raises errors of its own, with the system's words
        raise TrainingError(
            f"a checkpoint must be written, however: {path}: {first_line(error)}. Make room there, then go on with "
            f"--resume {path.parent}: what was written before is whole."
        ) from error


def _force(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
