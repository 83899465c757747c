"""Copies the tables out of the packages that hold them, byte for byte. Run in their environment: python -m ... FOLDER.

Nothing of the packages is imported: their files are read.
"""

import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

from tests.bench.tables.public import TABLES, PublicTable


def main() -> None:
    """Copy every table into the folder that the command line names."""
    folder = Path(sys.argv[1])
    for table in TABLES:
        (folder / table.file_name).write_bytes(read_file(table))


def read_file(table: PublicTable) -> bytes:
    """Return the table's file as its package holds it. Raise ModuleNotFoundError where that is not installed."""
    archive, _, member = table.path.partition("::")
    file = _folder(table.package) / archive
    if not member:
        return file.read_bytes()
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as zipped:
            return zipped.read(member)
    with tarfile.open(file) as tarred:
        found = tarred.extractfile(member)
        if found is None:
            raise FileNotFoundError(f"{file} must hold {member}, however: it is no file there. Correct its path.")
        return found.read()


def _folder(package: str) -> Path:
    spec = find_spec(package)  # finds a package without running it
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} must be installed here, however: it is not. Run make setup.")
    return Path(spec.submodule_search_locations[0])


if __name__ == "__main__":
    main()
