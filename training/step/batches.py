"""The batches of an epoch, of rows that lie in memory or are read as they are wanted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from training.process import ScaledRows

RankPart = Callable[[int], slice]
"""Of a batch of so many rows, those that this rank computes."""


@dataclass(frozen=True)
class Batch:
    """Of a batch of ``rows`` rows the part that one rank computes. columns: (n, d), scaled; target: (n,)."""

    columns: Tensor
    target: Tensor
    rows: int
    part: slice


class EpochRows(Protocol):
    """Rows that are passed once in every epoch, in random order."""

    count: int
    """All training rows."""
    columns: int
    """Of each row."""

    def draw(self) -> Tensor:
        """Draw from PyTorch's generator what decides on the order of an epoch."""
        ...

    def batches(self, drawn: Tensor, *, batch_size: int, part: RankPart, passed: int) -> Iterator[Batch]:
        """Yield the batches in the order that was drawn, but for the first ones, of ``passed`` rows together."""
        ...

    def bytes_copied(self, *, ranks: int) -> int:
        """Return the bytes of the rows that an epoch copies, to have them in its order."""
        ...


class MemoryRows:
    """Rows that lie in memory, on the device that computes."""

    def __init__(self, rows: ScaledRows, *, device: torch.device) -> None:
        self.table = torch.from_numpy(rows.columns).to(device)
        self.target = torch.from_numpy(rows.target).to(device)
        self.count, self.columns = self.table.shape

    def draw(self) -> Tensor:
        """(rows,) int64: their order."""
        return torch.randperm(self.count)

    def batches(self, drawn: Tensor, *, batch_size: int, part: RankPart, passed: int) -> Iterator[Batch]:
        """See ``EpochRows``: the rows that this rank computes are put in order at once."""
        batches = torch.split(drawn, batch_size)
        parts = [part(len(batch)) for batch in batches]
        order = torch.cat([batch[own] for batch, own in zip(batches, parts, strict=True)]).to(self.table.device)
        columns, target = self.table.index_select(0, order), self.target.index_select(0, order)
        begun, stop = 0, 0
        for batch, own in zip(batches, parts, strict=True):
            start, stop = stop, stop + own.stop - own.start
            begun += len(batch)
            if begun > passed:
                yield Batch(columns[start:stop], target[start:stop], len(batch), own)

    def bytes_copied(self, *, ranks: int) -> int:
        """None where they lie on a GPU."""
        own = (self.table.nbytes + self.target.nbytes) // ranks
        return own if self.table.device.type == "cpu" else 0
