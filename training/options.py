"""What the user asks of a run: the command line, checked before anything slow is imported."""

import argparse
import math
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, get_args

from service.contract.names import DEFAULT_ARCHITECTURES
from training.architectures import Architecture
from training.errors import UserError

TaskChoice = Literal["auto", "classification", "regression"]
GATED_METRICS = ("accuracy", "auc", "r2")
"""Metrics for which more is better, so that a minimum makes sense."""
DEFAULT_TEST_FRACTION = 0.2
LARGEST_SEED = 2**32 - 1
"""NumPy's and scikit-learn's limit."""


@dataclass(frozen=True)
class TrainingOptions:
    """A checked command line. None: not given, the run decides."""

    data: Path | None
    target: str | None
    task: TaskChoice
    architectures: tuple[Architecture, ...]
    epochs: int
    batch_size: int | None
    learning_rate: float | None
    seed: int
    test_fraction: float
    minimum: dict[str, float]
    summary: Path | None


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. See: python -m training --help")


def parse_options(arguments: list[str] | None = None) -> TrainingOptions:
    """Read a command line (``sys.argv`` where none is given). Raise UserError with one line for the first fault."""
    given = _parser().parse_args(arguments)
    architectures = _architectures(given.architecture)
    _check_data(given)
    _check_summary(given.summary)
    return TrainingOptions(
        data=given.data,
        target=given.target,
        task=given.task,
        architectures=architectures,
        epochs=given.epochs,
        batch_size=given.batch_size,
        learning_rate=given.learning_rate,
        seed=given.seed,
        test_fraction=given.test_fraction,
        minimum=dict(given.minimum),
        summary=given.summary,
    )


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m training",
        description="Train architectures on one table, compare them, and save a release to the BentoML model store.",
    )
    add = parser.add_argument
    add("command", nargs="?", choices=["fit"], default="fit", help="what to do (fit, which is the default)")
    add("--data", type=Path, metavar="FILE", help="CSV or Parquet table; without it a table is generated")
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
    return parser


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


def _architectures(given: list[str]) -> tuple[Architecture, ...]:
    if not given:
        return tuple(Architecture(name, *shape) for name, shape in DEFAULT_ARCHITECTURES.items())
    architectures = tuple(Architecture.parse(text) for text in given)
    names = [architecture.name for architecture in architectures]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(
            f"architectures must have different names, however: '{twice.pop()}' is given twice. Rename one."
        )
    return architectures


def _check_data(given: argparse.Namespace) -> None:
    if (given.data is None) != (given.target is None):
        there, missing = ("--data", "--target") if given.target is None else ("--target", "--data")
        raise UserError(f"--data and --target belong together, however: {there} is given alone. Add {missing}.")


def _check_summary(path: Path | None) -> None:
    if path is not None and (path.is_dir() or not os.access(path.parent, os.W_OK)):
        raise UserError(f"--summary must name a file in a folder that can be written to, however: {path}. Correct it.")
