"""What the user asks of a run: the command line, checked before anything slow is imported."""

import argparse
import math
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NoReturn, get_args

from service.contract.names import DEFAULT_ARCHITECTURES
from training.architectures import Architecture
from training.checkpoints.folder import SECONDS_BETWEEN, CheckpointOptions
from training.errors import UserError, quoted
from training.ranks.place import SECONDS_TO_WAIT
from training.sweep.options import SweepOptions, add_sweep_options, read_sweep_options
from training.table.memory import default_memory, read_memory
from training.table.reading_options import add_reading_options, take_reading_options
from training.table.values import ColumnOptions, ReadOptions

Command = Literal["fit", "inspect", "sweep"]
TaskChoice = Literal["auto", "classification", "regression"]
GATED_METRICS = ("accuracy", "auc", "r2")
"""Metrics for which more is better, so that a minimum makes sense."""
DEFAULT_TEST_FRACTION = 0.2
MOST_FEATURES = 20_000
"""20,000 features of 10,000 rows are 1.6 GB where all are needed at once, and a first layer of 200 units has 16 MB."""
OF_TRAINING = (
    "architecture", "epochs", "batch_size", "learning_rate", "minimum", "summary",
    "checkpoint", "resume", "checkpoint_seconds", "rank_seconds",
)  # fmt: skip
"""Options that say nothing where nothing is trained."""
OF_DATA = (
    "task", "separator", "decimal", "encoding", "no_header", "missing", "drop", "category", "numeric", "most_features",
)  # fmt: skip
"""Options that say nothing of a generated table. --test-fraction and --memory do: it is split, and has baselines."""
LARGEST_SEED = 2**32 - 1
"""NumPy's and scikit-learn's limit."""


