"""Which trials a figure rests on, and whether these can be believed.

The rule: a figure is withheld as soon as one trial that it rests on failed a gate. ``Results.rests_on`` leaves out
trials that were run again, and those of a search that offered more than the rate that was not held.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from loadtest.analysis.figures import NOT_MEASURED, Fault, Figure, repeated
from loadtest.record.results import Gate, Phase, Results, Trial

NUMBERS = re.compile(r"(?<![\w.])\d[\d,]*\.?\d*")
PAIRS = (" of ", " and ", ", on ")
"""Between two numbers of a gate that should have been equal."""
Value = Callable[[Trial], float | None]


def trials_of(results: Results, phase: Phase, architecture: str) -> list[Trial]:
    """Return the trials of one phase of one architecture that a figure may rest on, in the order of their running."""
    return [
        one
        for one in results.trials
        if one.phase == phase and one.load.architecture == architecture and results.rests_on(one)
    ]


def find_fault(trials: Sequence[Trial]) -> Fault | None:
    """Return which gates the trials failed, and the worst of each; None where they failed none."""
    failed: dict[str, list[Gate]] = {}
    for trial in trials:
        for gate in trial.gates:
            if gate.ok is False:
                failed.setdefault(gate.name, []).append(gate)
    if not failed:
        return None
    reasons = [_describe(gates, of=len(trials)) for gates in failed.values()]
    return Fault(gates=tuple(failed), reason="; ".join(reasons))


def _describe(gates: Sequence[Gate], *, of: int) -> str:
    worst = find_worst(gates)
    return f"{worst.name}: {worst.rule}, however: {worst.measured} ({len(gates)} of {of} trials)"


def find_worst(gates: Sequence[Gate]) -> Gate:
    """Return the gate that measured the highest number, or the two numbers that lie the furthest apart."""
    return max(gates, key=_badness)


def _badness(gate: Gate) -> float:
    numbers = [float(found.replace(",", "")) for found in NUMBERS.findall(gate.measured)]
    if len(numbers) == 2 and max(numbers) > 0 and any(word in gate.measured for word in PAIRS):
        return abs(numbers[0] - numbers[1]) / max(numbers)
    return numbers[0] if numbers else 0.0


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
