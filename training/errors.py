"""The two ways in which a training run ends without a release, and the exit code of each."""


class TrainingError(Exception):
    """A check failed or the environment refused: one line for the reader, exit code 1."""

    exit_code = 1


class UserError(TrainingError):
    """The user's input is wrong: one line that gives rule, fact and remedy, exit code 2."""

    exit_code = 2


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its name where it has none, as Python's own MemoryError."""
    return str(error).partition("\n")[0] or type(error).__name__
