"""The batches of an epoch whose rows lie on the disk, read ahead on another thread. See ``EpochRows``."""

import math
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.errors import TrainingError, first_line
from training.step.batches import Batch, RankPart
from training.stream.spill import BYTES_OF_NUMBER, StreamedRows

SEEDS = 2**62
CHUNKS_AHEAD = 1
"""That are ready before they are asked for, beside the one that is being made."""
STOP_SECONDS = 0.1
"""How soon the thread hears that nobody wants more."""
Item = TypeVar("Item")


class FileRows:
    """Rows that are read anew in every epoch. Each rank reads all of them, and computes its part of each batch."""

    def __init__(self, rows: StreamedRows, *, device: torch.device) -> None:
        self.rows, self.device = rows, device
        self.count, self.columns = rows.count, rows.columns

    def draw(self) -> Tensor:
        """Return the seed of the order: a scalar int64."""
        return torch.randint(SEEDS, ())

    def batches(self, drawn: Tensor, *, batch_size: int, part: RankPart, passed: int) -> Iterator[Batch]:
        """See ``EpochRows``. Raise TrainingError where the rows can't be read."""
        size = max(1, self.rows.chunk_rows // batch_size) * batch_size
        done = passed // size
        with read_ahead(_read_chunks(self.rows, size=size, first=done, seed=int(drawn.item()))) as chunks:
            begun = done * size
            for chunk in chunks:
                for rows in torch.split(torch.from_numpy(chunk).to(self.device), batch_size):
                    begun += len(rows)
                    if begun > passed:
                        own = part(len(rows))
                        yield Batch(rows[own, :-1], rows[own, -1], len(rows), own)

    def bytes_copied(self, *, ranks: int) -> int:
        """Return the bytes of the chunks: one in use, one ready, one being made, and that as it was read."""
        return 4 * self.rows.chunk_rows * BYTES_OF_NUMBER * (self.columns + 1)


def _read_chunks(rows: StreamedRows, *, size: int, first: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """Yield all rows but those of the first chunks: (size, columns + 1) each, the last one shorter.

    Pieces are in random order, and so are the rows of the pieces that make a chunk: a piece may be a part of two.
    """
    length = rows.piece_rows
    pieces = np.random.default_rng(seed).permutation(math.ceil(rows.count / length))
    lengths = np.minimum(length, rows.count - pieces * length)
    ends = np.cumsum(lengths)
    width = rows.columns + 1
    with open(rows.path, "rb", buffering=0) as file:
        for chunk, start in enumerate(range(0, rows.count, size)):
            if chunk < first:
                continue
            stop = min(start + size, rows.count)
            held = np.empty((stop - start, width), dtype=np.float32)
            for place in range(int(np.searchsorted(ends, start, "right")), len(pieces)):
                begins = int(ends[place] - lengths[place])
                if begins >= stop:
                    break
                low, high = max(start, begins), min(stop, int(ends[place]))
                file.seek((int(pieces[place]) * length + low - begins) * width * BYTES_OF_NUMBER)
                _fill(held[low - start : high - start], file)
            yield held[np.random.default_rng([seed, chunk]).permutation(len(held))]


def _fill(rows: NDArray[np.float32], file: FileIO) -> None:
    """Read rows, (n, columns + 1), from where the file is."""
    wanted = rows.data.cast("B")
    try:
        while wanted and (count := file.readinto(wanted)):
            wanted = wanted[count:]
    except OSError as error:
        raise TrainingError(
            f"training rows must be readable from the disk, however: {first_line(error)}. Look at the disk, or set "
            "TMPDIR to a folder of another."
        ) from error
    if wanted:
        raise TrainingError("training rows must stay on the disk, however: their file was cut. Run again.")


@contextmanager
def read_ahead(items: Iterator[Item]) -> Iterator[Iterator[Item]]:
    """Yield an iterator of the same items, which are made on another thread, a bounded number before they are wanted.

    It raises what ``items`` raises. The thread ends with the body.
    """
    ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(CHUNKS_AHEAD)
    stopped = threading.Event()

    def put(item: Item | None, error: BaseException | None = None) -> None:
        while not stopped.is_set():
            try:
                ready.put((item, error), timeout=STOP_SECONDS)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put(item)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:
            put(None, error)

    def take() -> Iterator[Item]:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item

    thread = threading.Thread(target=work, name="reads ahead", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        stopped.set()
        thread.join()
