"""A checkpoint's files, and what is said where one can't be written."""

from collections.abc import Callable
from pathlib import Path

from training.errors import TrainingError, first_line
from training.whole_file import write_durably


def write_checkpoint(path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write`` fill a file and put it in the place of ``path``, at once. Raise TrainingError where it can't."""
    try:
        write_durably(path, write)
    except Exception as error:  # safetensors raises errors of its own, with the system's words
        raise TrainingError(
            f"a checkpoint must be written, however: {path}: {first_line(error)}. Make room there, then go on with "
            f"--resume {path.parent}: what was written before is whole."
        ) from error
