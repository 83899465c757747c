"""Compare the service with its peers: one at a time on one processor, driven from another. Run: make bench-serving.

Rounds are interleaved: each starts every server once and drives each of its routes. A ratio is the geometric mean over
the rounds, with its 95 % interval. Eleven minutes; ``--only WORD`` takes some lines of the table alone.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from loadtest.record.errors import InputError, MeasurementError
from loadtest.record.intervals import Interval, geometric, median, paired_ratio
from tests.bench.peers.lines import CPU, STEADY_GROWTH, STEADY_MEMORY, Figure, Line, cases_of, choose
from tests.bench.peers.rounds import Bench, Figures
from tests.bench.peers.steady import compare_workers, watch_memory


def main() -> int:
    """Run the rounds; print the lines and all figures, and write these as JSON."""
    given = _parse()
    lines = choose(given.only)
    if not lines:
        print(f"--only must be part of a line's label, however: {' '.join(given.only)!r}.", file=sys.stderr)
        return 2
    needed = {figure for line in lines for figure in line.figures}
    ours, driver = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {ours})
    try:
        bench = Bench(seconds=given.seconds, driver=driver)
        for _ in track(range(given.rounds), "rounds", console=Console(stderr=True)):
            bench.round(cases_of(lines))
            if CPU.format(1) in needed:
                compare_workers(bench, ours=ours)
        if needed & {STEADY_MEMORY, STEADY_GROWTH}:
            watch_memory(bench, requests=given.requests)
    except (InputError, MeasurementError) as error:
        print(error, file=sys.stderr)
        return 1
    _show(lines, bench.figures)
    given.output.write_text(json.dumps(bench.figures, indent=2) + "\n")
    print(f"Figures of every round: {given.output}")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each load (2)")
    parser.add_argument("--requests", type=int, default=1_000_000, help="that memory is watched over (1,000,000)")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="lines whose labels hold one of these")
    parser.add_argument("--output", type=Path, default=Path("results-peers.json"))
    return parser.parse_args()


def _show(lines: list[Line], figures: Figures) -> None:
    console = Console(highlight=False, width=120)
    table = Table(title="One worker, one core: ratios of requests/s where nothing else is said", title_justify="left")
    table.add_column("")
    for heading in ("figure [95 %]", "bar", "aim", ""):
        table.add_column(heading, justify="right")
    for line in lines:
        found = _evaluate(line, figures)
        met = None if found is None else line.is_met(found.estimate)
        sign = "<= " if line.at_most else ""
        wanted = ["" if value is None else f"{sign}{value:g}" for value in (line.bar, line.aim)]
        table.add_row(line.label, escape(str(found)), *wanted, {None: "", True: "met", False: "missed"}[met])
    console.print(table)
    table = Table(title="Medians of the rounds", title_justify="left")
    table.add_column("")
    table.add_column("median", justify="right")
    for name, values in sorted(figures.items()):
        table.add_row(name, f"{median(values):,.4g}" if median(values) < 1000 else f"{median(values):,.0f}")
    console.print(table)


def _evaluate(line: Line, figures: Figures) -> Interval | None:
    above, *below = (figures[figure.name if isinstance(figure, Figure) else figure] for figure in line.figures)
    return paired_ratio(above, below[0]) if below else geometric(above)


if __name__ == "__main__":
    sys.exit(main())
