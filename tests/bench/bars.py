"""A table of bars, and the exit code that they make."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Bar:
    """What must be reached. The words say of how much, and how much was found."""

    name: str
    wanted: str
    found: str
    is_met: bool


def at_most(name: str, limit: float, found: float, form: str = ",g") -> Bar:
    """Return the bar of a number that must not be larger."""
    return Bar(name, f"<= {limit:{form}}", f"{found:{form}}", found <= limit)


def show_bars(title: str, bars: list[Bar], remembered: list[str]) -> int:
    """Print the bars, and what was lost or wrong; return 1 where one is missed."""
    table = Table(title=title, title_justify="left")
    for heading in ("", "wanted", "found", ""):
        table.add_column(heading)
    for bar in bars:
        table.add_row(bar.name, bar.wanted, bar.found, "" if bar.is_met else "missed")
    console = Console(highlight=False, markup=False)
    console.print(table)
    for line in remembered:
        console.print(line)
    return 0 if all(bar.is_met for bar in bars) else 1
