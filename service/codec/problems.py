"""Problem: a request that breaks a rule, said so that its sender can mend it (RFC 9457)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import orjson

PROBLEM_MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:archscale:problem:"
MOST_FAULTS = 20
"""Faults that one answer lists: enough to see a pattern."""
SHOWN_CHARACTERS = 100


@dataclass(frozen=True)
class Fault:
    """A row, or a value in it, that breaks a rule. row, column: counted from 0; name: of the column."""

    rule: str
    row: int
    column: int | None = None
    name: str | None = None
    value: object = None
    """As it was sent; what JSON has no number for is written out, and a list or an object is left out."""
    fact: str = ""
    """What is wrong with it, in words that follow ``place``."""
    levels: tuple[str, ...] = ()
    """Of a category: what it may be, or the first of that."""

    @property
    def place(self) -> str:
        """Where it is, in words."""
        if self.column is None:
            return f"row {self.row}"
        return f"row {self.row}, column {self.column}" + (f" ({self.name!r})" if self.name else "")

    def members(self) -> dict[str, object]:
        """Return what an answer says of it."""
        members = {"row": self.row, "column": self.column, "name": self.name, "rule": self.rule}
        known: dict[str, object] = {name: value for name, value in members.items() if value is not None}
        if self.column is not None and not isinstance(self.value, list | dict):
            known["value"] = _shown(self.value)
        if self.levels:
            known["levels"] = [_shown(level) for level in self.levels]
        return known


def _shown(value: object) -> object:
    if isinstance(value, str):
        return value[:SHOWN_CHARACTERS]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


class Problem(Exception):  # noqa: N818  (an answer to the client, not a fault of this program)
    """A refusal: the HTTP status, the sentence, the rule, and the first of the rows and values that break it."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        rule: str,
        faults: Sequence[Fault] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.rule = rule
        self.faults = faults
        self.headers = headers or {}

    @property
    def fields(self) -> tuple[tuple[bytes, bytes], ...]:
        """Its headers as they stand in a message: names in lower case."""
        return tuple((name.lower().encode(), value.encode()) for name, value in self.headers.items())

    def body(self, *, release: str, request_id: bytes) -> bytes:
        """Return the problem document. Its member ``error`` is the one that BentoML's client shows."""
        members: dict[str, object] = {
            "type": TYPE_PREFIX + self.rule,
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "error": self.detail,
            "rule": self.rule,
            "release": release,
            "request_id": request_id.decode(),
        }
        if self.faults:
            members["errors"] = [fault.members() for fault in self.faults]
        return orjson.dumps(members)


def malformed(detail: str, *, rule: str) -> Problem:
    """400: the body can't be read as what its media type says."""
    return Problem(HTTPStatus.BAD_REQUEST, detail, rule=rule)


def unprocessable(detail: str, *, rule: str, faults: Sequence[Fault] = ()) -> Problem:
    """422: the body was read, and its content breaks a rule of the contract."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, rule=rule, faults=faults)


def kind_of(value: object) -> str:
    """Name a JSON value's kind for an error message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return f"text ({value[:20]!r})"
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return str(orjson.dumps(value), "ascii")
