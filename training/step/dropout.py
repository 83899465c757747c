"""Which units are dropped: a random byte each."""

import torch
from torch import Tensor

LEVELS = 256
"""One random byte decides whether a unit is dropped, so the dropout is rounded to a multiple of 1/256."""


class Dropout:
    """Dropout (Srivastava et al., 2014) of a layer's (units, rows); what is kept is scaled up where it is used next.

    ``boost``: by how much. Drawn by PyTorch's generator on the processor: eight units by one draw.
    """

    def __init__(self, like: Tensor, *, share: float) -> None:
        self.dropped = round(share * LEVELS)
        self.boost = LEVELS / (LEVELS - self.dropped)
        self.words = torch.empty((like.numel() + 7) // 8, dtype=torch.int64)
        self.bytes = self.words.view(torch.uint8)[: like.numel()].view(like.shape)
        self.kept = torch.empty_like(like)

    def draw(self) -> Tensor:
        """Return 1 for each unit that is kept, 0 for the others: (units, rows), overwritten by the next call.

        Numbers, not booleans: those cost five times as much to make, and to multiply by (torch 2.13).
        """
        self.words.random_(-(2**63), None)
        return torch.ge(self.bytes, self.dropped, out=self.kept)
