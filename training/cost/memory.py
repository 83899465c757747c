"""Peak memory of the process that trains: what holds the data told apart from what the network takes."""

import ctypes
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""What resets VmHWM (proc(5)). ``ru_maxrss`` cannot be reset and survives exec: a child would report its parent's."""
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
M_MMAP_THRESHOLD = -3
"""Name of a setting of glibc's ``mallopt(3)``."""
LARGE_BYTES = 4 * 1024 * 1024
"""A block from this size on is given back as soon as it is free."""
FINE_BYTES = 256 * 1024
"""The same where figures of megabytes are compared: those of one network then lie within 0.3 MB instead of 3 MB of each
other. A step of 2x1000 takes 6 % more processor seconds, one of 5x200 none."""


@dataclass(frozen=True)
class MemoryUse:
    """Bytes over what the imports take: at the peak, of the data that stay, and of the rest while it trained.

    The rest is what grows with the network; the peak may be that of the preparation before it.
    """

    peak: int
    data: int
    network: int

    def most(self, other: Self) -> "MemoryUse":
        """Return the higher figure of each: of two processes that trained one network, one after the other."""
        return MemoryUse(
            peak=max(self.peak, other.peak),
            data=max(self.data, other.data),
            network=max(self.network, other.network),
        )


class PeakMemory:
    """Starts to measure when it is made."""

    def __init__(self, *, returned_bytes: int = LARGE_BYTES) -> None:
        _return_large_blocks(returned_bytes)
        self.resettable = STATUS.exists() and _reset()
        self.before = self.held = _status("RssAnon") if self.resettable else _largest_ever()
        self.peak_before = 0

    def begin_network(self) -> None:
        """Say that the data are there, and that what comes on top from here on is for the network."""
        _return_free_blocks()
        self.peak_before = self._highest()
        self.held = _status("RssAnon") if self.resettable else _largest_ever()
        if self.resettable:
            _reset()

    def use(self, *, copied: int) -> MemoryUse:
        """Return what was taken since the start. copied: bytes of data that training copied while it went.

        Pages of the libraries' files are left out where the system tells them apart: they come in when code is first
        used, in pieces of whatever size the page cache has, which moved the figure by 30 MB between equal runs.
        """
        highest = self._highest()
        data = max(0, self.held - self.before) + copied
        return MemoryUse(
            peak=max(0, max(self.peak_before, highest) - self.before),
            data=data,
            network=max(0, highest - self.before - data),
        )

    def _highest(self) -> int:
        return _status("VmHWM") - _status("RssFile") if self.resettable else _largest_ever()


def _return_large_blocks(size: int) -> None:
    """Make glibc give a large block back as soon as it is free.

    By default it learns from the first such block to keep them, and whether the next one fits into the gap moved the
    peak of equal runs between 30 and 65 MB. Fixed: 21 to 23 MB.
    """
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, size)


def _return_free_blocks() -> None:
    """Make glibc give back the small ones: what a network puts into the gaps that they leave would not be seen."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _reset() -> bool:
    try:
        CLEAR.write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def _status(field: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024


def _largest_ever() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT
