"""Which trials a figure rests on, and whether these can be believed.

The rule: a figure is withheld as soon as one trial that it rests on failed a gate. Trials that missed the SLO are
exempt: the service was overloaded, and what was answered or dropped says so.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from loadtest.figures import NOT_MEASURED, Figure, repeated
from loadtest.results import Gate, Phase, Results, Trial

FIRST_NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")
Value = Callable[[Trial], float | None]


def trials_of(results: Results, phase: Phase, architecture: str) -> list[Trial]:
    """Return the trials of one phase of one architecture, in the order in which they were run."""
    return [one for one in results.trials if one.phase == phase and one.load.architecture == architecture]


def believable(trial: Trial) -> bool:
    """Whether a figure may rest on ``trial``."""
    return trial.valid or trial.verdict == "fail"


def find_fault(trials: Sequence[Trial]) -> str | None:
    """Say which gates the trials failed that can't be believed, or return None where all can."""
    failed: dict[str, list[Gate]] = {}
    for trial in trials:
        for gate in trial.gates:
            if gate.ok is False and not believable(trial):
                failed.setdefault(gate.name, []).append(gate)
    return "; ".join(_describe(gates, of=len(trials)) for gates in failed.values()) or None


def _describe(gates: Sequence[Gate], *, of: int) -> str:
    worst = find_worst(gates)
    return f"{worst.name} must be {worst.rule}, however: {worst.measured} ({len(gates)} of {of} trials)"


def find_worst(gates: Sequence[Gate]) -> Gate:
    """Return the gate whose first measured number is the furthest on the wrong side of its rule."""
    return max(gates, key=_badness)


def _badness(gate: Gate) -> float:
    found = FIRST_NUMBER.search(gate.measured)
    if found is None:
        return 0.0
    value = float(found.group().replace(",", ""))
    return -value if ">=" in gate.rule else value


def measure(trials: Sequence[Trial], value: Value) -> Figure:
    """Make a figure of one trial a block; withheld where a gate failed, not measured where a value is missing."""
    fault = find_fault(trials)
    if fault is not None:
        return Figure(withheld=fault)
    blocks = {trial.block: found for trial in trials if (found := value(trial)) is not None}
    return repeated(blocks) if blocks and len(blocks) == len(trials) else NOT_MEASURED


def nearest(trials: Iterable[Trial], rate: float) -> list[Trial]:
    """Return the trial of each block whose rate is nearest to ``rate``."""
    blocks: dict[int, list[Trial]] = {}
    for trial in trials:
        blocks.setdefault(trial.block, []).append(trial)
    return [min(found, key=lambda one: abs((one.load.rate or 0.0) - rate)) for found in blocks.values()]
