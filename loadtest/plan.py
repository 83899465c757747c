"""How many replicas hold the SLO at a rate, and what they cost. Run: python -m loadtest plan --help."""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from loadtest.analysis.fleet import Ask, plan_fleets
from loadtest.analysis.sizing import size_deployment
from loadtest.options import Parser, read_number
from loadtest.record.curves import load_curve
from loadtest.record.errors import InputError, MeasurementError
from loadtest.record.results_file import load_results
from loadtest.report.fleet import compose_plan, say_obstacle, show_plan
from loadtest.report.overlay import write_overlay

DEFAULT_HEADROOM = 0.3
"""Of a replica's capacity. Load is never shared out evenly, and one replica of three may be about to be replaced."""
HIGHEST_RATE = 1e12
UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4} | {
    f"{unit}i": 1024**power for power, unit in enumerate("KMGT", start=1)
}
MEMORY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT]i?)?B")


@dataclass(frozen=True)
class PlanOptions:
    """A checked command line. overlay: the folder to write one into, for ``architecture``."""

    results: Path
    sweep: Path | None
    ask: Ask
    json: Path | None
    overlay: Path | None
    architecture: str | None


def parse_plan(arguments: list[str]) -> PlanOptions:
    """Read what stands after ``plan``. Raises InputError."""
    given = _parser().parse_args(arguments)
    if given.architecture is not None and given.write_overlay is None:
        raise InputError(
            f"--architecture is that of an overlay, however: {given.architecture!r} without --write-overlay. Add it."
        )
    return PlanOptions(
        results=given.results,
        sweep=given.sweep,
        ask=Ask(
            rate=given.rate,
            headroom=given.headroom,
            price_per_core_hour=given.price_per_core_hour,
            memory_per_node_bytes=given.memory_per_node,
        ),
        json=given.json,
        overlay=given.write_overlay,
        architecture=given.architecture,
    )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m loadtest plan",
        description="Say how many replicas of each architecture hold the SLO at a rate, from a load test's capacities.",
    )
    add = parser.add_argument
    add("--results", type=Path, required=True, metavar="FOLDER", help="of a load test, or its results.json")
    rate = read_number("--rate", float, above=0, below=HIGHEST_RATE)
    add("--rate", type=rate, required=True, help="requests/s to be answered, each as large as in the load test")
    headroom = read_number("--headroom", float, least=0, below=1)
    add("--headroom", type=headroom, default=DEFAULT_HEADROOM, help="share of each replica that is kept free (0.3)")
    price = read_number("--price-per-core-hour", float, above=0)
    add("--price-per-core-hour", type=price, metavar="PRICE", help="adds the cost of a month (that of the load test)")
    add(
        "--memory-per-node", type=_memory, metavar="MEMORY", help="such as 16GiB: adds the nodes that hold the replicas"
    )
    add("--sweep", type=Path, metavar="FOLDER", help="of python -m training sweep: predicts what was not load-tested")
    add("--json", type=Path, metavar="FILE", help="write the plan there, too")
    add(
        "--write-overlay",
        type=Path,
        metavar="FOLDER",
        help="write a kustomize overlay of deploy/kubernetes with the plan's replicas, processors and memory there",
    )
    add("--architecture", metavar="NAME", help="of the overlay, where several were load-tested")
    return parser


def _memory(text: str) -> int:
    found = MEMORY.fullmatch(text)
    size = round(float(found[1]) * UNITS[found[2] or ""]) if found else 0
    if size <= 0:
        raise InputError(
            f"--memory-per-node must be a number with its unit, such as 16GiB or 500MB, however: {text!r}. Correct it."
        )
    return size


def print_plan(options: PlanOptions, console: Console) -> None:
    """Print the plan, and write it where asked. Raises InputError, and MeasurementError where it can't be written."""
    results = load_results(options.results)
    curve = None if options.sweep is None else load_curve(options.sweep)
    plan = plan_fleets(results, options.ask, curve)
    if not plan.fleets and any(left.obstacle == "too large" for left in plan.unplanned):
        raise InputError("--memory-per-node must have room for a replica, however: no architecture's fits. Give more.")
    if not plan.fleets:
        reasons = "; ".join(map(say_obstacle, plan.unplanned)) or "no architecture was measured"
        raise InputError(f"a plan needs a capacity that can be believed, however: {reasons}. Measure again.")
    if options.overlay is not None:  # first: nothing is shown of what is refused
        write_overlay(plan, size_deployment(plan, options.architecture), options.overlay)
    show_plan(compose_plan(plan), console)
    if options.json is not None:
        try:
            options.json.write_text(plan.model_dump_json(indent=1) + "\n")
        except OSError as error:
            raise MeasurementError(
                f"--json must be written, however: {options.json}: {error.strerror}. Choose another file, or make room."
            ) from None
        console.print(str(options.json), soft_wrap=True, markup=False)
    if options.overlay is not None:
        console.print(str(options.overlay), soft_wrap=True, markup=False)
