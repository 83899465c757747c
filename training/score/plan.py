"""Which files are to be answered, and where to: from the words of --data and --output to pairs of paths."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from training.errors import TrainingError, UserError, quoted
from training.score.file import FileTask
from training.score.outputs import is_table_name
from training.table.files import CSV_ENDING, PASSED_OVER, TABLE_ENDINGS, find_tables, inaccessible, pattern_base
from training.table.formats import PARQUET_ENDINGS

RECURSIVE = "**"
"""Of a pattern: whatever folders there are."""


def plan_tasks(data: Sequence[str], output: Path) -> list[FileTask]:
    """Return the files to answer, in order, each with the file to write. Raise UserError where that is not clear."""
    try:
        found = dict(_find_files(data))  # path -> its name below the folder that gets the outputs
    except OSError as error:
        raise inaccessible(error) from error
    if is_table_name(output) and not output.is_dir():
        return [_single_task(list(found), output)]
    if output.suffix and not output.is_dir():
        raise UserError(
            f"--output must end in .parquet or .csv, or name a folder, however: {quoted(str(output))}. Correct it, or "
            "make that folder."
        )
    if output.exists() and not output.is_dir():
        raise UserError(f"--output must name a folder, however: {quoted(str(output))} is a file. Give another.")
    _check_outside(data, output)
    tasks = [FileTask(path, output / _output_name(name)) for path, name in found.items()]
    _check_different(tasks)
    return tasks


def _single_task(sources: list[Path], output: Path) -> FileTask:
    if len(sources) > 1:
        raise UserError(
            f"--output must name a folder for several files, however: {quoted(str(output))} would be one for "
            f"{len(sources):,}. Give a name without an ending."
        )
    if output.exists():
        raise UserError(
            f"--output must name a file that is not there yet, however: {quoted(str(output))} is. Move it, or give "
            "another name."
        )
    if not output.parent.is_dir():
        raise UserError(f"--output must lie in a folder, however: {quoted(str(output.parent))} is none. Make it first.")
    if not os.access(output.parent, os.W_OK):
        raise TrainingError(
            f"--output must lie in a folder that can be written to, however: {quoted(str(output.parent))} can't. "
            "Give another."
        )
    return FileTask(sources[0], output)


def _check_outside(data: Sequence[str], output: Path) -> None:
    """Raise UserError where the next search of ``--data`` would find the outputs."""
    inner = output.resolve()
    for word in data:
        folder = Path(word)
        searched = folder.is_dir()
        if not searched:
            if RECURSIVE not in folder.parts:
                continue
            folder = pattern_base(word)
        folder = folder.resolve()
        if folder not in (inner, *inner.parents):
            continue
        if not (searched and any(part.startswith(PASSED_OVER) for part in inner.relative_to(folder).parts)):
            raise UserError(
                f"--output must not lie where --data looks, however: {quoted(str(output))} lies in {quoted(word)}, and "
                "would be data to the next run. Give a folder elsewhere"
                f"{', or one whose name begins with _, which is passed over' if searched else ''}."
            )


def _find_files(data: Sequence[str]) -> Iterator[tuple[Path, Path]]:
    """Yield each file once, with its name below the folder or pattern that found it."""
    seen = set()
    for word in data:
        for path, name in find_tables(word):
            if (real := path.resolve()) not in seen:
                seen.add(real)
                yield path, name


def _output_name(name: Path) -> Path:
    """Return a file's name with the ending of what is written: CSV for a text, Parquet for Parquet."""
    ending = next((ending for ending in TABLE_ENDINGS[::-1] if name.name.lower().endswith(ending)), "")
    stem = name.name[: len(name.name) - len(ending)] if ending else name.name
    return name.with_name(stem + (".parquet" if ending in PARQUET_ENDINGS else CSV_ENDING))


def _check_different(tasks: Sequence[FileTask]) -> None:
    sources: dict[Path, Path] = {}
    for task in tasks:
        other = sources.setdefault(task.output, task.source)
        if other != task.source:
            raise UserError(
                f"each file of --data must have an output of its own, however: {quoted(str(other))} and "
                f"{quoted(str(task.source))} would both be {quoted(task.output.name)}. Rename one, or give an --output "
                "to each."
            )
        if task.output.resolve() == task.source.resolve():
            raise UserError(
                f"--output must not be where --data is, however: {quoted(str(task.output))} would be replaced. Give "
                "another folder."
            )
