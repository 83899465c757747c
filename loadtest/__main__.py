"""Find out which architecture scales, under open arrivals. Run: python -m loadtest --help."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from loadtest.compare import compare_results
from loadtest.curve import draw_curve, parse_curve
from loadtest.options import Options, parse
from loadtest.plan import parse_plan, print_plan
from loadtest.record.errors import InputError, MeasurementError
from loadtest.record.results import Results
from loadtest.record.results_file import make_folder, save_results
from loadtest.report.outputs import save_report, show_report
from loadtest.study.deadline import LONGEST
from loadtest.study.plan import expect_rates, make_plan, run
from loadtest.study.study import open_study
from loadtest.target.connection import authorize

DONE, FAILED, INPUT_WRONG = 0, 1, 2
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BY_SIGNAL = 128
"""Added to a signal's number: the exit code of what it ended, as shells count."""
LINE_SECONDS = 20.0
"""Between two plain lines."""


def main() -> int:
    """Run a study, compare two, plan with one, or draw a sweep; return the exit code."""
    try:
        with interrupted_by_signals():
            return _run(sys.argv[1:])
    except InputError as error:
        print(error, file=sys.stderr)
        return INPUT_WRONG
    except MeasurementError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt as interruption:
        how, code = _explain(interruption)
        print(f"Stopped by {how} before anything was measured.", file=sys.stderr)
        return code


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end what runs meanwhile as Ctrl-C does: it stops its service, and keeps what it has."""

    def interrupt(number: int, _: object) -> None:
        ignore_signals()  # a terminal that goes sends SIGHUP more than once: the end must not be cut short
        raise KeyboardInterrupt(signal.Signals(number))

    before = {number: signal.getsignal(number) for number in ENDING}
    for number, handler in before.items():
        if handler != signal.SIG_IGN and number != signal.SIGINT:  # so nohup leaves SIGHUP; Python has Ctrl-C itself
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_signals() -> None:
    """Let nothing cut short what comes now: a service that ends and a report that is written, a few seconds in all."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def _explain(interruption: KeyboardInterrupt) -> tuple[str, int]:
    """Return what interrupted, and the exit code. Python itself raises it without a signal, at Ctrl-C."""
    if not interruption.args:
        return "Ctrl-C", BY_SIGNAL + signal.SIGINT
    (number,) = interruption.args
    return number.name, BY_SIGNAL + number


def _run(arguments: list[str]) -> int:
    console = Console(highlight=False)
    match arguments:
        case ["plan", *rest]:
            print_plan(parse_plan(rest), console)
            return DONE
        case ["curve", *rest]:
            draw_curve(parse_curve(rest), console)
            return DONE
    options = parse(arguments)
    if options.compare is not None:
        return compare_results(*options.compare, tolerance=options.tolerance, console=console)
    return _study(options)


def _study(options: Options) -> int:
    authorize(options.api_key_file)
    make_folder(options.folder, "--output")
    results, code = measure_study(options)
    _save(results, options.folder)
    if code == DONE and options.strict and not results.valid:
        return FAILED
    return code


def measure_study(options: Options) -> tuple[Results, int]:
    """Return what was measured, all or a part, and the exit code that this means.

    Raises InputError, and MeasurementError or KeyboardInterrupt where nothing was measured.
    """
    with (
        errors_in_one_line(),
        show_progress() as progress,
        open_study(
            options.settings,
            options.folder,
            progress.tell,
            options.api_key_file,
            many_replicas=options.many_replicas,
        ) as study,
    ):
        plan = make_plan(study.settings, expect_rates(study))
        progress.announce(study.settings.architectures, plan.seconds, LONGEST * plan.seconds)
        try:
            with errors_in_one_line():
                partial, code = run(study, plan), DONE
        except (InputError, MeasurementError, KeyboardInterrupt) as error:
            if not study.trials:
                raise
            if isinstance(error, KeyboardInterrupt):
                how, code = _explain(error)
                partial = f"stopped by {how}"
            else:
                partial, code = str(error), FAILED
        ignore_signals()
        return study.results(partial=partial), code


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Raise MeasurementError for what files and processes raise meanwhile."""
    try:
        yield
    except (OSError, psutil.Error) as error:
        raise MeasurementError(
            f"a study must be able to write its files and to see its service, however: {error}. "
            "Correct that, and measure again."
        ) from error


def _save(results: Results, folder: Path) -> None:
    try:
        file = save_results(results, folder)  # first: whatever fails after it, what was measured is kept
        files = [*save_report(results, folder), file]
    except OSError as error:
        raise MeasurementError(
            f"the results must be written, however: {folder}: {error.strerror}. Make room, or give another --output."
        ) from None
    console = Console(highlight=False)
    show_report(results, console)
    for written in files:
        console.print(str(written), soft_wrap=True, markup=False)


class Teller:
    """Says what begins. Nothing is said before the study knows what it measures: until then, errors stand alone."""

    def __init__(self, console: Console, bar: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._bar, self._clock = console, bar, clock
        self._began = self._said = clock()
        self._seconds: float | None = None
        self._task = bar.add_task("starting the service", total=None)

    def announce(self, architectures: list[str], seconds: float, longest: float) -> None:
        """Say what will be done, how long it should take, and how long it takes at most."""
        self._seconds = seconds
        self._bar.update(self._task, total=seconds)
        what = f"Measures {', '.join(architectures)}: about {_in_words(seconds)}, {_in_words(longest)} at most."
        self._console.print(what, soft_wrap=True, markup=False, highlight=False)

    def tell(self, what: str) -> None:
        """Say what begins; as a line, only where the last one was long ago."""
        now = self._clock()
        self._bar.update(self._task, completed=now - self._began, description=what)
        if self._bar.disable and self._seconds is not None and now - self._said >= LINE_SECONDS:
            self._said = now
            line = f"{_in_words(now - self._began)} of about {_in_words(self._seconds)}: {what}"
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)


def _in_words(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.1f} minutes" if minutes < 10 else f"{minutes:.0f} minutes"


@contextmanager
def show_progress() -> Iterator[Teller]:
    """Show what a study tells meanwhile."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield Teller(console, bar)


if __name__ == "__main__":
    sys.exit(main())
