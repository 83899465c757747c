"""Which files the words of --data name: a file, those in a folder and below it, or those that fit a pattern."""

import glob
from collections.abc import Iterator
from pathlib import Path

from service.contract.card import Frozen
from training.errors import UserError, quoted
from training.table.formats import PARQUET_ENDINGS

CSV_ENDING = ".csv"
TEXT_ENDINGS = (CSV_ENDING, ".tsv", ".txt")
COMPRESSED_ENDINGS = ("", ".gz", ".bz2", ".zst")
TABLE_ENDINGS = (*PARQUET_ENDINGS, *(text + packed for text in TEXT_ENDINGS for packed in COMPRESSED_ENDINGS))
"""Of the files that a folder is searched for."""
PASSED_OVER = (".", "_")
"""What names of files and folders begin with that hold no rows, as Spark, Hive and Arrow have it."""
WILD = frozenset("*?[")


class FileStamp(Frozen):
    """What tells whether a file is the same: bytes, and when it was last written."""

    size: int
    written_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileStamp":
        """Look at a file. Raise OSError where that can't be done."""
        found = path.stat()
        return cls(size=found.st_size, written_ns=found.st_mtime_ns)


def is_several(path: Path) -> bool:
    """Whether a path is a folder, or a pattern, which no file is called by."""
    return path.is_dir() or (bool(WILD & set(str(path))) and not path.exists())


def find_tables(word: str) -> list[tuple[Path, Path]]:
    """Return each file that a path or a pattern names, in order, with its name below the folder or pattern.

    Raise UserError where there is none, OSError where a folder can't be looked at.
    """
    path = Path(word)
    if path.is_dir():
        found = [file for file in _walk(path) if file.name.lower().endswith(TABLE_ENDINGS)]
        if not found:
            raise UserError(
                f"--data must name files, however: no file in {quoted(word)} ends in .parquet or .csv. Give another "
                "folder, or name the files."
            )
        return [(file, file.relative_to(path)) for file in found]
    if path.exists() or not WILD & set(word):
        if not path.is_file():
            raise UserError(
                f"--data must name files, however: {quoted(word)} is none. Give the paths of CSV or Parquet files."
            )
        return [(path, Path(path.name))]
    matches = [Path(match) for match in sorted(glob.glob(word, recursive=True)) if Path(match).is_file()]
    if not matches:
        raise UserError(f"--data must name files, however: none matches {quoted(word)}. Correct the pattern.")
    base = pattern_base(word)
    return [(match, match.relative_to(base)) for match in matches]


def inaccessible(error: OSError) -> UserError:
    """Return the error for a file or folder of ``--data`` that can't be looked at."""
    return UserError(
        f"--data must name what can be looked at, however: {error.filename}: {error.strerror}. Correct it."
    )


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and in those below it, in the order of their names."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(PASSED_OVER):
            continue
        if entry.is_dir():
            yield from _walk(entry)
        elif entry.is_file():
            yield entry


def pattern_base(pattern: str) -> Path:
    """Return the folder in front of a pattern's first wild part."""
    parts = Path(pattern).parts
    wild = next(place for place, part in enumerate(parts) if WILD & set(part))
    return Path(*parts[:wild])
