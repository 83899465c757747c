"""What the user asks of a scoring: its command line, checked before anything slow is imported."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from service.contract.policies import Policy, UnknownCategory
from training.errors import UserError, quoted
from training.options import OneLineParser
from training.table.reading_options import add_reading_options, take_reading_options
from training.table.values import ReadOptions

MOST_JOBS = 256


@dataclass(frozen=True)
class Policies:
    """What becomes of values that training never saw, as the service's settings of these names have it."""

    out_of_range: Policy = "allow"
    unknown_category: UnknownCategory = "reject"


@dataclass(frozen=True)
class ScoreOptions:
    """A checked command line. release, architecture: None where the newest, and the best, are wanted."""

    data: tuple[str, ...]
    """Files, folders and patterns."""
    output: Path
    release: str | None
    architecture: str | None
    keep: tuple[str, ...]
    policies: Policies
    read: ReadOptions
    numeric: tuple[str, ...]
    """Columns of numbers whose words count as missing."""
    jobs: int


def parse_score_options(arguments: list[str]) -> ScoreOptions:
    """Read the words behind ``score``. Raise UserError with one line for the first fault."""
    given = _parser().parse_args(arguments)
    if twice := {name for name in given.keep if given.keep.count(name) > 1}:
        raise UserError(f"--keep must name a column once, however: {quoted(twice.pop())} is named again. Correct it.")
    return ScoreOptions(
        data=tuple(given.data),
        output=given.output,
        release=given.release,
        architecture=given.architecture,
        keep=tuple(given.keep),
        policies=Policies(out_of_range=given.out_of_range, unknown_category=given.unknown_category),
        read=take_reading_options(given),
        numeric=tuple(given.numeric),
        jobs=given.jobs or _processors(),
    )


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="python -m training score",
        description="Answer the rows of files with a release of the BentoML model store.",
    )
    add = parser.add_argument
    add(
        "--data", nargs="+", required=True, metavar="FILES",
        help="CSV and Parquet files, folders of them, or patterns in quotes such as 'parts/*.parquet'",
    )  # fmt: skip
    add(
        "--output", type=Path, required=True, metavar="FILES",
        help="a file that ends in .parquet or .csv; or a folder, which gets a file for each of --data",
    )  # fmt: skip
    add("--release", metavar="VERSION", help="of the model store (the newest)")
    add("--architecture", metavar="NAME", help="of the release (that of the lowest held-out loss)")
    add(
        "--keep", action="append", default=[], metavar="COLUMN",
        help="write this column of --data beside the predictions; may be given again",
    )  # fmt: skip
    add(
        "--out-of-range", choices=get_args(Policy), default="allow",
        help="numbers outside the range that training saw: counted, taken for its end, or refused (%(default)s)",
    )  # fmt: skip
    add(
        "--unknown-category", choices=get_args(UnknownCategory), default="reject",
        help="levels that training never saw: refused, or counted and taken for a rare one (%(default)s)",
    )  # fmt: skip
    add("--jobs", type=_jobs, metavar="N", help="files at a time, in a process each (one a processor)")
    reading = parser.add_argument_group("options of --data, which mostly are found out").add_argument
    add_reading_options(reading)
    reading(
        "--numeric", action="append", default=[], metavar="COLUMN",
        help="take the words of this column of numbers as missing; may be given again",
    )  # fmt: skip
    return parser


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_JOBS):
        raise UserError(f"--jobs must be a whole number from 1 to {MOST_JOBS}, however: {quoted(text)}. Correct it.")
    return int(text)
