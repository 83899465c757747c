"""Counts over all trials: how every gate fared, and what became of the requests."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.analysis.evidence import find_worst
from loadtest.record.results import Gate, Phase, Results, Trial


@dataclass(frozen=True)
class GateTally:
    """One gate over all trials. set_aside: failed in a trial that no figure rests on (``Results.rests_on``)."""

    name: str
    rule: str
    passed: int
    failed: int
    set_aside: int
    unknown: int
    worst: str

    @property
    def trials(self) -> int:
        """In which it was looked at."""
        return self.passed + self.failed + self.set_aside + self.unknown


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


def tally_gates(results: Results) -> tuple[GateTally, ...]:
    """Count each gate, in the order in which they first appear."""
    names = dict.fromkeys(gate.name for trial in results.trials for gate in trial.gates)
    return tuple(_tally_gate(name, results) for name in names)


def _tally_gate(name: str, results: Results) -> GateTally:
    met: dict[str, list[Gate]] = {"passed": [], "failed": [], "set_aside": [], "unknown": []}
    for trial in results.trials:
        for gate in trial.gates:
            if gate.name == name:
                met[_fate(gate, rested_on=results.rests_on(trial))].append(gate)
    worst = find_worst(
        next(gates for gates in (met["failed"], met["set_aside"], met["passed"], met["unknown"]) if gates)
    )
    return GateTally(
        name=name,
        rule=worst.rule,
        passed=len(met["passed"]),
        failed=len(met["failed"]),
        set_aside=len(met["set_aside"]),
        unknown=len(met["unknown"]),
        worst=worst.measured,
    )


def _fate(gate: Gate, *, rested_on: bool) -> str:
    if gate.ok is None:
        return "unknown"
    if gate.ok:
        return "passed"
    return "failed" if rested_on else "set_aside"


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
