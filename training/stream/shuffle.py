"""Rows in an order that a seed decides, through a pool of bounded size; read ahead on a thread of its own."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from training.stream.rows import Unit

Rows = tuple[NDArray[np.float32], NDArray[np.float32]]
"""columns: (n, d); target: (n,)."""
Item = TypeVar("Item")
OPEN_UNITS = 3
"""Units that are read at once, a block of one after a block of another: rows that stand together are parted."""
CHUNKS_AHEAD = 1
"""That are ready before they are asked for, beside the one that is being made."""


def shuffled(
    units: Sequence[Unit],
    read: Callable[[Unit], Iterator[Rows]],
    *,
    columns: int,
    pool_rows: int,
    batch_size: int,
    seed: int,
) -> Iterator[Rows]:
    """Yield all rows in random order: chunks of whole batches, and a last one of what is left.

    Units in random order, some at once, go into a pool, from which half the rows are drawn whenever it is full.
    """
    chance = np.random.default_rng(seed)
    pool = _Pool(max(pool_rows, 2 * batch_size), columns, chance)
    drawn = pool.rows // 2 // batch_size * batch_size
    for block in _blocks(units, read, chance):
        start = 0
        while start < len(block[1]):
            start += pool.fill(block, start)
            if pool.held == pool.rows:
                yield pool.draw(drawn)
    while pool.held > drawn:
        yield pool.draw(drawn)
    if pool.held:
        yield pool.draw(pool.held)


def _blocks(
    units: Sequence[Unit], read: Callable[[Unit], Iterator[Rows]], chance: np.random.Generator
) -> Iterator[Rows]:
    waiting = [units[place] for place in chance.permutation(len(units))]
    being_read: list[Iterator[Rows]] = []
    while waiting or being_read:
        while waiting and len(being_read) < OPEN_UNITS:
            being_read.append(read(waiting.pop()))
        place = int(chance.integers(len(being_read)))
        block = next(being_read[place], None)
        if block is None:
            being_read.pop(place)
        else:
            yield block


class _Pool:
    def __init__(self, rows: int, columns: int, chance: np.random.Generator) -> None:
        self.rows, self.held, self.chance = rows, 0, chance
        self.columns = np.empty((rows, columns), dtype=np.float32)
        self.target = np.empty(rows, dtype=np.float32)

    def fill(self, block: Rows, start: int) -> int:
        """Put rows of a block into the pool, from ``start`` on, as far as there is room; return how many."""
        columns, target = block
        rows = min(self.rows - self.held, len(target) - start)
        self.columns[self.held : self.held + rows] = columns[start : start + rows]
        self.target[self.held : self.held + rows] = target[start : start + rows]
        self.held += rows
        return rows

    def draw(self, rows: int) -> Rows:
        """Take so many rows out, in random order; those that stay move to the front."""
        order = self.chance.permutation(self.held)
        taken, stay = order[:rows], order[rows:]
        chunk = self.columns[taken], self.target[taken]
        gaps, moved = taken[taken < len(stay)], stay[stay >= len(stay)]
        self.columns[gaps], self.target[gaps] = self.columns[moved], self.target[moved]
        self.held = len(stay)
        return chunk


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


STOP_SECONDS = 0.1
"""How soon the thread hears that nobody wants more."""
