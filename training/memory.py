"""Peak memory of this process, over what it held when the measurement began."""

import ctypes
import resource
import sys
from contextlib import suppress
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""What resets VmHWM (proc(5)). ``ru_maxrss`` cannot be reset and survives exec: a child would report its parent's."""
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
M_MMAP_THRESHOLD = -3
"""Name of a setting of glibc's ``mallopt(3)``."""
MAPPED_BYTES = 4 * 1024 * 1024


class PeakMemory:
    """Starts to measure when it is made."""

    def __init__(self) -> None:
        _return_large_blocks()
        self.resettable = STATUS.exists() and _reset()
        self.before = _status("RssAnon") if self.resettable else _largest_ever()

    def peak(self) -> int:
        """Bytes of resident memory at the peak since the start, less those held at the start.

        Pages of the libraries' files are left out where the system tells them apart: they come in when code is first
        used, in pieces of whatever size the page cache has, which moved the figure by 30 MB between equal runs.
        """
        now = _status("VmHWM") - _status("RssFile") if self.resettable else _largest_ever()
        return max(0, now - self.before)


def _return_large_blocks() -> None:
    """Make glibc give a large block back as soon as it is free.

    By default it learns from the first such block to keep them, and whether the next one fits into the gap moved the
    peak of equal runs between 30 and 65 MB. Fixed: 21 to 23 MB.
    """
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)


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
