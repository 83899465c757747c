"""The batches of an epoch whose rows are read from the files meanwhile, on another thread. See ``EpochRows``."""

from collections.abc import Iterator

import torch
from torch import Tensor

from training.step.batches import Batch, Part
from training.stream.rows import StreamedRows, files_changed
from training.stream.shuffle import read_ahead, shuffled

SEEDS = 2**62


class FileRows:
    """Rows that are read anew in every epoch. Each rank reads all of them, and computes its part of each batch."""

    def __init__(self, rows: StreamedRows, *, device: torch.device) -> None:
        self.rows, self.device = rows, device
        self.count, self.columns = rows.count, rows.encoder.columns
        self.units = rows.reader.units()

    def draw(self) -> Tensor:
        """Return the seed of the order: a scalar int64."""
        return torch.randint(SEEDS, ())

    def batches(self, drawn: Tensor, *, batch_size: int, part: Part, passed: int) -> Iterator[Batch]:
        """See ``EpochRows``. Raise TrainingError where the files have changed."""
        chunks = shuffled(
            self.units,
            self.rows.read,
            columns=self.columns,
            pool_rows=self.rows.pool_rows,
            batch_size=batch_size,
            seed=int(drawn.item()),
        )
        begun = 0
        with read_ahead(chunks) as ready:
            for columns, target in ready:
                if begun + len(target) <= passed:
                    begun += len(target)
                    continue
                pieces = (torch.split(torch.from_numpy(of).to(self.device), batch_size) for of in (columns, target))
                for own_columns, own_target in zip(*pieces, strict=True):
                    rows = len(own_target)
                    begun += rows
                    if begun > passed:
                        own = part(rows)
                        yield Batch(own_columns[own], own_target[own], rows, own)
        if begun != self.count:
            raise files_changed(self.rows.reader.files.name)

    def bytes_copied(self, *, ranks: int) -> int:
        """Return the bytes of the pool, and of what is drawn from it: twice half of it."""
        return 2 * self.rows.pool_rows * 4 * (self.columns + 1)
