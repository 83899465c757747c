"""What a worker does once, when it has started: it leaves uvicorn's log and most of garbage collection behind."""

import gc
import logging
import resource

GC_THRESHOLDS = (50_000, 20, 20)
"""A request leaves no cycles: Python's 700 allocations before each walk are for programs that do."""


def silence_uvicorn() -> None:
    """Keep uvicorn from formatting a line for every request.

    It asks its access log for handlers and finds BentoML's at the root, whose level then drops the line (0.54).
    """
    logging.getLogger("uvicorn.access").propagate = False


def allow_open_files() -> None:
    """Raise the limit of open files, a socket each, as far as it may be raised."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def freeze_heap() -> None:
    """Take what start-up left on the heap from the garbage collector, whose walks over it made the tail."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
