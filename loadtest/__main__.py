"""Find out which architecture scales, under open arrivals. Run: python -m loadtest --help."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from loadtest.compare import compare_results
from loadtest.options import Options, parse
from loadtest.record.errors import InputError, MeasurementError
from loadtest.record.results import Results, Settings, save_results
from loadtest.report.outputs import save_report, show
from loadtest.study.phases import estimate_seconds, run
from loadtest.study.study import Advance, open_study

USUAL_ARCHITECTURES = 2
SPARE_SHARE = 0.3
"""Of the time that a study takes: what it may spend on trials that fail a gate and are run again."""
DONE, FAILED, INPUT_WRONG, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    """Run a study, or compare two; return the exit code."""
    try:
        options = parse()
        if options.compare is not None:
            return compare_results(*options.compare, tolerance=options.tolerance, console=Console(highlight=False))
        return _study(options)
    except InputError as error:
        print(error, file=sys.stderr)
        return INPUT_WRONG
    except MeasurementError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C before anything was measured.", file=sys.stderr)
        return INTERRUPTED


def _study(options: Options) -> int:
    _make_folder(options.folder)
    results, code = measure(options.settings, options.folder)
    _save(results, options.folder)
    if code == DONE and options.strict and not results.valid:
        return FAILED
    return code


def measure(settings: Settings, folder: Path) -> tuple[Results, int]:
    """Return what was measured, all or a part, and the exit code that this means.

    Raises InputError, and MeasurementError or KeyboardInterrupt where nothing was measured.
    """
    seconds = estimate_seconds(settings, len(settings.architectures) or USUAL_ARCHITECTURES)
    spare = SPARE_SHARE * seconds
    with _show_progress(seconds) as advance, open_study(settings, folder, advance, spare_seconds=spare) as study:
        partial, code = None, DONE
        try:
            run(study)
        except (MeasurementError, KeyboardInterrupt) as error:
            if not study.trials:
                raise
            partial, code = (
                (str(error), FAILED) if isinstance(error, MeasurementError) else ("stopped by Ctrl-C", INTERRUPTED)
            )
        return study.results(partial=partial), code


def _make_folder(folder: Path) -> None:
    """Find out before the load whether its results can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".draft").touch()
        (folder / ".draft").unlink()
    except OSError as error:
        raise InputError(
            f"--output must be a folder that can be written to, however: {folder}: {error.strerror}. Choose another."
        ) from None


@contextmanager
def _show_progress(seconds: float) -> Iterator[Advance]:
    """Show a bar and the time left on standard error; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("starting the service", total=seconds)

        def advance(what: str, seconds: float) -> None:
            progress.update(bar, advance=seconds, description=what)

        yield advance


def _save(results: Results, folder: Path) -> None:
    try:
        files = [*save_report(results, folder), save_results(results, folder)]
    except OSError as error:
        raise MeasurementError(
            f"the results must be written, however: {folder}: {error.strerror}. Make room, or give another --output."
        ) from None
    console = Console(highlight=False)
    show(results, console)
    for file in files:
        console.print(str(file), soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
