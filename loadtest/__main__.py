"""Compare architectures under load. Run: python -m loadtest --help."""

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from loadtest.comparison import Advance, compare, count_steps
from loadtest.errors import InputError, MeasurementError
from loadtest.payloads import BODIES
from loadtest.report import show
from loadtest.results import Results, Settings, save_results

REPORT_FILE = "comparison.txt"
REPORT_WIDTH = 100
WARM_UP_SHARE = 0.125
"""Share of a round that is left out: connections open and caches fill."""
USUAL_ARCHITECTURES = 2
DONE, FAILED, INPUT_WRONG, INTERRUPTED = 0, 1, 2, 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}. See: python -m loadtest --help")


def main() -> int:
    """Run the comparison; return the exit code."""
    try:
        settings, folder = parse()
        _make_folder(folder)
        with _show_progress(settings) as advance:
            results = compare(settings, advance=advance)
        _show(results, folder)
    except InputError as error:
        print(error, file=sys.stderr)
        return INPUT_WRONG
    except MeasurementError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C; the service that was started is stopped too.", file=sys.stderr)
        return INTERRUPTED
    return DONE if results.valid else FAILED


def parse(arguments: list[str] | None = None) -> tuple[Settings, Path]:
    """Read a command line; return the settings and the folder of the results. Raises InputError."""
    given = _parser().parse_args(arguments)
    settings = Settings(
        host=given.host,
        architectures=given.architecture,
        body=given.body,
        rows=given.rows,
        users=given.users,
        seconds=given.seconds,
        rounds=given.rounds,
        warm_up_seconds=given.seconds * WARM_UP_SHARE,
        slo_p99_ms=given.slo_p99_ms,
    )
    return settings, given.output or Path("results") / f"{datetime.now(UTC):%Y%m%dt%H%M%S}"


def _parser() -> _Parser:
    parser = _Parser(prog="python -m loadtest", description="Compare the served architectures under load.")
    add = parser.add_argument
    add("--host", metavar="URL", help="a service that runs; without it one is started from the model store")
    add(
        "--architecture", action="append", default=[], metavar="NAME", help="compare this one; may be given again (all)"
    )
    add("--body", choices=BODIES, default="json", help="features as JSON or .npy, or raw values as JSON (json)")
    add("--rows", type=_number("--rows", int, 1), default=64, help="rows in each request (64)")
    add("--users", type=_number("--users", int, 1), default=16, help="users that ask at the same time (16)")
    add("--seconds", type=_number("--seconds", float, 1), default=8.0, help="of each round (8)")
    add("--rounds", type=_number("--rounds", int, 1), default=3, help="of each architecture (3)")
    add("--slo-p99-ms", type=_number("--slo-p99-ms", float, 0), default=50.0, help="p99 that is wished for (50)")
    add("--output", type=Path, metavar="FOLDER", help="of the results (results/ and the time)")
    return parser


def _number(option: str, kind: Callable[[str], float], lowest: float) -> Callable[[str], float]:
    """Make a reader of numbers of at least ``lowest``."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not lowest <= value < math.inf:
            what = "a whole number" if kind is int else "a number"
            raise InputError(f"{option} must be {what} of at least {lowest:g}, however: {text!r}. Correct it.")
        return value

    return read


def _make_folder(folder: Path) -> None:
    """Find out before the load whether its results can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / REPORT_FILE).touch()
    except OSError as error:
        raise InputError(
            f"--output must be a folder that can be written to, however: {folder}: {error.strerror}."
        ) from None


@contextmanager
def _show_progress(settings: Settings) -> Iterator[Advance]:
    """Show a bar on standard error; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        steps = count_steps(settings, len(settings.architectures) or USUAL_ARCHITECTURES)
        bar = progress.add_task("starting the service", total=steps + 1)

        def advance(what: str) -> None:
            progress.update(bar, advance=1, description=what)

        yield advance


def _show(results: Results, folder: Path) -> None:
    try:
        path = save_results(results, folder)
        with (folder / REPORT_FILE).open("w") as file:
            show(results, Console(file=file, width=REPORT_WIDTH, highlight=False))
    except OSError as error:
        raise MeasurementError(f"the results must be written, however: {folder}: {error.strerror}.") from None
    console = Console(highlight=False)
    show(results, console)
    console.print(f"Report: {path.with_name(REPORT_FILE)} and {path}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
