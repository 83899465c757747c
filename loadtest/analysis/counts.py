"""Counts over all trials: how every gate fared, what became of the requests, and what was never measured."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.analysis.figures import find_worst
from loadtest.record.results import CURVE, SWEEP_BLOCKS, Results
from loadtest.record.trials import Gate, Phase, Trial

WHOLE: tuple[Phase, ...] = ("in flight", "search", "curve", "rows")
QUICK: tuple[Phase, ...] = ("saturation", "curve")
SWEEPS: tuple[Phase, ...] = ("in flight", "rows")
"""Phases whose blocks are fewer than those that the settings name."""


@dataclass(frozen=True)
class GateTally:
    """One gate over all trials. set_aside: failed in a trial that no figure rests on (``Results.rests_on``).

    worst: of those that failed; where there are none, of those set aside, then of those that passed.
    """

    passed: int
    failed: int
    set_aside: int
    unknown: int
    worst: Gate

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


@dataclass(frozen=True)
class MissingPhase:
    """A phase that is not whole. blocks: how many are missing of ``asked``: all of them where nothing was run."""

    phase: Phase | None
    """None: each architecture alone."""
    blocks: int
    asked: int


def tally_gates(results: Results) -> tuple[GateTally, ...]:
    """Count each gate, in the order in which they first appear."""
    names = dict.fromkeys(gate.name for trial in results.trials for gate in trial.gates)
    return tuple(_tally_gate(name, results) for name in names)


def _tally_gate(name: str, results: Results) -> GateTally:
    failed: list[Gate] = []
    set_aside: list[Gate] = []
    passed: list[Gate] = []
    unknown: list[Gate] = []
    for trial in results.trials:
        for gate in trial.gates:
            if gate.name != name:
                continue
            if gate.ok is False:
                (failed if results.rests_on(trial) else set_aside).append(gate)
            else:
                (passed if gate.ok else unknown).append(gate)
    return GateTally(
        passed=len(passed),
        failed=len(failed),
        set_aside=len(set_aside),
        unknown=len(unknown),
        worst=find_worst(next(gates for gates in (failed, set_aside, passed, unknown) if gates)),
    )


def tally_requests(trials: Sequence[Trial]) -> tuple[RequestTally, ...]:
    """Add up the requests of each phase."""
    phases = dict.fromkeys(trial.phase for trial in trials)
    return tuple(_tally_phase(phase, [trial for trial in trials if trial.phase == phase]) for phase in phases)


def _tally_phase(phase: Phase, trials: Sequence[Trial]) -> RequestTally:
    offered, dropped = sum(trial.offered for trial in trials), sum(trial.dropped for trial in trials)
    return RequestTally(
        phase=phase,
        trials=len(trials),
        offered=offered,
        sent=offered - dropped,
        dropped=dropped,
        answered=sum(trial.answered for trial in trials),
        late=sum(trial.late for trial in trials),
    )


def tally_failures(trials: Sequence[Trial]) -> Mapping[str, int]:
    """Return reason -> requests, over all trials."""
    failures: Counter[str] = Counter()
    for trial in trials:
        failures.update(trial.failures)
    return dict(failures.most_common())


def find_missing(results: Results) -> tuple[MissingPhase, ...]:
    """Return the phases that are not whole, by the architecture that was measured the least."""
    blocks, names = results.settings.blocks, results.settings.architectures
    missing = []
    for phase in QUICK if results.settings.quick else WHOLE:
        asked = min(blocks, SWEEP_BLOCKS) if phase in SWEEPS else blocks
        done = min((_count_blocks(results, phase, name) for name in names), default=0)
        if done < asked:
            missing.append(MissingPhase(phase, asked - done, asked))
    if results.settings.host is None and set(results.alone) != set(names):
        missing.append(MissingPhase(None, 1, 1))
    return tuple(missing)


def _count_blocks(results: Results, phase: Phase, architecture: str) -> int:
    """Return the blocks that are whole: in which every load of the phase was measured."""
    if phase == "search":
        return sum(capacity.architecture == architecture for capacity in results.capacities)
    loads: dict[tuple[str, int], set[tuple[float | None, int | None, int]]] = {}
    for trial in results.trials:
        if trial.phase == phase:
            load = trial.load
            loads.setdefault((load.architecture, trial.block), set()).add((load.rate, load.in_flight, load.rows))
    # A sweep over rows ends where the service takes no more of them: its fullest block knows.
    whole = max(map(len, loads.values()), default=1)
    if phase == "curve" and not results.settings.quick:
        whole = len(CURVE)
    return sum(name == architecture and len(found) >= whole for (name, _), found in loads.items())
