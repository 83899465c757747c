"""Peak memory of this process, over what it held when the measurement began."""

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
RESET_PEAK = "5"
"""What resets VmHWM (proc(5)). ``ru_maxrss`` cannot be reset and survives exec: a child would report its parent's."""
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class PeakMemory:
    """Starts to measure when it is made."""

    def __init__(self) -> None:
        self.resettable = STATUS.exists() and _reset()
        self.before = _status("VmRSS") if self.resettable else _largest_ever()

    def peak(self) -> int:
        """Bytes of resident memory at the peak since the start, less those held at the start."""
        now = _status("VmHWM") if self.resettable else _largest_ever()
        return max(0, now - self.before)


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