@dataclass(frozen=True)
class TrainingOptions:
    """A checked command line. None: not given, the run decides."""

    command: Command
    data: Path | None
    target: str | None
    read: ReadOptions
    columns: ColumnOptions
    most_features: int
    task: TaskChoice
    architectures: tuple[Architecture, ...]
    epochs: int
    batch_size: int | None
    learning_rate: float | None
    seed: int
    test_fraction: float
    minimum: dict[str, float]
    summary: Path | None
    checkpoints: CheckpointOptions | None
    rank_seconds: float
    memory: int
    """Bytes that a table may take; a larger one is streamed."""
    sweep: SweepOptions | None
    """Of the command ``sweep`` alone."""


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError."""
        raise UserError(f"{message}. See: {self.prog} --help")


def parse_options(arguments: list[str] | None = None) -> TrainingOptions:
    """Read a command line (``sys.argv`` where none is given). Raise UserError with one line for the first fault."""
    parser = _parser()
    given = parser.parse_args(arguments)
    architectures = _architectures(given)
    sweep = read_sweep_options(given)
    _check_data(given)
    _refuse_unused(given, parser)
    _check_columns(given)
    _check_summary(given.summary)
    return TrainingOptions(
        command=given.command,
        data=given.data,
        target=given.target,
        read=replace(take_reading_options(given), drop=tuple(given.drop), text=tuple(given.category)),
        columns=ColumnOptions(drop=tuple(given.drop), category=tuple(given.category), numeric=tuple(given.numeric)),
        most_features=given.most_features,
        task=given.task,
        architectures=architectures,
        epochs=given.epochs,
        batch_size=given.batch_size,
        learning_rate=given.learning_rate,
        seed=given.seed,
        test_fraction=given.test_fraction,
        minimum=dict(given.minimum),
        summary=given.summary,
        checkpoints=_checkpoints(given),
        rank_seconds=given.rank_seconds,
        memory=default_memory() if given.memory is None else given.memory,
        sweep=sweep,
    )


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="python -m training",
        description="Train architectures on one table, compare them, and save a release to the BentoML model store.",
        epilog="To answer files of rows with a release, see: python -m training score --help",
    )
    add = parser.add_argument
    add(
        "command", nargs="?", choices=get_args(Command), default="fit",
        help="fit (which is the default); inspect: look at --data without training; sweep: train many sizes",
    )  # fmt: skip
    add(
        "--data",
        type=Path,
        metavar="FILES",
        help="a CSV or Parquet table: a file, a folder, or a pattern in quotes; without it a table is generated",
    )
    add("--target", metavar="COLUMN", help="column of --data to predict")
    add(
        "--task",
        choices=get_args(TaskChoice),
        default="auto",
        help="what the target asks for (auto: decided from its values)",
    )
    add(
        "--architecture", action="append", default=[], metavar="NAME=DEPTHxWIDTH",
        help="train this network instead of small=2x50 and large=5x200; may be given again",
    )  # fmt: skip
    add("--epochs", type=_whole("--epochs", 1), default=20, help="passes over the rows (20)")
    add("--batch-size", type=_whole("--batch-size", 1), help="rows in each gradient step (chosen from the table)")
    add("--learning-rate", type=_between("--learning-rate", 0, 10), help="highest rate (chosen from the width)")
    add(
        "--seed",
        type=_whole("--seed", 0, LARGEST_SEED),
        default=0,
        help="of the generated table, split and weights (0)",
    )
    add(
        "--test-fraction", type=_between("--test-fraction", 0, 1), default=DEFAULT_TEST_FRACTION, metavar="SHARE",
        help="share of --data's rows that is held out (%(default)s)",
    )  # fmt: skip
    add(
        "--minimum", action="append", type=_minimum, default=[], metavar="METRIC=VALUE",
        help=f"save nothing unless every architecture reaches this held-out {', '.join(GATED_METRICS)}",
    )  # fmt: skip
    add("--summary", type=Path, metavar="FILE", help="write the run's figures there as JSON")
    _add_checkpoint_options(parser)
    _add_table_options(parser)
    add_sweep_options(parser)
    return parser


def _add_checkpoint_options(parser: OneLineParser) -> None:
    """Where a run that is killed can go on from."""
    add = parser.add_argument_group("options of a run that may be killed").add_argument
    add("--checkpoint", type=Path, metavar="FOLDER", help="keep there how far the run is, until its release is saved")
    add("--resume", type=Path, metavar="FOLDER", help="go on with the run whose --checkpoint this was")
    add(
        "--checkpoint-seconds", type=_between("--checkpoint-seconds", 0, 1e6), metavar="SECONDS",
        help=f"between two checkpoints ({SECONDS_BETWEEN:g})",
    )  # fmt: skip
    add(
        "--rank-seconds", type=_between("--rank-seconds", 0, 1e6), default=SECONDS_TO_WAIT, metavar="SECONDS",
        help="under torchrun: how long ranks wait for one that is silent (%(default)g)",
    )  # fmt: skip


def _add_table_options(parser: OneLineParser) -> None:
    """How --data is read, and what its columns are, where looking at it does not tell."""
    add = parser.add_argument_group("options of --data, which mostly are found out").add_argument
    add_reading_options(add)
    add("--drop", action="append", default=[], metavar="COLUMN", help="leave this column out; may be given again")
    add(
        "--category", action="append", default=[], metavar="COLUMN",
        help="take every value of this column as a level; may be given again",
    )  # fmt: skip
    add(
        "--numeric", action="append", default=[], metavar="COLUMN",
        help="take this column as numbers and its words as missing; may be given again",
    )  # fmt: skip
    add(
        "--memory", type=read_memory, metavar="SIZE",
        help="such as 500MB: a table that takes more is read from the disk in every epoch (a quarter of what there is)",
    )  # fmt: skip
    add(
        "--most-features", type=_whole("--most-features", 1), default=MOST_FEATURES, metavar="NUMBER",
        help="refuse a table that makes more (%(default)s)",
    )  # fmt: skip


def _checkpoints(given: argparse.Namespace) -> CheckpointOptions | None:
    folders = {path for path in (given.checkpoint, given.resume) if path is not None}
    if not folders:
        if given.checkpoint_seconds is not None:
            raise UserError(
                "--checkpoint-seconds belongs to --checkpoint or --resume, however: it is given alone. Add one."
            )
        return None
    if len(folders) > 1:
        raise UserError(
            f"--checkpoint and --resume must name the same folder, however: {given.checkpoint} and {given.resume}. "
            "Correct one: a run goes on in the folder that it began in."
        )
    return CheckpointOptions(
        folder=folders.pop(),
        seconds=given.checkpoint_seconds or SECONDS_BETWEEN,
        begins=given.checkpoint is not None,
        resumes=given.resume is not None,
    )


def _whole(option: str, lowest: int, highest: int = sys.maxsize) -> Callable[[str], int]:
    """Make a reader of whole numbers from ``lowest`` to ``highest``."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,20}", text) or not lowest <= int(text) <= highest:
            limits = f"of at least {lowest}" if highest == sys.maxsize else f"from {lowest} to {highest}"
            raise UserError(f"{option} must be a whole number {limits}, however: {text!r}. Correct it.")
        return int(text)

    return read


