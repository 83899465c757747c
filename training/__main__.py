"""The training job: a table in, a release in the model store out. Run: python -m training --help."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from training.checkpoints.folder import check_checkpoints
from training.errors import TrainingError, UserError
from training.options import TrainingOptions, parse_options
from training.ranks.place import RankPlace, find_place
from training.sweep.options import SweepOptions

if TYPE_CHECKING:  # imports torch
    from training.ranks.group import RankGroup

INTERRUPTED = 130
"""128 + SIGINT, as shells count it."""
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}
"""Threads spin while they wait for each other, by default for long. Where other programs want the processors too, each
then waits for one that is not running: a baseline of 0.2 s took 16 s, an epoch of 0.03 s 0.6 s (libgomp of torch 2.13
and scikit-learn 1.9). Without, steps on several threads are some 30 % slower where nobody else wants the processors.
OpenBLAS knows no such setting; its second thread made logistic regression ten times slower (SciPy 1.17)."""


def main() -> int:
    """Run the job; return its exit code."""
    for name, value in WAITING.items():  # read when the libraries load, here and in the processes that train
        os.environ.setdefault(name, value)
    place = RankPlace()
    try:
        if sys.argv[1:2] == ["score"]:
            _score(sys.argv[2:])
            return 0
        place = find_place()
        options = parse_options()
        if options.command == "inspect":
            _inspect(options)
        elif options.sweep is not None:
            _sweep(options, options.sweep, place)
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


def _score(arguments: list[str]) -> None:
    from training.score.options import parse_score_options

    options = parse_score_options(arguments)
    from training.score.processes import started_pool

    with started_pool(options.data, options.jobs) as pool:
        from training.score.show import show_scoring

        show_scoring(options, pool)


def _inspect(options: TrainingOptions) -> None:
    from training.columns.show import show_table
    from training.inspect import look_at_table

    show_table(look_at_table(options), most_features=options.most_features)


def _fit(options: TrainingOptions, place: RankPlace) -> None:
    # Imported here: bad options are answered at once, and the reader knows what goes on in the seconds of imports.
    from training.console import show_summary, show_training

    if not place.is_first:
        _follow(options, place)
        return
    if options.checkpoints is not None and not place.launched:  # ranks meet first: those that wait to meet hear nothing
        check_checkpoints(options.checkpoints)
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


def _follow(options: TrainingOptions, place: RankPlace) -> None:
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


def _ranks(options: TrainingOptions, place: RankPlace) -> "AbstractContextManager[RankGroup | None]":
    """Return the group of ranks; without ``torchrun`` there is none, and torch is left to the process that trains."""
    if not place.launched:
        return nullcontext()
    from training.ranks.ending import joined

    return joined(place, seconds=options.rank_seconds)


def _sweep(options: TrainingOptions, asked: SweepOptions, place: RankPlace) -> None:
    if place.size > 1:
        raise UserError(
            f"sweep must be one process, which starts others itself, however: torchrun started {place.size}. Start it "
            "without torchrun, with --jobs or --backend dask."
        )
    from training.sweep.show import show_curve, show_sweeping

    with show_sweeping(asked) as progress:
        progress.show_stage("loading the libraries")
        from training.columns.show import show_table
        from training.sweep.run import Listeners, run_sweep

        curve = run_sweep(
            options,
            asked,
            Listeners(
                on_stage=progress.show_stage,
                on_table=lambda decided: show_table(decided, most_features=options.most_features),
                on_grid=progress.show_grid,
                on_point=progress.show_point,
            ),
        )
    show_curve(curve, asked)
    if curve.failed:
        raise TrainingError(
            f"every point must have figures, however: {len(curve.failed)} of them have none, as is said above. The "
            "others are kept, and the same command tries these again."
        )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n")
    except OSError as error:
        raise TrainingError(
            f"--summary must be written, however: {path}: {error.strerror}. The release is saved."
        ) from None


if __name__ == "__main__":
    sys.exit(main())
