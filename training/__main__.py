"""The training job: a table in, a release in the model store out. Run: python -m training --help."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from training.checkpoints.folder import check_folder
from training.errors import TrainingError
from training.options import TrainingOptions, parse_options
from training.ranks.place import Place, find_place

if TYPE_CHECKING:  # imports torch
    from training.ranks.group import Group

INTERRUPTED = 130
"""128 + SIGINT, as shells count it."""
OPENMP_WAITING = ("GOMP_SPINCOUNT", "10000")
"""OpenMP's threads spin while they wait for each other: by default for long. Where other programs want the processors
too, each then waits for one that is not running: a training of 2 s took 40 s, a baseline of 0.2 s a minute (libgomp of
torch 2.13 and scikit-learn 1.9). Not to spin at all (``OMP_WAIT_POLICY=PASSIVE``) costs 2.5 times the seconds where
nobody else wants them; so long a spin costs nothing there, and some tenths on a busy machine."""


def main() -> int:
    """Run the job; return its exit code."""
    os.environ.setdefault(*OPENMP_WAITING)  # read when the libraries load, here and in the processes that train
    place = Place()
    try:
        place = find_place()
        options = parse_options()
        if options.command == "inspect":
            _inspect(options)
        else:
            _fit(options, place)
    except TrainingError as error:
        if place.is_first:
            print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        if place.is_first:
            print("Stopped by Ctrl-C.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _inspect(options: TrainingOptions) -> None:
    from training.columns.show import show_table
    from training.inspect import look_at_table

    show_table(look_at_table(options), most_features=options.most_features)


def _fit(options: TrainingOptions, place: Place) -> None:
    # Imported here: bad options are answered at once, and the reader knows what goes on in the seconds of imports.
    from training.console import show_summary, show_training

    if not place.is_first:
        _follow(options, place)
        return
    if options.checkpoints is not None and not place.launched:  # ranks meet first: those that wait to meet hear nothing
        check_folder(options.checkpoints)
    with show_training(options) as progress:
        progress.show_stage("loading the libraries")
        from training.columns.show import show_table
        from training.run import run_training

        with _ranks(options, place) as group:
            summary = run_training(
                options,
                on_stage=progress.show_stage,
                on_table=lambda decided: show_table(decided, most_features=options.most_features),
                on_epoch=progress.show_epoch,
                group=group,
            )
    assert summary is not None
    show_summary(summary)
    if options.summary is not None:
        _write(options.summary, summary.model_dump_json(indent=2, exclude_none=True))


def _follow(options: TrainingOptions, place: Place) -> None:
    """Train with the first rank, which shows and saves what comes of it."""
    with _ranks(options, place) as group:
        from training.run import run_training

        run_training(
            options,
            on_stage=lambda stage: None,
            on_table=lambda decided: None,
            on_epoch=lambda architecture, entry: None,
            group=group,
        )


def _ranks(options: TrainingOptions, place: Place) -> "AbstractContextManager[Group | None]":
    """Return the group of ranks; without ``torchrun`` there is none, and torch is left to the process that trains."""
    if not place.launched:
        return nullcontext()
    from training.ranks.ending import joined

    return joined(place, seconds=options.rank_seconds)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n")
    except OSError as error:
        raise TrainingError(
            f"--summary must be written, however: {path}: {error.strerror}. The release is saved."
        ) from None


if __name__ == "__main__":
    sys.exit(main())
