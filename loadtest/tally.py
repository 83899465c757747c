"""Counts over all trials: how every gate fared, and what became of the requests."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.evidence import believable, find_worst
from loadtest.results import Gate, Phase, Trial


@dataclass(frozen=True)
class GateTally:
    """One gate over all trials. overloaded: missed where the service missed the SLO as well, which is allowed."""

    name: str
    rule: str
    passed: int
    failed: int
    overloaded: int
    unknown: int
    worst: str


@dataclass(frozen=True)
class RequestTally:
    """Requests of one phase."""

    phase: Phase
    trials: int
    offered: int
    sent: int
    dropped: int
    answered: int
    late: int


def tally_gates(trials: Sequence[Trial]) -> tuple[GateTally, ...]:
    """Count each gate, in the order in which they first appear."""
    names = dict.fromkeys(gate.name for trial in trials for gate in trial.gates)
    return tuple(_tally_gate(name, trials) for name in names)


def _tally_gate(name: str, trials: Sequence[Trial]) -> GateTally:
    met: dict[str, list[Gate]] = {"passed": [], "failed": [], "overloaded": [], "unknown": []}
    for trial in trials:
        for gate in trial.gates:
            if gate.name == name:
                met[_fate(gate, trial)].append(gate)
    worst = find_worst(
        next(gates for gates in (met["failed"], met["overloaded"], met["passed"], met["unknown"]) if gates)
    )
    return GateTally(
        name=name,
        rule=worst.rule,
        passed=len(met["passed"]),
        failed=len(met["failed"]),
        overloaded=len(met["overloaded"]),
        unknown=len(met["unknown"]),
        worst=worst.measured,
    )


def _fate(gate: Gate, trial: Trial) -> str:
    if gate.ok is None:
        return "unknown"
    if gate.ok:
        return "passed"
    return "overloaded" if believable(trial) else "failed"


def tally_requests(trials: Sequence[Trial]) -> tuple[RequestTally, ...]:
    """Add up the requests of each phase."""
    phases = dict.fromkeys(trial.phase for trial in trials)
    return tuple(_tally_phase(phase, [one for one in trials if one.phase == phase]) for phase in phases)


def _tally_phase(phase: Phase, trials: Sequence[Trial]) -> RequestTally:
    offered, dropped = sum(one.offered for one in trials), sum(one.dropped for one in trials)
    return RequestTally(
        phase=phase,
        trials=len(trials),
        offered=offered,
        sent=offered - dropped,
        dropped=dropped,
        answered=sum(one.answered for one in trials),
        late=sum(one.late for one in trials),
    )


def tally_failures(trials: Sequence[Trial]) -> Mapping[str, int]:
    """Return reason -> requests, over all trials."""
    failures: Counter[str] = Counter()
    for trial in trials:
        failures.update(trial.failures)
    return dict(failures.most_common())
