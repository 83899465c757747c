"""From a plan to what a cluster is asked for: how many replicas of one architecture, how large, and when more."""

import math
from dataclasses import dataclass

from loadtest.record.errors import InputError
from loadtest.record.fleet import Fleet, FleetPlan
from service.contract.memory import MIB, WORKER_BYTES, count_needed_bytes
from service.contract.names import check_name

LARGEST_BODY = 4 * MIB
"""That the manifests let in: ARCHSCALE_MAX_BODY_BYTES in deploy/kubernetes/base."""
MEMORY_STEP = 64 * MIB
FEWEST = 2
"""Replicas: one answers while the node of the other is emptied or fails, whatever the rate."""
MOST = 2
"""Times the planned replicas there may be: beyond its rate a plan is made anew."""
BUSY_PERCENT = (10, 90)
"""A replica is busy by some percent without load, and at 100 none is ever added: the autoscaler lets a tenth pass."""


@dataclass(frozen=True)
class Sizes:
    """What one architecture is deployed with. memory_bytes: of one replica, for the worst of bodies too."""

    architecture: str
    replicas: int
    most_replicas: int
    workers: int
    processors: int
    memory_bytes: int
    busy_percent: int
    """Of its processors, beyond which replicas are added: the share of the capacity that is planned with."""


def size_deployment(plan: FleetPlan, architecture: str | None) -> Sizes:
    """Size the deployment of ``architecture``, which may be None where there is one alone. Raises InputError."""
    fleet = _choose(plan, architecture)
    try:
        check_name(fleet.architecture)
    except ValueError as error:
        raise InputError(f"{error}") from None
    workers, processors = plan.replica.workers, plan.replica.cores
    if workers is None or processors is None or fleet.replica_bytes is None:
        raise InputError(
            "--write-overlay needs the processors and the memory of a replica, however: the load test did not measure "
            f"those of {fleet.architecture}, for the service was started elsewhere (--host), or it ended early. "
            "Load-test without --host, to the end."
        )
    least, most = BUSY_PERCENT
    replicas = max(FEWEST, fleet.replicas)
    return Sizes(
        architecture=fleet.architecture,
        replicas=replicas,
        most_replicas=MOST * replicas,
        workers=workers,
        processors=processors,
        memory_bytes=fleet.replica_bytes,
        busy_percent=min(max(round(100 * (1 - plan.headroom)), least), most),
    )


def count_replica_bytes(workers: int, worker_bytes: int) -> int:
    """Return the memory that a replica is given: for its parent process and the worst of bodies too, in whole steps."""
    needed = count_needed_bytes(workers, LARGEST_BODY, max(WORKER_BYTES, worker_bytes))
    return math.ceil(needed / MEMORY_STEP) * MEMORY_STEP


def _choose(plan: FleetPlan, architecture: str | None) -> Fleet:
    measured = {fleet.architecture: fleet for fleet in plan.fleets if fleet.source == "measured"}
    if architecture is None and len(measured) == 1:
        return next(iter(measured.values()))
    if architecture not in measured:
        names = ", ".join(map(repr, measured)) or "none"
        raise InputError(
            f"--write-overlay needs --architecture with one that was load-tested and is planned with ({names}), "
            f"however: {'it is not given' if architecture is None else repr(architecture)}. Name one of these."
        )
    return measured[architecture]
