"""Whether two generators find the capacity that one finds. Run: python -m tests.bench.bench_generators.

A server of known speed is searched by a study of one generator and by one of two, in turn. Needs two processors that
nobody else uses, and Linux; some twenty minutes. Exit code 1: the ratio's interval leaves out 1, or there is none.
"""

import argparse
import math
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from loadtest.record.intervals import geometric, paired_ratio
from loadtest.study.machine import available
from tests.bench.capacity_search import true_capacity
from tests.bench.known import serve_known
from tests.bench.lines import BESIDE, QUICK, UNHURRIED
from tests.bench.searching import search_capacities

SLO_MS = 15 * 1000 * UNHURRIED
WARM_UP_SECONDS = 0.5
GENERATORS = (1, 2)


def search_capacity(host: str, folder: Path, *, generators: int, seconds: float, seed: int) -> tuple[float | None, int]:
    """Return what one search found, requests/s between held and missed, and the trials that were not valid."""
    with search_capacities(
        host,
        folder,
        [BESIDE[1].name],
        slo_ms=SLO_MS,
        blocks=1,
        seconds=seconds,
        warm_up_seconds=WARM_UP_SECONDS,
        seed=seed,
        generators=generators,
    ) as study:
        (found,) = study.capacities
    rate = math.sqrt(found.rate * found.next_rate) if found.rate and found.next_rate else None
    return rate, sum(not trial.valid for trial in study.trials)


def main() -> int:
    """Search in turn, print both capacities and their ratio; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a trial")
    options = parser.parse_args()
    found: dict[int, list[float]] = {generators: [] for generators in GENERATORS}
    invalid = dict.fromkeys(GENERATORS, 0)
    with tempfile.TemporaryDirectory() as folder, serve_known(available()[0]) as host:
        for turn in range(options.rounds):
            rates: dict[int, float | None] = {}
            for generators in GENERATORS if turn % 2 else GENERATORS[::-1]:
                own = Path(folder) / f"{turn}-{generators}"
                rates[generators], failed = search_capacity(
                    host, own, generators=generators, seconds=options.seconds, seed=turn
                )
                invalid[generators] += failed
            if all(rates.values()):  # pairs alone are compared
                for generators, rate in rates.items():
                    found[generators].append(rate or 0.0)
    table = Table("generators", "requests/s between held and missed", "rounds", "trials not valid, run again")
    for generators, values in found.items():
        table.add_row(str(generators), str(geometric(values)), str(len(values)), str(invalid[generators]))
    ratio = paired_ratio(found[2], found[1])
    agree = ratio is not None and ratio.low is not None and not ratio.excludes(1)
    console = Console(highlight=False, width=120)
    console.print(table)
    law = true_capacity() * QUICK.mean / UNHURRIED
    console.print(f"By its law {law:.0f}/s. Two generators / one: {ratio}: {'they agree' if agree else 'NOT shown'}.")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
