"""The command line of ``python -m loadtest``."""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from loadtest.record.errors import InputError
from loadtest.record.results import Settings
from loadtest.record.trials import ARRIVALS, BODIES
from loadtest.target.connection import ANSWER_SECONDS

WARM_UP_SHARE = 0.25
"""Of a trial's seconds, before them: connections open and caches fill."""
WHOLE_BLOCKS, QUICK_BLOCKS = 5, 3
LEAST_SLO_MS = 5.0
"""Below, the load generator would have to be late by less than half a millisecond: no trial would be valid."""


@dataclass(frozen=True)
class Options:
    """What was asked for. compare: the old and the new results, instead of a study."""

    settings: Settings
    api_key_file: Path | None
    many_replicas: bool
    folder: Path
    strict: bool
    compare: tuple[Path, Path] | None
    tolerance: float


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise InputError (called by argparse)."""
        raise InputError(f"{message}. See: {self.prog} --help")


def parse(arguments: list[str] | None = None) -> Options:
    """Read a command line. Raises InputError."""
    given = _parser().parse_args(arguments)
    if given.many_replicas and given.host is None:
        raise InputError(
            "--many-replicas must be of a service that runs, however: no --host is given. Give it, or leave this out."
        )
    settings = Settings(
        host=given.host,
        architectures=list(dict.fromkeys(given.architecture)),
        body=given.body,
        rows=given.rows,
        slo_p99_ms=given.slo_p99_ms,
        quick=given.quick,
        blocks=given.blocks or (QUICK_BLOCKS if given.quick else WHOLE_BLOCKS),
        seconds=given.seconds,
        warm_up_seconds=WARM_UP_SHARE * given.seconds,
        arrivals=given.arrivals,
        seed=given.seed,
        processes=given.generators,
        price_per_core_hour=given.price_per_core_hour,
    )
    return Options(
        settings=settings,
        api_key_file=given.api_key_file,
        many_replicas=given.many_replicas,
        folder=given.output or Path("results") / f"{datetime.now(UTC):%Y%m%dt%H%M%S}",
        strict=given.strict,
        compare=tuple(given.compare) if given.compare else None,
        tolerance=given.tolerance,
    )


def _parser() -> Parser:
    parser = Parser(
        prog="python -m loadtest",
        description="Find out which architecture scales, and say it with evidence.",
        epilog="python -m loadtest plan: how many replicas hold a rate. python -m loadtest curve: the page of a sweep.",
    )
    add = parser.add_argument
    add("--host", metavar="URL", help="a service that runs; without it one is started from the model store")
    add("--architecture", action="append", default=[], metavar="NAME", help="measure this one; may be repeated (all)")
    add("--quick", action="store_true", help="two minutes: no search for the capacity and no sweeps")
    add(
        "--slo-p99-ms",
        type=read_number("--slo-p99-ms", float, least=LEAST_SLO_MS, below=1000 * ANSWER_SECONDS),
        default=50.0,
        help="99 of 100 answers within (50)",
    )
    add("--body", "--bodies", choices=BODIES, default="json", help="features as JSON or .npy, or raw values (json)")
    add("--rows", type=read_number("--rows", int, least=1), default=64, help="rows in each request (64)")
    add("--blocks", type=read_number("--blocks", int, least=1), help="repeats of every measurement (5; quick: 3)")
    add(
        "--seconds",
        type=read_number("--seconds", float, least=1),
        default=4.0,
        help="of a trial, after its warm-up (4)",
    )
    add("--arrivals", choices=ARRIVALS, default="poisson", help="independent of each other, or even (poisson)")
    add("--seed", type=read_number("--seed", int, least=0), default=0, help="of the arrivals and of the order (0)")
    generators = read_number("--generators", int, least=1)
    add("--generators", type=generators, default=1, metavar="N", help="processes that generate the load (1)")
    price = read_number("--price-per-core-hour", float, above=0)
    add("--price-per-core-hour", type=price, metavar="PRICE", help="adds the cost of a million predictions")
    add("--api-key-file", type=Path, metavar="FILE", help="holds the API key of a service that asks for one")
    several = "what --host names is several replicas, of which each counts its own requests: no counts are compared"
    add("--many-replicas", action="store_true", help=several)
    add("--output", type=Path, metavar="FOLDER", help="of the results (results/ and the time)")
    add("--strict", action="store_true", help="exit code 1 where a figure is invalid")
    add("--compare", nargs=2, type=Path, metavar=("OLD", "NEW"), help="compare two results instead of measuring")
    tolerance = read_number("--tolerance", float, least=0)
    add(
        "--tolerance",
        type=tolerance,
        default=0.05,
        help="of --compare: exit code 1 if worse by more than this share (0.05)",
    )
    return parser


def read_number(
    option: str,
    kind: Callable[[str], float],
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> Callable[[str], float]:
    """Make a reader of numbers of at least ``least``, of more than ``above`` and of less than ``below``."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (least <= value < below and value > above):
            what = "a whole number" if kind is int else "a number"
            bound = f"of at least {least:g}" if least > -math.inf else f"above {above:g}"
            end = f" and below {below:g}" if below < math.inf else ""
            raise InputError(f"{option} must be {what} {bound}{end}, however: {text!r}. Correct it.")
        return value

    return read
