"""How figures, gates and sentences are written. A number keeps its interval apart, for pages to set it in their way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.analysis.figures import FailedGate, Figure
from loadtest.analysis.summary import ArchitectureFigures
from loadtest.record.intervals import Interval
from loadtest.record.trials import Gate, GateName

DIGITS = 3
"""Significant digits of an estimate: intervals over a few repeats are wider than the fourth."""
QUALITY_DECIMALS = 4
RATIO_DECIMALS = 2
UNPRINTABLE = "\ufffd"
NO_DIFFERENCE = "no difference shown"

RULES: dict[GateName, str] = {
    "client lateness": "p99 <= {limit:g} ms",
    "achieved": "arrivals sent within {limit:.0%} of those offered",
    "nothing dropped": "every arrival was sent",
    "counts agree": "requests counted by the service = answers that the client had",
    "service undisturbed": "workers ran for all but {limit:.0%} of the time they were busy",
    "generator CPU": "< {limit:.0%} of its processor",
    "answers correct": "every answer is the model's, of the right release",
}
FACTS: dict[GateName, str] = {
    "client lateness": "p99 {figure:.2f} ms",
    "achieved": "{sent:,.0f} of {offered:,.0f}",
    "nothing dropped": "{figure:,.0f} dropped",
    "counts agree": "{counted:,.0f} and {answered:,.0f}",
    "service undisturbed": "ran {cpu_seconds:.2f} s, waited {waited_seconds:.2f} s for a processor",
    "generator CPU": "{figure:.0%}",
}
NOT_MEASURED: dict[GateName, str] = {
    "client lateness": "no arrival",
    "counts agree": "the service does not say",
    "service undisturbed": "the service's processes can't be read",
}


@dataclass(frozen=True)
class Written:
    """A figure as it is written: 98,400 [97,300, 99,600]. interval: with its brackets; empty where there is none."""

    text: str
    interval: str = ""
    withheld: bool = False

    def __str__(self) -> str:
        """Write both."""
        return f"{self.text} {self.interval}" if self.interval else self.text


ABSENT = Written("-")
INVALID = Written("INVALID", withheld=True)


@dataclass(frozen=True)
class Words:
    """A text, its figures in it as they are."""

    pieces: tuple[str | Written, ...]

    def __str__(self) -> str:
        """Write it as plain text."""
        return "".join(map(str, self.pieces))


def say(template: str, *values: "str | Written | Words") -> Words:
    """Put ``values`` where ``template`` has ``{}``."""
    first, *rest = template.split("{}")
    pieces: list[str | Written] = [first]
    for value, text in zip(values, rest, strict=True):
        pieces += [*(value.pieces if isinstance(value, Words) else (value,)), text]
    return Words(tuple(piece for piece in pieces if piece != ""))


def join(words: Sequence[str | Words], last: str = " and ", between: str = ", ") -> Words:
    """Write a list: a; a and b; a, b and c; of nothing, nothing."""
    if not words:
        return say("")
    template = f"{between.join(['{}'] * (len(words) - 1))}{last}{{}}" if len(words) > 1 else "{}"
    return say(template, *words)


def counted(count: int, noun: str) -> str:
    """Write so many of something: 1 row, 1,024 rows. noun: for one, with s for more."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def clean(text: str) -> str:
    """Replace what is not printable in a name, host or command: it could move a terminal's cursor or break a row."""
    return "".join(letter if letter.isprintable() else UNPRINTABLE for letter in text)


def significant(interval: Interval, *, signed: bool = False) -> Written:
    """Write three significant digits of the estimate, and its interval to the same place: 98,300 [95,100, 101,600]."""
    return fixed(interval, _decimals(interval.estimate), signed=signed)


