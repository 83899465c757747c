"""How much memory the service takes, as it was measured: docs/deploy.md, Sizing."""

MIB = 2**20
PARENT_BYTES = 120 * MIB
"""BentoML's process above the workers."""
WORKER_BYTES = 150 * MIB
"""A worker with two architectures of 230 features, under load."""
BODIES = 10
"""Times the largest body, that a worker takes beside these for requests as large: 305 MB while eight clients sent 16 MB
of JSON at once."""


def count_least_bytes(workers: int) -> int:
    """Return what a service needs to start, and to answer small requests."""
    return PARENT_BYTES + workers * WORKER_BYTES


def count_needed_bytes(workers: int, largest_body: int, worker_bytes: int = WORKER_BYTES) -> int:
    """Return what it needs whatever is sent. largest_body: bytes; worker_bytes: of a worker, without such bodies."""
    return PARENT_BYTES + workers * (worker_bytes + BODIES * largest_body)
