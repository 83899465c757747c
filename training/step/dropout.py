"""Which units are dropped: a random byte each."""

import torch
from torch import Tensor

LEVELS = 256
"""One random byte decides whether a unit is dropped, so the dropout is rounded to a multiple of 1/256."""


class Dropout:
    """Dropout (Srivastava et al., 2014) of a layer's (units, rows); what is kept is scaled up where it is used next.

    ``boost``: by how much. Drawn by PyTorch's generator on the processor, eight units by one draw, for all rows of the
    batch: ``part`` says which of them are wanted here, and each rank and device drops the same units.
    """

    def __init__(self, units: int, *, rows: int, part: slice, share: float, like: Tensor) -> None:
        self.dropped = round(share * LEVELS)
        self.boost = LEVELS / (LEVELS - self.dropped)
        self.words = torch.empty((units * rows + 7) // 8, dtype=torch.int64)
        self.bytes = self.words.view(torch.uint8)[: units * rows].view(units, rows)[:, part]
        self.kept = like.new_empty(self.bytes.shape)

    def draw(self) -> Tensor:
        """Return 1 for each unit that is kept, 0 for the others: (units, part), overwritten by the next call.

        Numbers, not booleans: those cost five times as much to make, and to multiply by (torch 2.13).
        """
        self.words.random_(-(2**63), None)
        return torch.ge(self.bytes.to(self.kept.device), self.dropped, out=self.kept)
