"""What the same request costs a processor when it comes seldom. Run: python -m tests.bench.bench_seldom.

64 rows, asked and answered in one process, one request at a time, without sockets and with no other to share a turn
of the loop with: as fast as can be, at several rates of open arrivals, and at one of these by two processes that share
the processor, as two replicas do in ``tests.bench.two_replicas``. What differs is how much of code and data the
processor still has at hand.
Uses the newest release of the user's store; four minutes.
"""

import argparse
import multiprocessing
import random
import sys
import time
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier

from rich.console import Console
from rich.table import Table

from loadtest.record.intervals import geometric, paired_ratio
from loadtest.study.machine import available, on

ARCHITECTURE, ROWS = "small", 64
WARM_UP = 100
START_SECONDS = 60.0
US_PER_SECOND = 1e6


@dataclass(frozen=True)
class Case:
    """rate: requests/s of all processes; None: as fast as can be."""

    processes: int
    rate: float | None

    def __str__(self) -> str:
        rate = "one after the other" if self.rate is None else f"{self.rate:,.0f}/s"
        return rate if self.processes == 1 else f"{rate}, by {self.processes} processes"


COMPARED = Case(1, 500)
CASES = (Case(1, None), Case(1, 800), COMPARED, Case(1, 250), Case(1, 100), Case(2, 500))


def main() -> int:
    """Run the cases in turn and print what a request takes in each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a case")
    options = parser.parse_args()
    found: dict[Case, list[float]] = {case: [] for case in CASES}
    with on(available()[:1]):
        for turn in range(options.rounds):
            for case in CASES if turn % 2 else CASES[::-1]:
                found[case].append(measure(case, options.seconds, turn))
    table = Table(f"{ROWS} rows, {ARCHITECTURE}", "us of a processor a request", f"to {COMPARED}")
    for case, values in found.items():
        table.add_row(str(case), str(geometric(values)), str(paired_ratio(values, found[COMPARED])))
    Console(highlight=False, width=120).print(table)
    return 0


def measure(case: Case, seconds: float, seed: int) -> float:
    """Return the microseconds of a request."""
    spawn = multiprocessing.get_context("spawn")
    start, spent = spawn.Barrier(case.processes), spawn.SimpleQueue()
    rate = None if case.rate is None else case.rate / case.processes
    processes = [
        spawn.Process(target=_ask, args=(rate, seconds, case.processes * seed + place, start, spent))
        for place in range(case.processes)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    counted: list[tuple[float, int]] = [spent.get() for process in processes if process.exitcode == 0]
    if len(counted) < case.processes:
        sys.exit("a process ended early, and says why above")
    return US_PER_SECOND * sum(used for used, _ in counted) / sum(count for _, count in counted)


def _ask(
    rate: float | None,
    seconds: float,
    seed: int,
    start: Barrier,
    spent: "multiprocessing.SimpleQueue[tuple[float, int]]",
) -> None:
    """Ask for ``seconds``; put the processor time in seconds, and how many were asked."""
    from tests.bench.stack import make_lone_turn  # makes metrics in this process

    ask = make_lone_turn(ARCHITECTURE, ROWS)
    for _ in range(WARM_UP):
        ask()
    gaps = random.Random(seed)
    start.wait(START_SECONDS)
    used, began, count = time.process_time(), time.perf_counter(), 0
    due = began
    while due - began < seconds:
        if rate is None:
            due = time.perf_counter()
        else:
            due += gaps.expovariate(rate)
            if (wait := due - time.perf_counter()) > 0:
                time.sleep(wait)
        ask()
        count += 1
    spent.put((time.process_time() - used, count))


if __name__ == "__main__":
    sys.exit(main())