def _between(option: str, low: float, high: float) -> Callable[[str], float]:
    """Make a reader of numbers between ``low`` and ``high``, both excluded."""

    def read(text: str) -> float:
        number = _number(text)
        if number is None or not low < number < high:
            raise UserError(f"{option} must be a number between {low} and {high}, however: {text!r}. Correct it.")
        return number

    return read


def _minimum(text: str) -> tuple[str, float]:
    metric, _, value = text.partition("=")
    number = _number(value)
    if metric not in GATED_METRICS or number is None:
        raise UserError(
            f"--minimum must be METRIC=VALUE with a metric of {', '.join(GATED_METRICS)}, however: {text!r}. "
            "Write for example --minimum accuracy=0.9."
        )
    return metric, number


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _architectures(given: argparse.Namespace) -> tuple[Architecture, ...]:
    if not given.architecture and given.command != "sweep":
        return tuple(Architecture(name, *shape) for name, shape in DEFAULT_ARCHITECTURES.items())
    architectures = tuple(Architecture.parse(text) for text in given.architecture)
    names = [architecture.name for architecture in architectures]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(
            f"architectures must have different names, however: '{twice.pop()}' is given twice. Rename one."
        )
    return architectures


def _check_data(given: argparse.Namespace) -> None:
    if given.command == "inspect":
        if given.data is None:
            raise UserError("inspect must have a table to look at, however: --data is not given. Add --data FILE.")
        return
    if (given.data is None) != (given.target is None):
        there, missing = ("--data", "--target") if given.target is None else ("--target", "--data")
        raise UserError(f"--data and --target belong together, however: {there} is given alone. Add {missing}.")


def _refuse_unused(given: argparse.Namespace, parser: OneLineParser) -> None:
    """Raise UserError for an option that the command, or a table that is generated, would pass over."""
    if given.command == "inspect":
        names, rule = OF_TRAINING, "go with fit or sweep, however: inspect trains nothing. Leave it out."
    elif given.data is None:
        names, rule = OF_DATA, "go with --data, however: none is given, and a table is generated. Add --data FILES."
    else:
        return
    for name in names:
        if getattr(given, name) != parser.get_default(name):
            raise UserError(f"--{name.replace('_', '-')} must {rule}")


def _check_columns(given: argparse.Namespace) -> None:
    options = {"--drop": given.drop, "--category": given.category, "--numeric": given.numeric}
    named = [(name, option) for option, names in options.items() for name in set(names)]
    for name, option in named:
        others = [other for again, other in named if again == name and other != option]
        if others:
            raise UserError(
                f"a column must be named by one of {', '.join(options)}, however: {quoted(name)} is named by "
                f"{option} and {others[0]}. Choose one."
            )


def _check_summary(path: Path | None) -> None:
    if path is not None and (path.is_dir() or not os.access(path.parent, os.W_OK)):
        raise UserError(f"--summary must name a file in a folder that can be written to, however: {path}. Correct it.")
