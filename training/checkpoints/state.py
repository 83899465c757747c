"""How far the training of one network is: everything that the rest of it depends on, as one safetensors file."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

import safetensors.torch
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from torch import Tensor

from service.contract.card import EpochTrace, Frozen
from training.cost.memory import MemoryUse
from training.cost.seconds import Seconds
from training.errors import UserError, first_line

PROGRESS = "progress"
"""Name of the metadata that hold the ``TrainingProgress`` as JSON."""


class TrainingProgress(Frozen):
    """Where in the training it is. run: digest of the ``RunIdentity``."""

    run: str
    steps: int
    """Gradient steps that are done, of all epochs."""
    rows: int
    """Rows that the epoch under way has passed; 0 between epochs."""
    best_loss: float | None
    """Lowest validation loss; None: no epoch has ended yet."""
    trace: list[EpochTrace]
    seconds: Seconds
    memory: MemoryUse


@dataclass(frozen=True)
class TrainingState:
    """Vectors of (parameters,) float32 in the order of ``flatten``, and PyTorch's generator of random numbers.

    momentum, squares: AdamW's; averages: of the weights; best: the averages at the best epoch; loss: a scalar, summed
    over the rows of the epoch under way; random, random_of_epoch: (bytes,) uint8, the generator's state now and as the
    epoch began, which is what draws the order of its rows again.
    """

    weights: Tensor
    momentum: Tensor
    squares: Tensor
    averages: Tensor
    best: Tensor
    loss: Tensor
    random: Tensor
    random_of_epoch: Tensor
    progress: TrainingProgress

    def save(self, path: Path) -> None:
        """Write the file, without a copy of the vectors. Raise SafetensorError where the system refuses."""
        tensors = {name: getattr(self, name) for name in TENSORS}
        safetensors.torch.save_file(tensors, path, metadata={PROGRESS: self.progress.model_dump_json()})


TENSORS = tuple(field.name for field in fields(TrainingState) if field.name != "progress")


def read_state(content: bytes, *, path: Path, run: str | None, parameters: int) -> TrainingState:
    """Return the state in the bytes of a file. Raise UserError where it is damaged, or of another run.

    path: what the message names; run: digest of the ``RunIdentity``, None: it has been looked at; parameters: of the
    network.
    """
    try:
        tensors = safetensors.torch.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        progress = TrainingProgress.model_validate_json(header["__metadata__"][PROGRESS])
        state = TrainingState(**{name: tensors[name] for name in TENSORS}, progress=progress)
        if {state.weights.shape, state.best.shape} != {torch.Size([parameters])}:
            raise ValueError(f"it has {state.weights.numel()} weights, and the network has {parameters}")
    except (SafetensorError, ValidationError, ValueError, KeyError) as error:
        raise UserError(
            f"a checkpoint must be whole, however: {path}: {first_line(error)}. Remove its folder and begin anew."
        ) from error
    if run is not None and progress.run != run:
        raise UserError(
            f"a checkpoint must be of the run that its folder is of, however: {path} is of another. Remove the folder "
            "and begin anew."
        )
    return state
