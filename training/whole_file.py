"""Files that are whole or not there: written beside their place, forced to the disk, then renamed; and their locks."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

DRAFT = ".unfinished"
"""Ending of a file that is being written; whoever was killed leaves it behind, and the next one removes it."""


def write_durably(path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write`` fill a file and put it in the place of ``path``, at once. Raise what ``write`` does, and OSError.

    Killed at any moment, and with the power cut, ``path`` holds what it held before or all of what is new.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}{DRAFT}")
    try:
        write(draft)
        force(draft)
        os.replace(draft, path)
        force(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def take_lock(file: IO[bytes] | IO[str]) -> bool:
    """Keep other processes from a file until it is closed, or this one is killed; False where another holds it.

    It must be open for writing, or NFS locks nothing (flock(2)). A file system without locks keeps nobody out.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the latter of NFS
        return False
    except OSError:
        return True
    return True


def force(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk. Raise OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
