"""Scaled training rows on the disk, written once and read in every epoch. NumPy alone: whoever trains imports it.

Files are read too slowly to be parsed in every epoch, and hold their rows in an order, by time or by target, that no
pool of bounded size undoes. Here rows have a fixed length, so that an epoch reads short pieces from everywhere.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError, first_line

BYTES_OF_NUMBER = 4
PIECES = 100
"""Of a chunk. Of a table that is sorted by its target each chunk then has a fair share of every part."""
OPEN_FILES = Path("/proc/self/fd")
"""Where the system has it, a file needs no name, and is gone however its process ends."""


@dataclass(frozen=True)
class StreamedRows:
    """Rows to learn from that lie on the disk, as ``ScaledRows`` holds them in memory.

    path: of (count, columns + 1) float32, each row's target behind its columns; mean, deviation: (features,) float64,
    of columns and products; class_counts: (k,) rows of each class; chunk_rows: that are shuffled together; content: a
    digest of the table.
    """

    path: str
    count: int
    columns: int
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    class_counts: NDArray[np.int64]
    chunk_rows: int
    content: str

    @property
    def piece_rows(self) -> int:
        """How many rows are read together: a chunk is made of so many pieces, from all over the table."""
        return max(1, self.chunk_rows // PIECES)

    def identity(self) -> dict[str, NDArray[np.generic]]:
        """Return what tells these rows, and the order that a seed gives them, from others.

        The moments follow from these, but for their last digits, which differ with the kind of processor.
        """
        return {
            "content": np.frombuffer(self.content.encode(), dtype=np.uint8),
            "sizes": np.array([self.count, self.columns, self.chunk_rows]),
        }


@contextmanager
def spill_file(*, rows: int, columns: int) -> Iterator[IO[bytes]]:
    """Yield a file for so many rows, which is gone afterwards. Raise TrainingError where there is no room for it."""
    folder, needed = tempfile.gettempdir(), rows * (columns + 1) * BYTES_OF_NUMBER
    status = os.statvfs(folder)
    if status.f_bavail * status.f_frsize < needed:
        raise _no_room(folder, needed, f"{status.f_bavail * status.f_frsize / 1e6:,.0f} MB are free")
    make = tempfile.TemporaryFile if OPEN_FILES.exists() else tempfile.NamedTemporaryFile
    with make(prefix="archscale-", buffering=0) as file:
        yield file


def spill_path(file: IO[bytes]) -> str:
    """Return a path by which other processes open the file, as long as this one has it."""
    return f"/proc/{os.getpid()}/fd/{file.fileno()}" if OPEN_FILES.exists() else str(file.name)


def spill(file: IO[bytes], columns: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    """Append rows: (n, columns), scaled, and (n,). Raise TrainingError where the disk is full."""
    content = memoryview(np.column_stack([columns, target]).tobytes())
    try:
        while content:
            content = content[file.write(content) :]
    except OSError as error:
        raise _no_room(tempfile.gettempdir(), None, first_line(error)) from error


def _no_room(folder: str, needed: int | None, fact: str) -> TrainingError:
    size = "" if needed is None else f", {needed / 1e6:,.0f} MB"
    return TrainingError(
        f"a table larger than --memory must find room on the disk for its scaled training rows{size}, however: "
        f"{folder}: {fact}. Make room there, set TMPDIR to another folder, or raise --memory."
    )
