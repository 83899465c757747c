"""How a run ends without a release: the two errors, their exit codes and their words, and Ctrl-C where it must wait."""

import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_QUOTED = 60
"""Characters of a name or a value that a message shows."""
LONGEST_WRITTEN = 200
"""Characters of a value that a message writes out behind an option, since the option takes no less than all of it."""


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


def write_option(option: str, value: str) -> str:
    r"""Return an option with its value as a shell takes it, on one line: what a message says to give.

    >>> write_option("--missing", "-inf")
    "--missing='-inf'"
    >>> write_option("--drop", "it's\n")
    "--drop $'it\\'s\\n'"
    """
    if len(value) > LONGEST_WRITTEN:
        return f"{option} {quoted(value)} once that is shortened, which has {len(value):,} characters"
    if value.isprintable():
        word = shlex.quote(value)
        word = word if word.startswith("'") else f"'{word}'"
    else:
        word = "$'" + "".join(_escaped(character) for character in value) + "'"
    return f"{option}={word}" if value.startswith("-") else f"{option} {word}"


def _escaped(character: str) -> str:
    """Return a character as it stands between ``$'`` and ``'``, the quotes of bash, zsh and POSIX.1-2024."""
    if character in "'\\":
        return "\\" + character
    if character.isprintable():
        return character
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return named.get(character) or "".join(f"\\{byte:03o}" for byte in character.encode())


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C inside. A process that is started inside goes on ignoring it: its parent answers for both."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
