"""How a run ends without a release: the two errors, their exit codes and their words, and Ctrl-C where it must wait."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_QUOTED = 60
"""Characters of a name or a value that a message shows."""


class TrainingError(Exception):
    """A check failed or the environment refused: one line for the reader, exit code 1."""

    exit_code = 1


class UserError(TrainingError):
    """The user's input is wrong: one line that gives rule, fact and remedy, exit code 2."""

    exit_code = 2


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its name where it has none, as Python's own MemoryError."""
    return str(error).partition("\n")[0] or type(error).__name__


def quoted(text: str) -> str:
    r"""Return a name or a value as messages show it: in single quotes, escaped, on one line, and not too long.

    >>> quoted(" age\n")
    "' age\\n'"
    """
    shown = text if len(text) <= LONGEST_QUOTED else text[:LONGEST_QUOTED] + "…"
    return "'" + repr('"' + shown)[2:]  # repr quotes by ' whatever holds a "


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C inside. A process that is started inside goes on ignoring it: its parent answers for both."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
