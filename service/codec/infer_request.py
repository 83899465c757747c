"""An inference request of the Open Inference Protocol: its parts and their rules. Pure."""

import functools
from typing import Any, NamedTuple

from service.codec.problems import Problem, kind_of, unprocessable
from service.codec.rows import Input, Rows
from service.codec.tensors import (
    PLACE,
    Members,
    arrange,
    check_tensor,
    parameters_of,
    read_json,
    read_rows,
    split_body,
    take_numbers,
)
from service.contract.names import PREDICTION

BINARY_OUTPUT = "binary_data_output"
UNSERVED = ("classification", "shared_memory_region")
"""Parameters of an output that change what comes back: who asks for them must not be answered as if they had not."""
REQUEST_MEMBERS = {"id", "parameters", "inputs", "outputs", "model_name", "model_version"}
"""The last two stand in Triton's own examples; the route says the same."""
INPUT_MEMBERS = {"name", "shape", "datatype", "parameters", "data"}
REMEMBERED, LONGEST_REMEMBERED = 256, 1024
"""A client sends the same JSON around its numbers again and again: so many are read once, of at most so many bytes."""


class Envelope(NamedTuple):
    """A request without its numbers: its one input, the rows of that, what the answer repeats, and its form."""

    tensor: Members
    rows: int
    echo: Members
    binary: bool


class Inference(NamedTuple):
    """What is asked: rows (n, width), the members that the answer repeats, and whether its output is binary."""

    rows: Rows
    echo: Members
    binary: bool


class Reader:
    """Reads the requests of one model, and remembers what stood around their numbers."""

    def __init__(self, expected: Input) -> None:
        self._expected = expected
        self._remember = functools.lru_cache(maxsize=REMEMBERED)(self._read_envelope)

    def read(self, body: bytes, header_length: bytes | None) -> Inference:
        """Read a whole body. Raises Problem 400 or 422.

        header_length: value of ``Inference-Header-Content-Length``, where it was sent.
        """
        head, behind = split_body(body, header_length)
        quick = None if behind else self._read_quickly(head)
        if quick is not None:
            return quick
        envelope = self._open(head)
        rows = read_rows(envelope.tensor, envelope.rows, behind, self._expected)
        return Inference(rows, envelope.echo, envelope.binary)

    def _read_quickly(self, head: bytes) -> Inference | None:
        """Read a request whose numbers stand in its JSON and are easily told from the rest; None if they do not."""
        taken = take_numbers(head, self._expected)
        if taken is None:
            return None
        try:
            envelope = self._open(taken[0])
        except Problem:  # told by who reads the whole
            return None
        if envelope.tensor.get("data") != PLACE:
            return None
        return Inference(arrange(taken[1], envelope.rows, self._expected), envelope.echo, envelope.binary)

    def _open(self, head: bytes) -> Envelope:
        """Read the JSON around the numbers. Raises Problem 400 or 422."""
        return self._remember(head) if len(head) <= LONGEST_REMEMBERED else self._read_envelope(head)

    def _read_envelope(self, head: bytes) -> Envelope:
        members = read_json(head)
        echo, binary = read_frame(members)
        tensor = _only(members.get("inputs"), "inputs", self._expected.key)
        check_members(tensor, INPUT_MEMBERS, "the input")
        return Envelope(tensor, check_tensor(tensor, self._expected), echo, binary)


def read_frame(members: Members) -> tuple[Members, bool]:
    """Return what the answer repeats, and whether its output is binary. Raises Problem 422."""
    check_members(members, REQUEST_MEMBERS, "the request")
    parameters = parameters_of(members, "the request")
    binary = _wants_binary(members.get("outputs"), default=_flag(parameters, BINARY_OUTPUT, default=False))
    return _read_echo(members, parameters), binary


def _only(tensors: object, member: str, name: str) -> Members:
    """Return the one tensor of 'inputs' or 'outputs'. Raises Problem 422."""
    if not isinstance(tensors, list) or len(tensors) != 1:
        raise unprocessable(
            f"'{member}' must be a list of one tensor, '{name}', however: {kind_of(tensors)}.", rule=member
        )
    tensor = tensors[0]
    if not isinstance(tensor, dict) or tensor.get("name") != name:
        found = tensor.get("name") if isinstance(tensor, dict) else tensor
        raise unprocessable(
            f"the tensor of '{member}' must be an object with the name '{name}', however: {kind_of(found)}.",
            rule=member,
        )
    return tensor


def _read_echo(members: Members, parameters: Members) -> Members:
    """Return what the answer repeats: the id, and those parameters that are text, numbers or booleans."""
    echo: Members = {}
    if (identifier := members.get("id")) is not None:
        if not isinstance(identifier, str):
            raise unprocessable(f"'id' must be text, however: {kind_of(identifier)}.", rule="id")
        echo["id"] = identifier
    kept = {key: value for key, value in parameters.items() if isinstance(value, str | int | float)}
    kept.pop(BINARY_OUTPUT, None)
    if kept:
        echo["parameters"] = kept
    return echo


def _wants_binary(outputs: Any, *, default: bool) -> bool:
    """Whether the output comes back as binary. outputs: null or none is all, which is one."""
    if outputs is None or outputs == []:
        return default
    parameters = parameters_of(_only(outputs, "outputs", PREDICTION), "the output")
    if unserved := next((key for key in UNSERVED if parameters.get(key) is not None), None):
        raise unprocessable(
            f"output '{PREDICTION}' is had as its numbers alone, however: the parameter '{unserved}' is given. "
            "Leave it out.",
            rule="outputs",
        )
    return _flag(parameters, "binary_data", default=default)


def _flag(parameters: Members, name: str, *, default: bool) -> bool:
    value = parameters.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise unprocessable(
            f"the parameter '{name}' must be true or false, however: {kind_of(value)}.", rule="parameters"
        )
    return value


def check_members(members: Members, known: set[str], whose: str) -> None:
    """Raise Problem 422 if there are members beside ``known``."""
    if not known.issuperset(members):
        raise unprocessable(
            f"the members of {whose} must be among {', '.join(sorted(known))}, however: "
            f"{min(members.keys() - known)[:100]!r}.",
            rule="members",
        )
