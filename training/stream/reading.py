"""A table's files, read more than once: they must stay as they are in between."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from training.errors import TrainingError
from training.table.files import FileStamp
from training.table.table_files import TableFiles


def stamp_files(files: TableFiles) -> list[FileStamp | None]:
    """Return what tells that a file was changed, of each; None: it is gone."""
    return [_stamp(file.path) for file in files.files]


def read_unchanged(
    files: TableFiles, place: int, columns: list[int], stamps: list[FileStamp | None]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file. Raise TrainingError where it was changed."""
    _check(files, place, stamps)
    yield from files.blocks_of(place, columns)
    _check(files, place, stamps)


def _check(files: TableFiles, place: int, stamps: list[FileStamp | None]) -> None:
    if _stamp(files.files[place].path) != stamps[place]:
        raise TrainingError(
            f"{files.labels[place]}: the files of a table must stay as they are while it is trained on, however: this "
            "one was changed or removed. Run again when nothing writes to them."
        )


def _stamp(path: Path) -> FileStamp | None:
    try:
        return FileStamp.of(path)
    except OSError:
        return None