def fixed(interval: Interval, decimals: int, *, signed: bool = False) -> Written:
    """Write estimate and interval to ``decimals`` places; negative ones round to tens, hundreds and so on."""
    estimate = number(interval.estimate, decimals, signed=signed)
    if interval.low is None or interval.high is None:
        return Written(estimate)
    low, high = (number(value, decimals, signed=signed) for value in (interval.low, interval.high))
    return Written(estimate, f"[{low}, {high}]")


def number(value: float, decimals: int, *, signed: bool = False) -> str:
    """Write a number with commas between thousands, to ``decimals`` places; never minus nothing."""
    rounded = round(value, decimals) + 0.0  # -0.0 + 0.0 is 0.0
    return f"{rounded:{'+' if signed else ''},.{max(decimals, 0)}f}"


def brief(value: float) -> str:
    """Write three significant digits of one number: 0.0123, 4.21, 98,300."""
    return number(value, _decimals(value))


def _decimals(value: float) -> int:
    return 0 if value == 0 else DIGITS - 1 - math.floor(math.log10(abs(value)))


def ratio(interval: Interval) -> Written:
    """Write a ratio: 0.72 [0.70, 0.75]."""
    return fixed(interval, RATIO_DECIMALS)


def write_figure(figure: Figure, decimals: int | None = None) -> Written:
    """Write a figure to ``decimals`` places (None: three digits), its bound, that it is invalid, or not measured."""
    if figure.withheld:
        return INVALID
    if figure.value is None:
        return Written(figure.instead)
    written = significant(figure.value) if decimals is None else fixed(figure.value, decimals)
    bound = {"at least": ">= ", "at most": "<= ", None: ""}[figure.bound]
    return Written(bound + written.text, written.interval)


def say_rate_ratio(interval: Interval) -> Words:
    """Say a ratio of rates, and where its interval holds 1 or is missing, that it shows no difference."""
    return say("{}{}", ratio(interval), _doubt(interval, 1))


def say_gain(better: ArchitectureFigures, over: ArchitectureFigures) -> Words:
    """Say what quality one has over another: ``buys +0.0040 accuracy [-0.0010, +0.0090] (no difference shown)``."""
    gained = better.gains[over.name]
    if gained is None:
        return say("can't be compared in quality")
    doubt = _doubt(gained, 0)
    if better.card.task == "regression":
        return say("takes {} off the squared error{}", significant(gained), doubt)
    written = fixed(gained, QUALITY_DECIMALS, signed=True)
    verb = "buys" if gained.estimate >= 0 else "brings"
    return say("{} {}{}", verb, Written(f"{written.text} accuracy", written.interval), doubt)


def _doubt(interval: Interval, nothing: float) -> str:
    if interval.low is None:
        return " (no interval)"
    return "" if interval.excludes(nothing) else f" ({NO_DIFFERENCE})"


def say_rule(gate: Gate) -> str:
    """Say under which condition a gate is passed."""
    rule = RULES[gate.name].format(limit=gate.limit)
    slo = gate.parts.get("slo_p99_ms")
    return f"{rule}, {gate.limit / slo:.0%} of the SLO" if slo else rule


def say_measured(gate: Gate) -> str:
    """Say what was measured, and where it was not judged, why."""
    if gate.figure is None:
        return NOT_MEASURED[gate.name]
    if gate.name == "answers correct":
        reasons = ", ".join(f"{count:,.0f} x {reason}" for reason, count in gate.parts.items()) or "all"
        return f"all but {reasons}, which count as late" if gate.parts and not gate.figure else reasons
    fact = FACTS[gate.name].format(figure=gate.figure, **gate.parts)
    return fact if gate.ok is not None else f"{fact}; not judged: the service was overloaded, which is the result"


def say_failed_gate(gate: FailedGate) -> str:
    """Say which gate trials failed, by how much and how often."""
    rule, fact = say_rule(gate.worst), say_measured(gate.worst)
    return f"{gate.worst.name}: {rule}, however: {fact} ({gate.failed} of {gate.trials} trials)"
