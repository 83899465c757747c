"""What the user asks of a sweep: its part of the command line. Imports nothing that takes seconds."""

import argparse
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from training.architectures import LARGEST_DEPTH, LARGEST_WIDTH
from training.errors import UserError, quoted

Backend = Literal["loky", "dask"]
DEFAULT_SEEDS = 3
MOST_SEEDS = 1000
MOST_ROWS = 100_000_000


@dataclass(frozen=True)
class SweepOptions:
    """The part of a checked command line that a sweep alone has. None: not given, the grid decides."""

    output: Path
    depths: tuple[int, ...] | None
    widths: tuple[int, ...] | None
    rows: tuple[int, ...] | None
    seeds: int
    backend: Backend
    address: str | None
    jobs: int | None


def add_sweep_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``sweep`` to those of ``fit``; None where not given: other commands refuse them."""
    add = parser.add_argument_group("options of sweep").add_argument
    add("--output", type=Path, metavar="FOLDER", help="where its results are kept, and found when it goes on")
    add("--depth", metavar="NUMBERS", help="hidden layers, 0 for the linear model, such as 0,1,2,5")
    add("--width", metavar="NUMBERS", help="units of each layer, such as 10,50,200,800")
    add("--rows", metavar="NUMBERS", help="to learn from, such as 1000,10000 (all, and for one network others too)")
    add("--seeds", metavar="NUMBER", help=f"how many, from --seed on ({DEFAULT_SEEDS})")
    add("--backend", choices=get_args(Backend), help="processes of this machine, or an existing cluster of Dask (loky)")
    add("--address", metavar="URL", help="of Dask's scheduler, such as tcp://scheduler:8786")
    add("--jobs", metavar="NUMBER", help="networks that are trained beside each other (one for each processor)")


def read_sweep_options(given: argparse.Namespace) -> SweepOptions | None:
    """Return what was given for a sweep; None for another command. Raise UserError with one line."""
    if given.command != "sweep":
        _refuse_elsewhere(given)
        return None
    if given.output is None:
        raise UserError("sweep must have a folder to keep its results, however: --output is not given. Add it.")
    _refuse_in_sweep(given)
    backend: Backend = given.backend or "loky"
    if (backend == "dask") != (given.address is not None):
        raise UserError(
            "--backend dask and --address belong together, however: one is given alone. "
            "Give both, such as --backend dask --address tcp://scheduler:8786."
        )
    if given.address is not None and not re.fullmatch(r"(tcp|tls|wss?)://[^/\s]+:[0-9]+", given.address):
        raise UserError(
            f"--address must be that of a scheduler of Dask, however: {quoted(given.address)}. "
            "Write for example tcp://scheduler:8786."
        )
    if backend == "dask" and given.jobs is not None:
        raise UserError("--jobs is for this machine alone, however: --backend dask is given. Leave --jobs out.")
    return SweepOptions(
        output=_folder(given.output),
        depths=_numbers("--depth", given.depth, 0, LARGEST_DEPTH),
        widths=_numbers("--width", given.width, 1, LARGEST_WIDTH),
        rows=_numbers("--rows", given.rows, 1, MOST_ROWS),
        seeds=DEFAULT_SEEDS if given.seeds is None else _number("--seeds", given.seeds, 1, MOST_SEEDS),
        backend=backend,
        address=given.address,
        jobs=None if given.jobs is None else _number("--jobs", given.jobs, 1, MOST_SEEDS),
    )


def _refuse_elsewhere(given: argparse.Namespace) -> None:
    for name in ("output", "depth", "width", "rows", "seeds", "backend", "address", "jobs"):
        if getattr(given, name) is not None:
            raise UserError(
                f"--{name} must go with sweep, however: {given.command} is asked for. "
                f"Leave it out, or write: python -m training sweep --{name} ..."
            )


def _refuse_in_sweep(given: argparse.Namespace) -> None:
    for name, value in (("--minimum", given.minimum), ("--summary", given.summary)):
        if value:
            raise UserError(f"{name} must go with fit, however: sweep saves no release. Leave it out.")
    for name in ("checkpoint", "resume", "checkpoint_seconds"):
        if getattr(given, name) is not None:
            raise UserError(
                f"--{name.replace('_', '-')} must go with fit, however: sweep goes on with what is in --output. "
                "Leave it out."
            )


def _numbers(option: str, text: str | None, lowest: int, highest: int) -> tuple[int, ...] | None:
    if text is None:
        return None
    return tuple(dict.fromkeys(_number(option, part.strip(), lowest, highest) for part in text.split(",")))


def _number(option: str, text: str, lowest: int, highest: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
        raise UserError(
            f"{option} must hold whole numbers from {lowest} to {highest:,}, however: {quoted(text)}. Correct it."
        )
    return int(text)


def _folder(path: Path) -> Path:
    parent = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"--output must name a folder that can be written to, however: {path}. Correct it.")
    return path
