"""How much memory a table may take, and about how much one would: one that would take more is streamed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import UserError, quoted

if TYPE_CHECKING:  # imports what reads files, which bad options need not wait for
    from training.table.table_files import TableFiles

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
LEAST = 10 * UNITS["MB"]
SHARE = 4
"""The default is one part in so many: beside the table, as its numbers stand in memory once they are read, coded and
split, the baselines take their features of it, which may be as much again and more."""
BYTES_OF_VALUE = 48
"""Of each value, at the peak: as it was read, coded, split, scaled, sent to the process that trains, and shuffled."""
MEMORY_INFO = Path("/proc/meminfo")
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
LIMIT_FILES = ("memory.max", "memory/memory.limit_in_bytes")
"""Of cgroups of version 2, and of 1."""
UNKNOWN_MEMORY = 4 * UNITS["GB"]
"""Where the system does not say what it has."""


def read_memory(text: str) -> int:
    """Return the bytes that --memory names. Raise UserError where it names none."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([KMGT]B)", text.strip(), re.IGNORECASE)
    memory = int(float(match[1]) * UNITS[match[2].upper()]) if match else 0
    if memory < LEAST:
        raise UserError(
            f"--memory must be a size of at least 10MB with its unit, however: {quoted(text)}. Write for example "
            "--memory 2GB."
        )
    return memory


def default_memory() -> int:
    """Return a quarter of the memory that this process may use, in bytes: a container's limit counts."""
    return min(_installed(), *_limits()) // SHARE


def _installed() -> int:
    try:
        found = re.search(r"MemTotal:\s+(\d+) kB", MEMORY_INFO.read_text())
    except OSError:
        found = None
    return int(found[1]) * 1024 if found else UNKNOWN_MEMORY


def _limits() -> Iterator[int]:
    """Yield the limits of this process's groups, from its own to the root; a large number where there is none."""
    yield UNITS["TB"] * 1000
    try:
        own = Path(OWN_CGROUP.read_text().splitlines()[-1].rpartition(":")[2].lstrip("/"))
    except (OSError, IndexError):
        own = Path()
    for folder in (own, *own.parents):
        for name in LIMIT_FILES:
            try:
                text = (CGROUPS / folder / name).read_text().strip()
            except OSError:
                continue
            if text.isdecimal():  # else 'max'
                yield int(text)


def fits(files: "TableFiles", memory: int) -> bool:
    """Whether a table can be trained on in so many bytes of memory."""
    return files.count_rows() * len(files.names) * BYTES_OF_VALUE <= memory
