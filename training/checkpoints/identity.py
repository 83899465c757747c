"""Which run a checkpoint is of: the program, the rows, and each network with its recipe. It serves no other run."""

import hashlib
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from service import __version__
from service.contract.card import Frozen, Recipe
from service.contract.names import Task

CHECKPOINT_FORMAT = 1


class NetworkIdentity(Frozen):
    """A network of the run and how it is trained."""

    depth: int
    width: int
    outputs: int
    recipe: Recipe


class Versions(BaseModel):
    """Of what wrote the checkpoint: all that a checkpoint of any other version is sure to have."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = CHECKPOINT_FORMAT
    archscale: str = __version__
    torch: str


class RunIdentity(Versions):
    """What must be the same in the run that goes on, as ``run.json`` keeps it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    networks: dict[str, NetworkIdentity]
    rows: str
    """SHA-256 of the rows as networks get them: table, split, preprocessing and scale of the target."""

    def digest(self) -> str:
        """SHA-256 in hexadecimal: what the state of each network carries, to be of this run."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)  # in whatever order the networks are named
        return hashlib.sha256(content.encode()).hexdigest()


def digest_rows(arrays: Mapping[str, NDArray[np.generic]]) -> str:
    """SHA-256 in hexadecimal over names, shapes, types and values of arrays of any shape and type."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.shape} {array.dtype.str}\0".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def first_difference(saved: bytes, now: RunIdentity) -> str | None:
    """Say what is different in the run that wants to go on, the cause before what follows from it; None: nothing.

    saved: what ``run.json`` holds. Raise ValueError where that is damaged.
    """
    versions = Versions.model_validate_json(saved)
    for field, name in (("format", "the format"), ("archscale", "archscale"), ("torch", "PyTorch")):
        there, here = getattr(versions, field), getattr(now, field)
        if there != here:
            return f"it was written by version {there} of {name}, and this is {here}"
    run = RunIdentity.model_validate_json(saved)
    if run.networks.keys() != now.networks.keys():
        return f"it is of {', '.join(run.networks)}, and this run trains {', '.join(now.networks)}"
    for name, network in now.networks.items():
        earlier = _flat(run.networks[name])
        for field, value in _flat(network).items():
            if earlier[field] != value:
                return f"'{name}' has {field.replace('_', ' ')} {earlier[field]} there and {value} here"
    if (run.task, run.rows) != (now.task, now.rows):
        return "it is of another table, or of other options of this one"
    return None


def _flat(network: NetworkIdentity) -> dict[str, object]:
    return {**network.model_dump(exclude={"recipe"}), **network.recipe.model_dump()}
