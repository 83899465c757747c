"""Find out which architecture scales, under open arrivals. Run: python -m loadtest --help."""

import sys
from pathlib import Path

from rich.console import Console

from loadtest.compare import compare_results
from loadtest.options import Options, parse
from loadtest.progress import show_progress
from loadtest.record.errors import InputError, MeasurementError
from loadtest.record.results import Results, Settings, save_results
from loadtest.report.outputs import save_report, show
from loadtest.study.deadline import LONGEST
from loadtest.study.plan import expect_rates, make_plan, run
from loadtest.study.study import open_study

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
    results, code = measure_study(options.settings, options.folder)
    _save(results, options.folder)
    if code == DONE and options.strict and not results.valid:
        return FAILED
    return code


def measure_study(settings: Settings, folder: Path) -> tuple[Results, int]:
    """Return what was measured, all or a part, and the exit code that this means.

    Raises InputError, and MeasurementError or KeyboardInterrupt where nothing was measured.
    """
    with show_progress() as progress, open_study(settings, folder, progress.tell) as study:
        plan = make_plan(study.settings, expect_rates(study))
        progress.announce(study.settings.architectures, plan.seconds, LONGEST * plan.seconds)
        try:
            partial, code = run(study, plan), DONE
        except (InputError, MeasurementError, KeyboardInterrupt) as error:
            if not study.trials:
                raise
            stopped = isinstance(error, KeyboardInterrupt)
            partial, code = ("stopped by Ctrl-C", INTERRUPTED) if stopped else (str(error), FAILED)
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


def _save(results: Results, folder: Path) -> None:
    try:
        file = save_results(results, folder)  # first: whatever fails after it, what was measured is kept
        files = [*save_report(results, folder), file]
    except OSError as error:
        raise MeasurementError(
            f"the results must be written, however: {folder}: {error.strerror}. Make room, or give another --output."
        ) from None
    console = Console(highlight=False)
    show(results, console)
    for written in files:
        console.print(str(written), soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
