"""A request as it came and the answer to it, whatever carries them: the protocol, or ASGI."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from service.codec.problems import Problem, malformed
from service.contract.routes import DEADLINE_HEADER

Headers = dict[bytes, bytes]
"""Names in lower case; of a name that is sent twice the last value, unless it is one of ``LISTS``."""
Fields = Sequence[tuple[bytes, bytes]]
LISTS = (b"accept", b"content-encoding")
"""Headers that are read as lists: their lines are one (RFC 9110, 5.3)."""
DEADLINE_KEY = DEADLINE_HEADER.lower().encode()
MOST_DIGITS = 9
READING = ("GET", "HEAD")
OK = HTTPStatus.OK.value
"""An enumeration's member and its value take 0.3 us to look up (Python 3.11)."""
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
"""In every answer: no browser takes one for something that its media type does not say."""


@dataclass(slots=True)
class Request:
    """A request, whole. path: decoded, without the query; arrived: ``time.perf_counter`` at its last byte."""

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes
    request_id: bytes
    arrived: float
    patience: float = math.inf
    """Seconds that it may wait until it is begun."""


class Answer(NamedTuple):
    """An answer, whole. headers: beside its type, its length, the release and the request's id."""

    status: int
    body: bytes
    media_type: str
    request_id: bytes
    headers: Fields = ()


def join_lists(headers: Headers, fields: Fields) -> None:
    """Give ``headers`` all that ``fields``, of which they were made, say in several lines of one list."""
    for name in LISTS:
        if name in headers:
            headers[name] = b", ".join([value for key, value in fields if key == name])


def wrong_method(method: str, allowed: Iterable[str]) -> Problem:
    """405: the route answers other methods."""
    return Problem(
        HTTPStatus.METHOD_NOT_ALLOWED,
        f"the method must be {' or '.join(allowed)}, however: {method[:20]!r}.",
        rule="method",
        headers={"Allow": ", ".join(allowed)},
    )


def too_large(limit: int) -> Problem:
    """413: the body passes the limit, in bytes."""
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"a body must hold at most {limit} bytes, however: this one holds more. "
        "Split the request, send it as .npy, or raise ARCHSCALE_MAX_BODY_BYTES.",
        rule="body-size",
        # What is still on its way would be read as the next request.
        headers={"Connection": "close"},
    )


def overloaded(seconds: float) -> Problem:
    """503: there is more to do than time for it. seconds: until what waits is done."""
    return _come_back(
        f"a request must be begun before its deadline, however: {seconds:.2f} s of work wait before it. "
        "Ask again later, or less often, or raise ARCHSCALE_DEADLINE_MS.",
        rule="deadline",
        seconds=seconds,
    )


def crowded(most: int) -> Problem:
    """503: the bodies that arrive and wait take all the memory that they may, in bytes."""
    return _come_back(
        f"at most {most} bytes of bodies may arrive and wait, however: with this one there are more. "
        "Ask again later, less often, with fewer rows at once, or raise ARCHSCALE_MAX_WAITING_BYTES.",
        rule="room",
    )


def too_many_connections(setting: str, most: int) -> Problem:
    """503: so many are open already."""
    return _come_back(
        f"at most {most} connections may be open, however: this is one more. "
        f"Keep connections open and use them again, or raise {setting}.",
        rule="connections",
    )


def _come_back(detail: str, *, rule: str, seconds: float = 0.0) -> Problem:
    """503 that says when to ask again: after so many seconds, at least one."""
    headers = {"Retry-After": str(max(1, math.ceil(seconds)))}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, rule=rule, headers=headers)


def is_deadline(given: bytes) -> bool:
    """Whether a deadline is whole milliseconds."""
    return given.isdigit() and len(given) <= MOST_DIGITS


def check_deadline(given: bytes) -> None:
    """Raise Problem 400 for a deadline that is none."""
    if not is_deadline(given):
        raise malformed(
            f"{DEADLINE_HEADER} must be whole milliseconds, however: {given[:20].decode('latin-1')!r}. "
            "Send digits, or leave it out.",
            rule="deadline",
        )


def failure() -> Problem:
    """500: the service failed, and its log says how."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "a request must be answered, however: the service failed. Try again; its log names this request's id.",
        rule="internal",
    )
