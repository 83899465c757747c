"""How figures are written: digits, signs, intervals in brackets, and text that others chose."""

import math

from loadtest.record.intervals import Interval

DIGITS = 3
"""Significant digits of an estimate: intervals over a few repeats are wider than the fourth."""
QUALITY_DECIMALS = 4
RATIO_DECIMALS = 2
UNPRINTABLE = "\ufffd"


def clean(text: str) -> str:
    """Replace what is not printable in a name, host or command: it could move a terminal's cursor or break a row."""
    return "".join(letter if letter.isprintable() else UNPRINTABLE for letter in text)


def significant(interval: Interval, *, signed: bool = False) -> str:
    """Write three significant digits of the estimate, and its interval to the same place: 98,300 [95,100, 101,600]."""
    return fixed(interval, _decimals(interval.estimate), signed=signed)


def fixed(interval: Interval, decimals: int, *, signed: bool = False) -> str:
    """Write estimate and interval to ``decimals`` places; negative ones round to tens, hundreds and so on."""
    estimate = number(interval.estimate, decimals, signed=signed)
    if interval.low is None or interval.high is None:
        return estimate
    low, high = (number(value, decimals, signed=signed) for value in (interval.low, interval.high))
    return f"{estimate} [{low}, {high}]"


def number(value: float, decimals: int, *, signed: bool = False) -> str:
    """Write a number with commas between thousands, to ``decimals`` places; never minus nothing."""
    rounded = round(value, decimals) + 0.0  # -0.0 + 0.0 is 0.0
    return f"{rounded:{'+' if signed else ''},.{max(decimals, 0)}f}"


def brief(value: float) -> str:
    """Write three significant digits of one number: 0.0123, 4.21, 98,300."""
    return number(value, _decimals(value))


def ratio(interval: Interval) -> str:
    """Write a ratio: 0.72 [0.70, 0.75]."""
    return fixed(interval, RATIO_DECIMALS)


def _decimals(value: float) -> int:
    return 0 if value == 0 else DIGITS - 1 - math.floor(math.log10(abs(value)))
