"""The heap of a worker once it has started: the collector's walks over it, and what the allocator keeps of it."""

import ctypes
import gc
from contextlib import suppress

GC_THRESHOLDS = (50_000, 20, 20)
"""A request leaves no cycles: Python's 700 allocations before each walk are for programs that do."""

# Names of settings of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE_BYTES = 4 * 1024 * 1024


def settle() -> None:
    """Take what start-up left on the heap from the garbage collector, whose walks over it made the tail."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    _return_large_blocks()


def _return_large_blocks() -> None:
    """Make glibc give back what large bodies took.

    By default it learns from the first large block to keep them: a worker that has answered bodies of 5 MB stays at
    208 MB, with this it comes back to 165 (``make bench-serving``).
    """
    with suppress(AttributeError, OSError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_TRIM_THRESHOLD, LARGE_BYTES)
