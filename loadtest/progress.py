"""What a study says while it measures, on standard error: a bar on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_SECONDS = 20.0
"""Between two plain lines."""


class Teller:
    """Says what begins. Nothing is said before the study knows what it measures: until then, errors stand alone."""

    def __init__(self, console: Console, bar: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._bar, self._clock = console, bar, clock
        self._began = self._said = clock()
        self._seconds: float | None = None
        self._task = bar.add_task("starting the service", total=None)

    def announce(self, architectures: list[str], seconds: float, longest: float) -> None:
        """Say what will be done, how long it should take, and how long it takes at most."""
        self._seconds = seconds
        self._bar.update(self._task, total=seconds)
        what = f"Measures {', '.join(architectures)}: about {_in_words(seconds)}, {_in_words(longest)} at most."
        self._console.print(what, soft_wrap=True, markup=False, highlight=False)

    def tell(self, what: str) -> None:
        """Say what begins; as a line, only where the last one was long ago."""
        now = self._clock()
        self._bar.update(self._task, completed=now - self._began, description=what)
        if self._bar.disable and self._seconds is not None and now - self._said >= LINE_SECONDS:
            self._said = now
            line = f"{_in_words(now - self._began)} of about {_in_words(self._seconds)}: {what}"
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)


def _in_words(seconds: float) -> str:
    minutes = seconds / 60
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes:.1f} minutes" if minutes < 10 else f"{minutes:.0f} minutes"


@contextmanager
def show_progress() -> Iterator[Teller]:
    """Show what a study tells meanwhile."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield Teller(console, bar)
