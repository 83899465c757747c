"""Which of how many ranks this process is, from what ``torchrun`` sets. Imports nothing that takes time."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from training.errors import UserError

SET_BY_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
SECONDS_TO_WAIT = 300.0
"""For another rank: what one does alone, as rank 0 when it exports a network, takes seconds."""


@dataclass(frozen=True)
class RankPlace:
    """rank: of ``size``, 0 is the first; local_rank: of the ``local_size`` on this machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    launched: bool = False
    """Whether ``torchrun`` started it, be it alone."""

    @property
    def is_first(self) -> bool:
        """Whether it writes files and tells the user."""
        return self.rank == 0


def find_place(environment: Mapping[str, str] = os.environ) -> RankPlace:
    """Return the place that ``torchrun`` gave, or that of a process on its own. Raise UserError where it is none."""
    given = [environment.get(name) for name in SET_BY_TORCHRUN]
    if given[0] is None or given[1] is None:
        return RankPlace()
    try:
        rank, size, local_rank, local_size = (int(text or "") for text in given[:4])
        if not (0 <= rank < size and 0 <= local_rank < local_size and all(given)):
            raise ValueError
    except ValueError:
        found = ", ".join(f"{name}={text}" for name, text in zip(SET_BY_TORCHRUN, given, strict=True))
        raise UserError(
            f"ranks must be started by torchrun, which sets {', '.join(SET_BY_TORCHRUN)}, however: {found}. "
            "Start them so, or unset RANK and WORLD_SIZE."
        ) from None
    return RankPlace(rank=rank, size=size, local_rank=local_rank, local_size=local_size, launched=True)
