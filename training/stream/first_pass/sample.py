"""Rows kept of a table that is read block by block: those that chance draws, and those that show something."""

from collections.abc import Hashable, Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.stream.places import DRAW, hash_places


class Sample:
    """As many rows as are asked for, each subset of that size as likely as any other, by the hashes of their places.

    The rows with the lowest hashes: neither the pieces in which rows come nor their number need be known before.
    """

    def __init__(self, rows: int, *, seed: int) -> None:
        self.most, self.seed = rows, seed
        self.limit = np.iinfo(np.uint64).max
        self.kept: list[tuple[pa.RecordBatch, NDArray[np.int64], NDArray[np.uint64]]] = []
        self.count = 0
        self.shown: dict[Hashable, tuple[pa.RecordBatch, NDArray[np.int64]]] = {}

    def add(self, block: pa.RecordBatch, start: int, used: NDArray[np.bool_]) -> None:
        """Draw from a block, whose first row has the place ``start`` in the table, where it is ``used``: (n,) bool."""
        hashes = hash_places(np.arange(start, start + block.num_rows), seed=self.seed, purpose=DRAW)
        drawn = np.flatnonzero(used & (hashes <= self.limit))
        self.kept.append((block.take(pa.array(drawn)), start + drawn, hashes[drawn]))
        self.count += len(drawn)
        if self.count > 2 * self.most:
            self._cut()

    def show(self, block: pa.RecordBatch, start: int, rows: Iterable[tuple[Hashable, int]]) -> None:
        """Keep rows of a block by what they show, in the place of those that showed the same before."""
        chosen = dict(rows)
        if not chosen:
            return
        ends = {what: place for what, place in chosen.items() if what in self.shown}
        for what, place in ends.items():
            self.shown[what] = (block.take(pa.array([place])), np.array([start + place]))
        new = [what for what in chosen if what not in ends]
        if new:
            places = np.unique([chosen[what] for what in new])
            together = (block.take(pa.array(places)), start + places)
            self.shown |= dict.fromkeys(new, together)

    def finish(self) -> tuple[list[pa.RecordBatch], NDArray[np.int64], NDArray[np.bool_]]:
        """Return all rows in pieces, their places in the table, and which of them chance drew. Some come twice."""
        self._cut()
        shown = list({id(entry): entry for entry in self.shown.values()}.values())
        pieces = [block for block, _, _ in self.kept] + [block for block, _ in shown]
        places = [place for _, place, _ in self.kept] + [place for _, place in shown]
        drawn = np.repeat([True, False], [self.count, sum(len(place) for _, place in shown)])
        return pieces, np.concatenate([np.empty(0, np.int64), *places]), drawn

    def _cut(self) -> None:
        """Keep no more rows than are asked for."""
        if self.count <= self.most:
            return
        self.limit = np.partition(np.concatenate([hashes for _, _, hashes in self.kept]), self.most - 1)[self.most - 1]
        cut = []
        for block, places, hashes in self.kept:
            kept = np.flatnonzero(hashes <= self.limit)
            cut.append((block.take(pa.array(kept)), places[kept], hashes[kept]))
        self.kept, self.count = cut, sum(len(places) for _, places, _ in cut)
