"""What ranks say to each other: sums, and what the first one has. On its own a process is a group of one.

gloo between processors, NCCL where there is a GPU for each rank.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from training.errors import TrainingError, UserError, first_line
from training.ranks.place import RankPlace

TOLD = "archscale/told"
DIGEST_BYTES = 32
NOTHING = -1


def choose_device(place: RankPlace) -> torch.device:
    """Return the GPU of this rank where there is one, else the processor."""
    if torch.cuda.is_available() and place.local_size <= torch.cuda.device_count():
        return torch.device("cuda", place.local_rank)
    return torch.device("cpu")


class RankGroup:
    """The ranks that train together; every method but ``part`` is called by all of them, in the same order."""

    def __init__(self, place: RankPlace, *, store: Store | None = None) -> None:
        self.place, self.size, self.store = place, place.size, store
        self.device = choose_device(place)

    def part(self, rows: int) -> slice:
        """Return this rank's part of so many rows: all parts differ by one at most, and may be empty."""
        return slice(rows * self.place.rank // self.size, rows * (self.place.rank + 1) // self.size)

    def add_up(self, numbers: Tensor) -> None:
        """Make ``numbers`` the sum over all ranks, the same bits in each."""
        if self.size > 1:
            with _one_line_errors(self.place):
                dist.all_reduce(numbers)

    def take_from_first(self, *tensors: Tensor) -> None:
        """Overwrite tensors by those of rank 0: machines of different kinds round differently."""
        if self.size > 1:
            with _one_line_errors(self.place):
                for tensor in tensors:
                    dist.broadcast(tensor, src=0)

    def bytes_of_first(self, content: bytes | None) -> bytes | None:
        """Return what rank 0 gives: bytes, or None."""
        if self.size == 1:
            return content
        length = torch.tensor(NOTHING if content is None else len(content), device=self.device)
        self.take_from_first(length)
        if length.item() == NOTHING:
            return None
        if content is None:
            content = bytes(int(length.item()))
        carried = torch.frombuffer(bytearray(content), dtype=torch.uint8).to(self.device)
        self.take_from_first(carried)
        return carried.cpu().numpy().tobytes()

    def check_same(self, digest: str) -> None:
        """Raise UserError unless all ranks have the same SHA-256, in hexadecimal: of rows, recipes and versions."""
        if self.size == 1:
            return
        digests = torch.zeros(self.size, DIGEST_BYTES, dtype=torch.int32, device=self.device)
        digests[self.place.rank] = torch.tensor(list(bytes.fromhex(digest)), dtype=torch.int32)
        self.add_up(digests)
        others = [rank for rank in range(self.size) if not torch.equal(digests[rank], digests[0])]
        if others:
            raise UserError(
                "all ranks must train on the same rows, with the same options and versions, however: rank "
                f"{others[0]} differs from rank 0. Give every machine the same table and program."
            )

    def may_tell(self) -> bool:
        """Whether no rank has told yet why the run ends: the first that asks may, and the others are silent.

        Before the ranks have met, one of each machine may.
        """
        if self.store is None:
            return self.place.local_rank == 0
        try:
            return int(self.store.add(TOLD, 1)) == 1
        except RuntimeError:  # the store is gone: better twice than not at all
            return True


@contextmanager
def join_group(place: RankPlace, *, seconds: float) -> Iterator[RankGroup]:
    """Meet the other ranks, and leave them at the end. Raise TrainingError where some don't come within ``seconds``."""
    os.environ.setdefault("TORCH_NCCL_BLOCKING_WAIT", "1")  # NCCL's errors are raised, and end no process by a signal
    timeout = timedelta(seconds=seconds)
    device = choose_device(place)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        store, rank, size = next(rendezvous("env://", timeout=timeout))
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=PrefixStore("archscale", store),
            rank=rank,
            world_size=size,
            timeout=timeout,
        )
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"all {place.size} ranks must meet within {seconds:g} s, however: rank {place.rank} waited in vain: "
            f"{_fact(error)}. Start the others, or raise --rank-seconds."
        ) from error
    yield RankGroup(place, store=store)
    dist.destroy_process_group()


@contextmanager
def _one_line_errors(place: RankPlace) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(
            f"all {place.size} ranks must live until the end, however: rank {place.rank} lost another: "
            f"{_fact(error)}. Start them again, with --resume if there is a checkpoint."
        ) from error


def _fact(error: Exception) -> str:
    """Return the fact in an error of torch's: no places in C++ before it, no advice and no greetings after it."""
    return re.sub(r"^(\[[^\]]*\] *)+", "", first_line(error)).partition(". ")[0].rstrip(".")
