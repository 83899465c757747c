"""What a file is by its first bytes, whatever its name says: text, Parquet, either of them compressed, or foreign."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from training.errors import UserError, first_line, quoted

Compression = Literal["gzip", "bz2", "zstd"]

HEAD_BYTES = 2**18
HEAD_LINES = 10
MOST_HEAD_BYTES = 2**22
"""So many bytes are looked at, or more where they are fewer lines: a header of 20,000 long names must fit."""
PARQUET = b"PAR1"
PARQUET_ENDINGS = (".parquet", ".pq")
COMPRESSIONS: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
FOREIGN = {
    b"\xfd7zXZ\x00": ("compressed by xz", "Decompress it, or compress it by gzip, bzip2 or zstd."),
    b"\x04\x22\x4d\x18": ("compressed by lz4", "Decompress it, or compress it by gzip, bzip2 or zstd."),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "Extract its file."),
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "Extract its file, or save the sheet as CSV."),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save the sheet as CSV."),
    b"ARROW1": ("an Arrow or Feather file", "Write it as Parquet."),
    b"ORC": ("an ORC file", "Write it as Parquet."),
    b"PARE": ("an encrypted Parquet file", "Decrypt it."),
    b"SQLite format 3": ("an SQLite database", "Write its table as CSV."),
    b"\x89HDF": ("an HDF5 file", "Write its table as Parquet."),
    b"\x93NUMPY": ("a NumPy array", "Write it as CSV with a header."),
    b"%PDF": ("a PDF document", "Give the table as CSV."),
}
FOREIGN_TEXT = {
    r"<(!doctype|html|table|\?xml|!--)": ("HTML or XML", "Save its table as CSV."),
    r"\{\s*\"|\[\s*[\[{\"]": ("JSON", "Write it as CSV or Parquet."),
    r"@relation": ("an ARFF file", "Write it as CSV: a header of names, and a line for each row."),
}
"""Patterns of what a text begins with that is no table of cells, in any case."""
TAR_MARK = slice(257, 262)


@dataclass(frozen=True)
class Head:
    """A file's beginning. data: its first bytes, decompressed; ``whole``: whether these are all."""

    parquet: bool
    compression: Compression | None
    data: bytes
    whole: bool


def recognise(path: Path) -> Head:
    """Return how ``path`` begins. Raise UserError where it is no file, empty, or neither text nor Parquet."""
    if not path.is_file():
        raise UserError(
            f"--data must name a file, however: {quoted(str(path))} is none. Give the path of a CSV or Parquet file."
        )
    try:
        with path.open("rb") as file:
            start = file.read(TAR_MARK.stop)
        if start.startswith(PARQUET):
            return Head(parquet=True, compression=None, data=start, whole=False)
        compression = next((name for magic, name in COMPRESSIONS.items() if start.startswith(magic)), None)
        with open_bytes(path, compression) as stream:
            data = stream.read(HEAD_BYTES)
            while data.count(b"\n") < HEAD_LINES and len(data) < MOST_HEAD_BYTES and (more := stream.read(HEAD_BYTES)):
                data += more
            whole = not stream.read(1)
    except OSError as error:
        raise unreadable(path, error) from error
    _refuse_foreign(path, data, compression)
    return Head(parquet=False, compression=compression, data=data, whole=whole)


def open_bytes(path: Path, compression: Compression | None) -> pa.NativeFile:
    """Open a file's bytes from its beginning, decompressed."""
    file = pa.OSFile(str(path))
    return pa.CompressedInputStream(file, compression) if compression else file


def unreadable(path: Path, error: Exception) -> UserError:
    """Return the error for a file that its reader gives up on, in the reader's words."""
    fact = first_line(error).rstrip(".")
    return UserError(f"{path.name}: a table must be a readable CSV or Parquet file, however: {fact}. Mend the file.")


def refuse_foreign_text(path: Path, text: str) -> None:
    """Raise UserError where a text is of a format that is no table of cells."""
    for pattern, (format_name, remedy) in FOREIGN_TEXT.items():
        if re.match(pattern, text.lstrip(), re.IGNORECASE):
            raise _foreign(path, format_name, remedy)


def _refuse_foreign(path: Path, data: bytes, compression: Compression | None) -> None:
    if not data.strip():
        raise UserError(
            f"{path.name}: a table must have a header and rows, however: the file is empty. Give a CSV or Parquet file."
        )
    if data.startswith(PARQUET):
        raise _foreign(path, f"a Parquet file inside {compression}", "Decompress it: Parquet is compressed by itself.")
    if data[TAR_MARK] == b"ustar":
        raise _foreign(path, "a tar archive", "Extract its file.")
    for magic, (format_name, remedy) in FOREIGN.items():
        if data.startswith(magic):
            raise _foreign(path, format_name, remedy)
    if path.suffix.lower() in PARQUET_ENDINGS:
        start = data[:20].decode("latin-1")
        raise UserError(
            f"{path.name}: a file of this ending must be Parquet, however: it begins with {quoted(start)}. "
            "If it is CSV, rename it to .csv."
        )


def _foreign(path: Path, format_name: str, remedy: str) -> UserError:
    return UserError(f"{path.name}: a table must be a CSV or Parquet file, however: this is {format_name}. {remedy}")
