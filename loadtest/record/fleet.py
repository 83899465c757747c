"""A plan: for each architecture the replicas that hold the SLO at a rate. ``--json`` writes it as it stands here."""

from typing import Literal

from loadtest.record.trials import Body, GateName
from service.contract.card import Frozen
from service.contract.curve import Estimate, Shape

Source = Literal["measured", "predicted"]
Obstacle = Literal["invalid", "none held", "undecided", "not searched", "no interval", "too large", "too slow"]
"""Why there is no plan: the capacity failed a gate, was found at no rate, is undecided, was never searched for or has
no interval; a replica has no room in a node; a predicted request would take too much of the SLO."""


class Replica(Frozen):
    """One service, as it was load-tested. None: it was started elsewhere, and can't be looked into."""

    workers: int | None
    cores: int | None
    """Processors that it had to itself."""


class Overhead(Frozen):
    """What a request of a load-tested architecture takes beside its network: HTTP, decoding, encoding. Seconds."""

    architecture: str
    service: Estimate
    """Of the whole request, by its capacity and the interval of that."""
    latency: Estimate
    """Of the network for as many rows, by the sweep."""
    overhead: Estimate
    """What is left; its ends are of the longest and the shortest request, less ``latency``."""


class Fleet(Frozen):
    """The replicas of one architecture."""

    architecture: str
    shape: Shape
    weights: int
    source: Source
    capacity: Estimate
    """Requests/s of one replica. Measured: with its 95 % interval; predicted: with the range of its overheads."""
    at_least: bool
    """The capacity is more, and was not found because the load generator could not offer it."""
    planned: float
    """Requests/s of one replica: the lower end of the capacity, less the headroom."""
    replicas: int
    cores: int | None
    memory_bytes: int | None
    """Of all workers, resident; None where it was not measured."""
    replica_bytes: int | None
    """That one replica is given in a cluster: for its parent process and the worst of bodies too."""
    nodes: int | None
    """That give each replica this memory; None without ``memory_per_node_bytes``."""
    monthly_cost: float | None
    """In the unit of the price."""


class Unplanned(Frozen):
    """An architecture that no replicas can be stated for."""

    architecture: str
    source: Source
    obstacle: Obstacle
    gates: tuple[GateName, ...] = ()
    """That failed, of an invalid capacity."""


class FleetPlan(Frozen):
    """What was asked for, and what it takes."""

    format: Literal[1] = 1
    release: str
    rate: float
    """Requests/s that are to be answered."""
    headroom: float
    """Share of the capacity that is kept free."""
    body: Body
    rows: int
    """In each request."""
    slo_p99_ms: float
    price_per_core_hour: float | None
    hours_a_month: float
    memory_per_node_bytes: int | None
    replica: Replica
    machine: str
    """Processor of the load test."""
    swept_on: str | None
    """Processor of the sweep; None without one."""
    partial: str | None
    """Why the load test ended before its end."""
    overheads: list[Overhead]
    """That predictions rest on."""
    fleets: list[Fleet]
    unplanned: list[Unplanned]
