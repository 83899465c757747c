"""The heap of a worker once it has started, and the garbage collector's walks over it."""

import gc

GC_THRESHOLDS = (50_000, 20, 20)
"""A request leaves no cycles: Python's 700 allocations before each walk are for programs that do."""


def settle() -> None:
    """Take what start-up left on the heap from the garbage collector, whose walks over it made the tail."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
