"""What can go wrong in a load test, by whose doing: it decides the exit code. The message is one line."""


class InputError(Exception):
    """The user's input is wrong (exit code 2): the message says the rule, the fact, and what to do."""


class MeasurementError(Exception):
    """A result can't be had or is invalid (exit code 1): the message says why."""
