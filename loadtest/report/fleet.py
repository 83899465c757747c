"""A plan in words: the replicas for a rate, what they rest on, and what to be careful of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from loadtest.record.fleet import Fleet, FleetPlan, Obstacle, Source, Unplanned
from loadtest.record.intervals import FEWEST, Interval
from loadtest.report.outputs import plain, print_table
from loadtest.report.table import Group, ReportTable, Row
from loadtest.report.wording import ABSENT, Words, Written, brief, counted, join, say, significant
from service.contract.curve import Estimate
from service.contract.memory import MIB

MEGABYTE = 1e6
COLUMNS = ("", "requests/s", "replicas", "cores", "memory, MB", "nodes", "a month")
TITLES: dict[Source, str] = {"measured": "Measured [95 %]", "predicted": "Predicted [range]"}
OBSTACLES: dict[Obstacle, str] = {
    "invalid": "its capacity is INVALID",
    "none held": "it held the SLO at no rate that was tried",
    "undecided": "its capacity is undecided",
    "not searched": "its capacity was not searched for",
    "no interval": f"its capacity has no interval, which takes {FEWEST} blocks (--blocks)",
    "too large": "one replica does not fit into a node (--memory-per-node)",
    "too slow": "a request would take so much of the SLO that no capacity can be predicted",
}
CAUTION = (
    "Predicted is not measured: a request is taken for the latency of its network and the overhead of those that were "
    "load-tested. Load-test what you choose before you rely on it."
)


@dataclass(frozen=True)
class FleetDocument:
    """All that is said of a plan."""

    headline: Words
    table: ReportTable
    cautions: tuple[str, ...]
    method: tuple[str, ...]


def compose_plan(plan: FleetPlan) -> FleetDocument:
    """Put a plan into words."""
    sources = [source for source in TITLES if any(fleet.source == source for fleet in plan.fleets)]
    columns = [name for name in COLUMNS if name != "nodes" or plan.memory_per_node_bytes is not None]
    groups = tuple(
        Group(TITLES[source], tuple(_write_row(fleet, plan) for fleet in plan.fleets if fleet.source == source))
        for source in sources
    )
    return FleetDocument(
        headline=_say_fleets(plan),
        table=ReportTable(tuple(map(Written, columns)), groups),
        cautions=tuple(_caution(plan)),
        method=tuple(_say_method(plan)),
    )


def show_plan(document: FleetDocument, console: Console) -> None:
    """Print it."""
    console.print(plain(document.headline, "bold"))
    print_table(document.table, console)
    for caution in document.cautions:
        console.print(Text.assemble(("Caution: ", "bold yellow"), plain(caution)))
    for sentence in document.method:
        console.print(plain(sentence, "dim"))


def say_obstacle(left: Unplanned) -> str:
    """Say why an architecture is not planned with."""
    gates = f" (gate failed: {join(left.gates, ', ')})" if left.gates else ""
    return f"{left.architecture}: {OBSTACLES[left.obstacle]}{gates}"


def _say_fleets(plan: FleetPlan) -> Words:
    measured = [fleet for fleet in plan.fleets if fleet.source == "measured"]
    predicted = len(plan.fleets) - len(measured)
    clauses: list[str | Words] = [
        say("{} needs {}", fleet.architecture, counted(fleet.replicas, "replica")) for fleet in measured
    ]
    if predicted:
        clauses.append(f"{counted(predicted, 'more architecture')} {'is' if predicted == 1 else 'are'} predicted")
    return say(
        "At {} requests/s of {} ({}), with p99 <= {} ms and {} % of each replica kept free, {}.",
        f"{plan.rate:,.10g}",
        counted(plan.rows, "row"),
        plan.body,
        f"{plan.slo_p99_ms:g}",
        f"{100 * plan.headroom:g}",
        join(clauses),
    )


def _write_row(fleet: Fleet, plan: FleetPlan) -> Row:
    capacity = significant(_interval(fleet.capacity))
    bound = ">= " if fleet.at_least else ""
    cells = [
        Written(bound + capacity.text, capacity.interval),
        Written(f"{fleet.replicas:,}"),
        _write(fleet.cores),
        _write(None if fleet.memory_bytes is None else round(fleet.memory_bytes / MEGABYTE)),
        *([_write(fleet.nodes)] if plan.memory_per_node_bytes is not None else []),
        ABSENT if fleet.monthly_cost is None else Written(brief(fleet.monthly_cost)),
    ]
    return Row(_name(fleet), tuple(cells))


def _interval(estimate: Estimate) -> Interval:
    return Interval(estimate.value, estimate.low, estimate.high)


def _name(fleet: Fleet) -> str:
    shape = str(fleet.shape)
    if fleet.shape.depth == 0:
        return f"{fleet.architecture} (linear)"
    return shape if fleet.architecture == shape else f"{fleet.architecture} ({shape})"


def _write(count: int | None) -> Written:
    return ABSENT if count is None else Written(f"{count:,}")


def _caution(plan: FleetPlan) -> Iterator[str]:
    if plan.partial is not None:
        yield f"the load test ended before its end: {plan.partial.rstrip('.')}."
    if plan.unplanned:
        yield f"not planned with {join([say_obstacle(left) for left in plan.unplanned], '; ', '; ')}."
    bounds = [fleet.architecture for fleet in plan.fleets if fleet.at_least]
    if bounds:
        yield f"fewer replicas of {join(bounds)} may do: the load generator's limit is known, not the service's."
    if any(fleet.source == "predicted" for fleet in plan.fleets):
        yield CAUTION
    if plan.swept_on is not None and plan.swept_on != plan.machine:
        yield f"the sweep was measured on {plan.swept_on}, the load test on {plan.machine}: latencies may differ."
    if any(fleet.replicas == 1 for fleet in plan.fleets):
        yield "a single replica leaves nothing that answers while it is replaced."


def _say_method(plan: FleetPlan) -> Iterator[str]:
    yield _say_replica(plan)
    yield (
        f"Replicas: the rate over {100 * (1 - plan.headroom):g} % of the lower end of the requests/s that one "
        "sustains, rounded up. They are taken to share nothing, and to be asked alike."
    )
    given = sorted({fleet.replica_bytes for fleet in plan.fleets if fleet.replica_bytes is not None})
    if plan.memory_per_node_bytes is not None and given:
        sizes = " to ".join(f"{size / MIB:,.0f}" for size in sorted({given[0], given[-1]}))
        yield (
            f"Nodes: each replica is given {sizes} MiB, as by --write-overlay: for BentoML's parent process and the "
            "worst of bodies too."
        )
    if plan.overheads:
        yield _say_overheads(plan)
    yield from _say_cost(plan)


def _say_replica(plan: FleetPlan) -> str:
    replica = plan.replica
    if replica.workers is None or replica.cores is None:
        return "A replica is the service as it was load-tested: started elsewhere, so that its cores are not known."
    cores = "1 processor" if replica.cores == 1 else f"{replica.cores} processors"
    workers = "1 worker" if replica.workers == 1 else f"{replica.workers} workers"
    return (
        f"A replica is the service as it was load-tested: {workers} on {cores} ({plan.machine}). Memory is that of its "
        "workers; BentoML's parent process comes on top."
    )


def _say_overheads(plan: FleetPlan) -> str:
    each = [
        f"a request of {found.architecture} takes {_milliseconds(found.service)} ms by its capacity, of which "
        f"{brief(1000 * found.latency.value)} ms is its network by the sweep"
        for found in plan.overheads
    ]
    seconds = [found.overhead.value for found in plan.overheads]
    mean = sum(seconds) / len(seconds)
    return (
        f"Prediction: {join(each)}. What is left, {brief(1000 * mean)} ms on average, is added to the latency of "
        "another network; the capacity is that of a queue with random arrivals and a service of that time (M/D/1). The "
        "range is of the overheads and of the latencies."
    )


def _milliseconds(estimate: Estimate) -> str:
    return brief(1000 * estimate.value)


def _say_cost(plan: FleetPlan) -> Sequence[str]:
    if plan.price_per_core_hour is None:
        return ("No cost is stated: no price was given (--price-per-core-hour).",)
    return (f"Cost: {plan.price_per_core_hour:g} for a core and an hour, {plan.hours_a_month:g} hours a month.",)
