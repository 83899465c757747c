"""Phrases that more than one sentence is made of."""

from collections.abc import Sequence

from loadtest.analysis.summary import ArchitectureSummary
from loadtest.record.intervals import Interval, shows
from loadtest.report.notation import QUALITY_DECIMALS, fixed, ratio, significant

NO_DIFFERENCE = "no difference shown"


def join(words: Sequence[str], last: str = "and") -> str:
    """Write a list: a; a and b; a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def say_rate_ratio(interval: Interval) -> str:
    """Say a ratio of rates, and where its interval holds 1 or is missing, that it shows no difference."""
    return f"{ratio(interval)}{_doubt(interval, 1)}"


def say_gain(one: ArchitectureSummary, over: ArchitectureSummary) -> str:
    """Say what quality ``one`` has over another: ``buys +0.0040 accuracy [-0.0010, +0.0090] (no difference shown)``."""
    gained = one.gains[over.name]
    if gained is None:
        return "can't be compared in quality"
    if one.card.task == "regression":
        return f"takes {significant(gained)} off the squared error{_doubt(gained, 0)}"
    estimate, _, interval = fixed(gained, QUALITY_DECIMALS, signed=True).partition(" ")
    accuracy = f"accuracy {interval}".rstrip()
    return f"{'buys' if gained.estimate >= 0 else 'brings'} {estimate} {accuracy}{_doubt(gained, 0)}"


def _doubt(interval: Interval, nothing: float) -> str:
    if interval.low is None:
        return " (no interval)"
    return "" if shows(interval, nothing) else f" ({NO_DIFFERENCE})"
