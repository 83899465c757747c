"""What a law says, in a sentence; and why one is not stated."""

from dataclasses import dataclass

from service.contract.curve import Estimate, Law, Measure, Size

NAMES: dict[Measure, str] = {
    "loss": "loss",
    "train_seconds": "training time",
    "network_memory_bytes": "memory of the network in training",
    "latency_seconds": "latency of one row",
}
MEGABYTE = 1e6
SMALLEST_GAIN = 0.01
SMALLEST_FLOOR = 0.01
"""Of the figure at the largest size: a smaller floor is not worth a word."""


def show(of: Measure, value: float) -> str:
    """Write a figure with its unit, three digits."""
    if of == "loss":
        return _digits(value)
    if of == "network_memory_bytes":
        return f"{_digits(value / MEGABYTE)} MB"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{_digits(value / size)} {unit}"
    return f"{_digits(value * 1e6)} µs"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


@dataclass(frozen=True)
class Subject:
    """What a law is of, against what, with what held fixed."""

    of: Measure
    against: Size
    held: str

    @property
    def _name(self) -> str:
        return f"{NAMES[self.of]} of {self.held}" if self.against == "rows" else f"{NAMES[self.of]} at {self.held}"

    def _capital(self) -> str:
        return self._name[0].upper() + self._name[1:]

    def _show(self, value: float) -> str:
        return show(self.of, value)

    def _range(self, estimate: Estimate) -> str:
        return f"{self._show(estimate.low)} to {self._show(estimate.high)}"

    def _show_with_range(self, estimate: Estimate) -> str:
        value = self._show(estimate.value)
        is_sharp = value == self._show(estimate.low) == self._show(estimate.high)
        return value if is_sharp else f"{value} ({self._range(estimate)})"

    def unstated(self, sizes: int, reason: str) -> Law:
        """Return a law for which too little was measured."""
        return Law(
            of=self.of,
            against=self.against,
            sizes=sizes,
            held=self.held,
            sentence=f"No law of {NAMES[self.of]} against {self.against} is stated: {reason}.",
        )

    def turns(self, lowest: float, rise: float) -> str:
        """Say that a loss rises again after its lowest."""
        return (
            f"{self._capital()} is lowest at {lowest:,.0f} {self.against} and {rise:.0%} higher at the most: "
            f"more {self.against} harm, and no power law says how far."
        )

    def flat(self) -> str:
        """Say that the size changes nothing that can be told from luck."""
        if self.of == "loss":
            return (
                f"{self._capital()} does not fall with the {self.against}: more of them would buy nothing that shows."
            )
        return f"{self._capital()} does not grow with the {self.against}: more of them would cost nothing that shows."

    def misfit(self) -> str:
        """Say that no power law comes near."""
        return f"{self._capital()} follows no power law of the {self.against}: no law is stated."

    def wide(self, ten: Estimate, *, strays: bool, mixed: bool) -> str:
        """Say that what follows at ten times the size is too uncertain. mixed: the points are of several depths."""
        remedy = "The seeds differ too much: measure more of them."
        if strays:
            remedy = "The points stray from a power law: measure more sizes."
            if mixed:
                remedy = "Networks of one size differ with their depth: measure five widths of one depth."
        might_be = f"at ten times the {self.against} it might be {self._range(ten)}"
        return f"No law of the {self._name} is stated: {might_be}. {remedy}"

    def settled(self, ten: Estimate, largest: float) -> str:
        """Say that a figure keeps still at the larger sizes, so that no exponent can be told."""
        return (
            f"{self._capital()} has settled: ten times the {self.against} would take it from {self._show(largest)} to "
            f"{self._show_with_range(ten)}. How it came there is too steep for an exponent."
        )

    def creeps(self, ten: Estimate, largest: float) -> str:
        """Say that a figure changes too slowly for an exponent, and may go on."""
        verb = "falls" if self.of == "loss" else "grows"
        return (
            f"{self._capital()} {verb} so slowly that no exponent can be told: ten times the {self.against} would take "
            f"it from {self._show(largest)} to {self._show_with_range(ten)}."
        )

    def stated(self, *, floor: Estimate, exponent: Estimate, ten: Estimate, largest: float) -> str:
        """State the law and what ten times the size buys or costs."""
        power = f"{self.against} to the power of {exponent.value:.2f} ({exponent.low:.2f} to {exponent.high:.2f})"
        ten_times = f"ten times the {self.against}"
        at_ten = self._show_with_range(ten)
        beside_floor = floor.value > SMALLEST_FLOOR * largest
        if self.of == "loss":
            verb = f"falls towards {self._show(floor.value)}" if beside_floor else "falls"
            gain = 1 - ten.value / largest
            change = f"would take it from {self._show(largest)} to {at_ten}, {gain:.0%} less"
            if gain < SMALLEST_GAIN:
                change = f"would buy next to nothing, {at_ten} instead of {self._show(largest)}"
            return f"{self._capital()} {verb} as {power}: {ten_times} {change}."
        above = f" above {self._show(floor.value)}" if beside_floor else ""
        change = f"would cost {ten.value / largest:.1f} times as much, {at_ten} instead of {self._show(largest)}"
        return f"{self._capital()} grows as {power}{above}: {ten_times} {change}."
