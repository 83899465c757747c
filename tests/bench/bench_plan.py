"""Whether a plan is right. Run: python -m tests.bench.bench_plan. Needs two processors and Linux; a quarter of an hour.

The capacity of a server of known speed is measured, and of two such beside each other. A plan from the first says how
many hold a share of what two are measured to sustain; so many, beside each other, are then asked at that rate, and have
to hold the SLO. What is served is a wait, not work, so that two processors are enough for any number of servers.
"""

import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from loadtest.analysis.capacity import find_sustained
from loadtest.analysis.fleet import Ask, plan_fleets
from loadtest.record.errors import MeasurementError
from loadtest.report.wording import say_failed_gate, write_figure
from loadtest.study.machine import available
from loadtest.study.phases import judged_seconds
from loadtest.study.study import Study
from tests.bench.capacity_search import true_capacity
from tests.bench.known import serve_known
from tests.bench.lines import BESIDE, QUICK, UNHURRIED
from tests.bench.searching import search_capacities

BLOCKS, REPEATS = 3, 3
SLO_MS = 15 * 1000 * UNHURRIED
SECONDS, WARM_UP_SECONDS = 6.0, 1.0
ASKED = ((0.5, 0.3, 2), (0.7, 0.25, 2), (0.9, 0.05, 2), (0.9, 0.3, 3))
"""Share of what two sustain, headroom, and the replicas that a right plan names. With a headroom of 0.3 a share of 0.7
lies on the edge of two and three: 0.7 of twice the capacity over 0.7 of its lower end."""


@dataclass(frozen=True)
class Checked:
    """One plan, and what became of a load at its rate. verdicts: of each repeat, "invalid" where a gate failed."""

    share: float
    headroom: float
    rate: float
    right: int
    replicas: int
    verdicts: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether it named the right number, and these held the SLO every time."""
        return self.replicas == self.right and all(verdict == "pass" for verdict in self.verdicts)


def check_plans(host: str, folder: Path, console: Console) -> list[Checked]:
    """Measure, plan and load. Raises MeasurementError where a capacity can't be had."""
    with search_capacities(
        host,
        folder,
        [BESIDE[1].name, BESIDE[2].name],
        slo_ms=SLO_MS,
        blocks=BLOCKS,
        seconds=SECONDS,
        warm_up_seconds=WARM_UP_SECONDS,
    ) as study:
        results = study.results(partial=None)
        one, two = (find_sustained(results, name).requests for name in study.settings.architectures)
        law = f"{true_capacity() * QUICK.mean / UNHURRIED:.0f} by its law"
        console.print(f"One sustains {write_figure(one)}/s ({law}), two {write_figure(two)}/s.")
        if one.value is None or two.value is None:
            failed = "; ".join(say_failed_gate(gate) for found in (one, two) for gate in found.withheld)
            raise MeasurementError(f"both capacities must be found, however: {failed or 'none was'}. Run again.")
        checked = []
        for share, headroom, right in ASKED:
            rate = share * two.value.estimate
            fleets = {fleet.architecture: fleet for fleet in plan_fleets(results, Ask(rate, headroom)).fleets}
            fleet = fleets[BESIDE[1].name]
            verdicts = tuple(_load(study, fleet.replicas, rate, seed) for seed in range(REPEATS))
            checked.append(Checked(share, headroom, rate, right, fleet.replicas, verdicts))
    return checked


def _load(study: Study, replicas: int, rate: float, seed: int) -> str:
    """Ask so many at ``rate``, requests/s, and return the verdict."""
    load = study.open_load(BESIDE[replicas].name, rate, judged_seconds(study.settings, rate), 1_000 + seed)
    trial = study.measure(load, "curve", seed + 1)
    return str(trial.verdict) if trial.valid else "invalid"


def main() -> int:
    """Measure, print a table and all of it as a line of JSON; return the exit code."""
    console = Console(highlight=False, width=120)
    with tempfile.TemporaryDirectory() as folder, serve_known(available()[0]) as host:
        try:
            checked = check_plans(host, Path(folder), console)
        except MeasurementError as error:
            print(error, file=sys.stderr)
            return 1
    table = Table("share of two", "headroom", "requests/s", "replicas", "right", "load tests", "")
    for found in checked:
        cells = (f"{found.share:.0%}", f"{found.headroom:g}", f"{found.rate:,.0f}", found.replicas, found.right)
        table.add_row(*map(str, cells), ", ".join(found.verdicts), "right" if found.holds else "NOT right")
    console.print(table)
    print(orjson.dumps([asdict(found) for found in checked]).decode())
    return 0 if all(found.holds for found in checked) else 1


if __name__ == "__main__":
    sys.exit(main())
