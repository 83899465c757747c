"""How much memory the service takes, as it was measured: docs/deploy.md, Sizing."""

MIB = 2**20
PARENT_BYTES = 120 * MIB
"""BentoML's process above the workers."""
WORKER_BYTES = 150 * MIB
"""A worker with two architectures of 230 features, under load."""
BODIES = 40
"""Times the largest body, that a worker takes besides while eight clients send such bodies at once: 10 for JSON that is
answered, 36 for rows of short texts, which are refused (2 to 16 MiB)."""


def count_least_bytes(workers: int) -> int:
    """Return what a service needs to start, and to answer small requests."""
    return PARENT_BYTES + workers * WORKER_BYTES


def count_needed_bytes(workers: int, largest_body: int, worker_bytes: int = WORKER_BYTES) -> int:
    """Return what it needs for the worst of bodies too. largest_body: bytes; worker_bytes: of a worker without."""
    return PARENT_BYTES + workers * (worker_bytes + BODIES * largest_body)
