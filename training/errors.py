"""The two ways in which a training run ends without a release, and the exit code of each."""


class TrainingError(Exception):
    """A check failed or the environment refused: one line for the reader, exit code 1."""

    exit_code = 1


class UserError(TrainingError):
    """The user's input is wrong: one line that gives rule, fact and remedy, exit code 2."""

    exit_code = 2
