"""The folder of a run's checkpoints: begun, gone on from, used by one run at a time, removed when a release is saved.

``run.json`` says which run it is of, ``NAME.safetensors`` how far network NAME is. What is not there has not begun.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from training.checkpoints.files import write_checkpoint
from training.checkpoints.identity import RunIdentity, first_difference
from training.errors import TrainingError, UserError
from training.whole_file import DRAFT, take_lock

RUN_FILE = "run.json"
SECONDS_BETWEEN = 30.0


@dataclass(frozen=True)
class CheckpointOptions:
    """What the command line says: where, how often, and whether a run is begun there, gone on with, or either."""

    folder: Path
    seconds: float
    begins: bool
    resumes: bool


@dataclass(frozen=True)
class CheckpointPlan:
    """Where the state of one network is kept, every how many seconds, and the digest of the run that it is of."""

    path: Path
    seconds: float
    run: str


def check_checkpoints(options: CheckpointOptions) -> None:
    """Raise UserError where nothing can be begun in the folder, or gone on from: known before anything is read."""
    folder, holds = options.folder, _look(options.folder)
    if RUN_FILE in holds:
        if not options.resumes:
            raise UserError(
                f"--checkpoint must name a new or empty folder, however: {folder} holds a checkpoint. Go on from it "
                f"with --resume {folder}, or remove it."
            )
    elif not options.begins:
        there = "holds none" if folder.exists() else "does not exist"
        raise UserError(
            f"--resume must name a folder with a checkpoint, however: {folder} {there}. "
            "Correct it, or begin with --checkpoint."
        )
    elif foreign := sorted(holds - _drafts(holds)):
        raise UserError(
            f"--checkpoint must name a new or empty folder, however: {folder} holds '{foreign[0]}'. Name another."
        )


@contextmanager
def keep_checkpoints(
    options: CheckpointOptions | None, identify: Callable[[], RunIdentity]
) -> Iterator[dict[str, CheckpointPlan]]:
    """Yield the plan of each network, by name; none where ``options`` is None.

    The folder is removed when the body ends, and kept when it raises. Raise UserError where it is of another run or
    in use, TrainingError where it can't be written to.
    """
    if options is None:
        yield {}
        return
    run_file, identity = options.folder / RUN_FILE, identify()
    check_checkpoints(options)
    if not run_file.exists():
        _make(options.folder)
        write_checkpoint(run_file, lambda draft: draft.write_text(identity.model_dump_json(indent=2) + "\n"))
    with _alone(run_file):
        _check_same(run_file, identity)
        for name in _drafts(_look(options.folder)):
            (options.folder / name).unlink(missing_ok=True)
        plans = {name: _plan(options, name, identity) for name in identity.networks}
        yield plans
        _remove(options.folder, files=[plan.path for plan in plans.values()])


def _plan(options: CheckpointOptions, name: str, identity: RunIdentity) -> CheckpointPlan:
    path = options.folder.absolute() / f"{name}.safetensors"
    return CheckpointPlan(path=path, seconds=options.seconds, run=identity.digest())


def _look(folder: Path) -> set[str]:
    """Names in a folder; none where it is not there."""
    try:
        return set(os.listdir(folder))
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise UserError(
            f"a checkpoint's folder must be a folder that can be read, however: {folder}: {error.strerror}. Correct it."
        ) from None


def _drafts(names: set[str]) -> set[str]:
    return {name for name in names if name.endswith(DRAFT)}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--checkpoint must name a folder that can be made, however: {folder}: {error.strerror}. Name another."
        ) from None


@contextmanager
def _alone(run_file: Path) -> Iterator[None]:
    """Hold the folder's lock, which a killed run gives back."""
    try:
        file = run_file.open("r+")
    except OSError as error:
        raise TrainingError(
            f"a checkpoint's folder must be one that can be written to, however: {run_file}: {error.strerror}. "
            "Correct that, or name another."
        ) from None
    with file:
        if not take_lock(file):
            raise UserError(
                f"a checkpoint's folder must be used by one run at a time, however: another run writes to "
                f"{run_file.parent}. Wait for its end, or stop it."
            )
        yield


def _check_same(run_file: Path, identity: RunIdentity) -> None:
    try:
        difference = first_difference(run_file.read_bytes(), identity)
    except (ValueError, OSError) as error:
        difference = f"{RUN_FILE} is damaged: {type(error).__name__}"
    if difference:
        raise UserError(
            f"--resume must go on with the run that was begun, however: {run_file.parent}: {difference}. Give the same "
            "options and table, or begin anew with --checkpoint and another folder."
        )


def _remove(folder: Path, *, files: list[Path]) -> None:
    """Remove what makes it a checkpoint first: killed in between, what is left is refused, not gone on from."""
    with suppress(OSError):
        for path in [folder / RUN_FILE, *files]:
            path.unlink(missing_ok=True)
        folder.rmdir()
