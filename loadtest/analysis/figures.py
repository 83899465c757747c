"""One figure of one architecture: an estimate with its interval over the blocks, a bound, withheld, or not measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from loadtest.record.intervals import Interval, geometric, paired_ratio

Bound = Literal["at least", "at most"]
OPPOSITE: dict[Bound, Bound] = {"at least": "at most", "at most": "at least"}


@dataclass(frozen=True)
class Fault:
    """Why a figure is withheld. gates: the names of those that failed; reason: rule, fact and count of each."""

    gates: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Figure:
    """Either ``value``, or why there is none.

    blocks: block -> its value; empty for what is measured once, and then ``value`` has no interval.
    withheld: a trial that this figure rests on failed a gate; it is then never shown as a number.
    instead: what is shown where there is no value.
    """

    value: Interval | None = None
    blocks: Mapping[int, float] = field(default_factory=dict)
    bound: Bound | None = None
    withheld: Fault | None = None
    instead: str = "-"

    def through(self, change: Callable[[float], float], *, falling: bool = False) -> "Figure":
        """Return the figure whose values are ``change`` of these. falling: less becomes more, a bound its opposite."""
        if self.value is None:
            return self
        if not self.blocks:
            return once(change(self.value.estimate))
        bound = OPPOSITE[self.bound] if falling and self.bound else self.bound
        return repeated({block: change(value) for block, value in self.blocks.items()}, bound)


NOT_MEASURED = Figure()


def once(value: float | None) -> Figure:
    """Make a figure of what is measured once."""
    return NOT_MEASURED if value is None else Figure(value=Interval(value))


def repeated(blocks: Mapping[int, float], bound: Bound | None = None) -> Figure:
    """Make a figure of a positive value for each block; a bound has no interval."""
    value = geometric(list(blocks.values()))
    if value is not None and bound is not None:
        value = Interval(value.estimate)
    return Figure(value=value, blocks=blocks, bound=bound)


def compare(above: Figure, below: Figure) -> Interval | None:
    """Return ``above / below``, paired block by block; None where either is a bound, withheld or not measured."""
    if above.value is None or below.value is None or above.bound or below.bound:
        return None
    if not above.blocks or not below.blocks:
        return paired_ratio([above.value.estimate], [below.value.estimate])
    shared = [block for block in above.blocks if block in below.blocks]
    return paired_ratio([above.blocks[block] for block in shared], [below.blocks[block] for block in shared])
