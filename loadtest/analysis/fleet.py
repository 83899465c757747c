"""How many replicas hold the SLO at a rate: ceil(rate / ((1 - headroom) x the lower end of the capacity of one)).

A replica is the service as it was load-tested, with its workers and processors. Capacities are those of the report: one
that rests on a trial which failed a gate is no capacity, and never planned with.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from loadtest.analysis.capacity import Sustained, find_sustained
from loadtest.analysis.forecast import SweptNetwork, find_overhead, list_networks, predict_capacity
from loadtest.analysis.sizing import count_replica_bytes
from loadtest.record.errors import InputError
from loadtest.record.fleet import Fleet, FleetPlan, Obstacle, Overhead, Replica, Source, Unplanned
from loadtest.record.intervals import FEWEST
from loadtest.record.results import ROUNDING, Results
from service.contract.card import Description
from service.contract.curve import Curve, Estimate, Shape

HOURS_A_MONTH = 365 * 24 / 12
SHOWN = 12
"""Digits of a fingerprint."""


@dataclass(frozen=True)
class Ask:
    """What a fleet has to do, and what its parts cost. price_per_core_hour: None: that of the results, if there is."""

    rate: float
    """Requests/s."""
    headroom: float
    price_per_core_hour: float | None = None
    memory_per_node_bytes: int | None = None


@dataclass(frozen=True)
class _Known:
    """What is known of one architecture before it is planned with. worker_bytes: resident memory of one worker."""

    name: str
    shape: Shape
    weights: int
    source: Source
    capacity: Estimate
    at_least: bool
    worker_bytes: int | None


def plan_fleets(results: Results, ask: Ask, curve: Curve | None = None) -> FleetPlan:
    """Plan with each architecture of the results, and with the others of ``curve``. Raises InputError."""
    if results.settings.quick:
        raise InputError(
            f"results must hold capacities, however: those of release {results.release} are of a quick study, which "
            "searches for none. Run python -m loadtest without --quick."
        )
    machine = results.environment
    if ask.price_per_core_hour is None:
        ask = replace(ask, price_per_core_hour=results.settings.price_per_core_hour)
    cores = None if machine.workers is None else machine.service_processors or machine.processors
    replica = Replica(workers=machine.workers, cores=cores)
    found = list(_find_measured(results, replica))
    overheads: list[Overhead] = []
    if curve is not None:
        _check_table(results, curve)
        networks = list_networks(curve, results.settings.rows)
        overheads = _find_overheads(found, networks, replica, results)
        found += _predict(results, networks, overheads, replica)
    planned = [_plan(item, ask, replica) if isinstance(item, _Known) else item for item in found]
    return FleetPlan(
        release=results.release,
        rate=ask.rate,
        headroom=ask.headroom,
        body=results.settings.body,
        rows=results.settings.rows,
        slo_p99_ms=results.settings.slo_p99_ms,
        price_per_core_hour=ask.price_per_core_hour,
        hours_a_month=HOURS_A_MONTH,
        memory_per_node_bytes=ask.memory_per_node_bytes,
        replica=replica,
        machine=machine.processor,
        swept_on=None if curve is None else curve.machine.model,
        partial=results.partial,
        overheads=overheads,
        fleets=[item for item in planned if isinstance(item, Fleet)],
        unplanned=[item for item in planned if isinstance(item, Unplanned)],
    )


def _find_measured(results: Results, replica: Replica) -> Iterator[_Known | Unplanned]:
    for name, card in results.cards.items():
        sustained = find_sustained(results, name)
        capacity = _bound(sustained)
        if not isinstance(capacity, Estimate):
            gates = tuple(gate.worst.name for gate in sustained.requests.withheld)
            yield Unplanned(architecture=name, source="measured", obstacle=capacity, gates=gates)
            continue
        alone = results.alone.get(name)
        yield _Known(
            name=name,
            shape=_shape(card),
            weights=card.parameters,
            source="measured",
            capacity=capacity,
            at_least=sustained.outcome == "generator",
            worker_bytes=alone.worker_memory_bytes if alone else None,
        )


def _bound(sustained: Sustained) -> Estimate | Obstacle:
    """Return the capacity with its interval. Of one that is "at least", the lowest block is the lower end."""
    value, blocks = sustained.requests.value, sustained.requests.blocks
    if value is None:
        obstacles: dict[str, Obstacle] = {"invalid": "invalid", "none": "none held", "undecided": "undecided"}
        return obstacles.get(sustained.outcome, "not searched")
    if len(blocks) < FEWEST:
        return "no interval"
    if value.low is None or value.high is None:
        return Estimate(value=value.estimate, low=min(blocks.values()), high=max(blocks.values()))
    return Estimate(value=value.estimate, low=value.low, high=value.high)


def _shape(card: Description) -> Shape:
    return Shape(depth=card.depth, width=card.width)


def _check_table(results: Results, curve: Curve) -> None:
    for card in results.cards.values():
        if card.data.fingerprint != curve.fingerprint:
            raise InputError(
                f"--sweep must be of the table that release {results.release} learnt from, however: its fingerprint is "
                f"{curve.fingerprint[:SHOWN]} ({curve.source}), the release's {card.data.fingerprint[:SHOWN]} "
                f"({card.data.source}). Sweep that table, or plan without --sweep."
            )


def _find_overheads(
    found: Sequence[_Known | Unplanned], networks: Mapping[Shape, SweptNetwork], replica: Replica, results: Results
) -> list[Overhead]:
    """Return the overhead of each load-tested architecture that the sweep has too. Raises InputError."""
    if replica.workers is None:
        raise InputError(
            "--sweep needs to know how many workers answered, however: the service of these results was started "
            "elsewhere (--host). Load-test without --host, or plan without --sweep."
        )
    known = [item for item in found if isinstance(item, _Known) and not item.at_least]
    slo_seconds = results.settings.slo_p99_ms / 1000
    overheads = [
        find_overhead(
            item.name,
            item.capacity,
            networks[item.shape].latency,
            workers=replica.workers,
            slo_seconds=slo_seconds,
        )
        for item in known
        if item.shape in networks
    ]
    if not overheads:
        tested = ", ".join(f"{item.name}={item.shape}" for item in known) or "none that has a capacity"
        swept = ", ".join(map(str, networks)) or "none"
        raise InputError(
            f"--sweep must hold an architecture that was load-tested, however: load-tested: {tested}; swept: {swept}. "
            "Sweep again with its depth and width, or plan without --sweep."
        )
    for below in overheads:
        if below.overhead.value < 0:
            raise InputError(
                f"--sweep must be measured where the load test was, however: {below.architecture}'s network "
                f"alone takes {1000 * below.latency.value:.3g} ms by the sweep, its whole request "
                f"{1000 * below.service.value:.3g} ms by its capacity. Sweep there, or plan without --sweep."
            )
    return overheads


def _predict(
    results: Results, networks: Mapping[Shape, SweptNetwork], overheads: Sequence[Overhead], replica: Replica
) -> Iterator[_Known | Unplanned]:
    assert replica.workers is not None  # or there would be no overheads
    tested = {_shape(card) for card in results.cards.values()}
    for shape, network in networks.items():
        if shape in tested:
            continue
        capacity = predict_capacity(
            overheads, network.latency, workers=replica.workers, slo_seconds=results.settings.slo_p99_ms / 1000
        )
        if capacity is None:
            yield Unplanned(architecture=network.name, source="predicted", obstacle="too slow")
            continue
        yield _Known(
            name=network.name,
            shape=shape,
            weights=network.weights,
            source="predicted",
            capacity=capacity,
            at_least=False,
            worker_bytes=_predict_worker_bytes(results, network.bytes),
        )


def _predict_worker_bytes(results: Results, network_bytes: int) -> int | None:
    """Return the most that a worker took beside its network, and this network."""
    beside = [alone.worker_memory_bytes - results.cards[name].bytes for name, alone in results.alone.items()]
    return max(beside) + network_bytes if beside else None


def _plan(item: _Known, ask: Ask, replica: Replica) -> Fleet | Unplanned:
    planned = (1 - ask.headroom) * item.capacity.low
    replicas = math.ceil(ask.rate / (planned * ROUNDING))
    cores = None if replica.cores is None else replicas * replica.cores
    memory_bytes = replica_bytes = nodes = None
    if item.worker_bytes is not None and replica.workers is not None:
        memory_bytes = replicas * replica.workers * item.worker_bytes
        replica_bytes = count_replica_bytes(replica.workers, item.worker_bytes)
    if ask.memory_per_node_bytes is not None and replica_bytes is not None:
        in_a_node = ask.memory_per_node_bytes // replica_bytes
        if in_a_node == 0:
            return Unplanned(architecture=item.name, source=item.source, obstacle="too large")
        nodes = math.ceil(replicas / in_a_node)
    price = ask.price_per_core_hour
    return Fleet(
        architecture=item.name,
        shape=item.shape,
        weights=item.weights,
        source=item.source,
        capacity=item.capacity,
        at_least=item.at_least,
        planned=planned,
        replicas=replicas,
        cores=cores,
        memory_bytes=memory_bytes,
        replica_bytes=replica_bytes,
        nodes=nodes,
        monthly_cost=None if price is None or cores is None else price * cores * HOURS_A_MONTH,
    )
