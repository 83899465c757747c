"""Whether whole studies find capacities that are known, on simulated time: ``python -m tests.bench.bench_capacity``.

Queues with service times of 0.4 to 15 ms under an SLO of 50 ms, searched as a study does at its default settings. One
minute on one processor. Exit code 1 where a capacity is off by more than 5 % on average, or where fewer than 88 in 100
intervals hold it: 90, less what chance takes of 200 studies (one standard deviation).
"""

import json
import sys
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from loadtest.analysis.forecast import find_capacity
from tests.intervals import covers
from tests.queues import Queue, deterministic, exponential, mm1_capacity
from tests.searches import default_settings, estimate_capacity, search_blocks

SLO_MS = 50.0
STUDIES = 200
BIAS, COVERED = 0.05, 0.88
DETERMINISTIC_MS = (0.4, 1.0, 2.0, 5.0, 10.0, 15.0)
EXPONENTIAL_MS = (0.4, 1.0, 2.0, 5.0)
"""Of 10.9 ms and more one request in a hundred takes longer than the SLO at any rate."""


@dataclass(frozen=True)
class Searched:
    """What studies of one queue found. capacity: requests/s by its law; off: of the estimates, relative, on average.

    covered: share of the intervals that hold the capacity; half_width: relative, of the median interval; undecided:
    share of the blocks that found none.
    """

    law: str
    service_ms: float
    capacity: float
    off: float
    covered: float
    half_width: float
    undecided: float

    @property
    def right(self) -> bool:
        """Whether it is off by little, and the intervals are honest."""
        return abs(self.off) <= BIAS and self.covered >= COVERED


def search_queue(law: str, service_ms: float, studies: int = STUDIES) -> Searched:
    """Find the capacity of M/D/1 or M/M/1, again and again."""
    mean, slo = service_ms / 1000, SLO_MS / 1000
    if law == "M/D/1":
        queue, capacity = Queue(deterministic(mean)), find_capacity(mean, slo)
    else:
        queue, capacity = Queue(exponential(mean)), mm1_capacity(slo, mean)
    settings = default_settings(SLO_MS)
    found = [search_blocks(seed, queue, 1 / mean, settings).blocks for seed in range(studies)]
    intervals = [estimate_capacity(blocks) for blocks in found]
    return Searched(
        law=law,
        service_ms=service_ms,
        capacity=capacity,
        off=float(np.exp(np.mean([np.log(interval.estimate / capacity) for interval in intervals]))) - 1,
        covered=float(np.mean([covers(interval, capacity) for interval in intervals])),
        half_width=float(np.median([(interval.high or np.inf) / interval.estimate - 1 for interval in intervals])),
        undecided=float(np.mean([block.outcome != "found" for blocks in found for block in blocks])),
    )


def main() -> int:
    """Search all, print a table and all of it as a line of JSON; return the exit code."""
    queues = [("M/D/1", ms) for ms in DETERMINISTIC_MS] + [("M/M/1", ms) for ms in EXPONENTIAL_MS]
    searched = [search_queue(law, service_ms) for law, service_ms in queues]
    table = Table(
        "queue", "service, ms", "capacity/s", "found, off by", "intervals hold it", "half", "blocks undecided", ""
    )
    for found in searched:
        numbers = (f"{found.service_ms:g}", f"{found.capacity:,.1f}", f"{found.off:+.1%}", f"{found.covered:.0%}")
        rest = (f"{found.half_width:.1%}", f"{found.undecided:.1%}", "right" if found.right else "NOT right")
        table.add_row(found.law, *numbers, *rest)
    Console(highlight=False, width=120).print(table)
    print(json.dumps([asdict(found) for found in searched]))
    return 0 if all(found.right for found in searched) else 1


if __name__ == "__main__":
    sys.exit(main())
