"""One request to an endpoint, from its head and body to rows, and from predictions to the bytes of the answer."""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl

import numpy as np

from service.answers.messages import Headers
from service.codec.decode import decode_csv, decode_json, decode_npy
from service.codec.encode import encode_csv, encode_json, encode_npy, negotiate
from service.codec.problems import Problem, malformed
from service.codec.rows import Input, Rows
from service.contract.routes import CSV_MEDIA_TYPE, JSON_MEDIA_TYPE, NPY_MEDIA_TYPE
from service.models.endpoints import PREDICTING, Endpoint
from service.models.inference import Array
from service.models.ranges import Ranges

Decoder = Callable[[bytes, Input], Rows]
OUT_OF_RANGE_MEMBER = "out_of_range"
UNKNOWN_MEMBER = "unknown_categories"
LABELS_MEMBER = "labels"
LABELS_PARAMETER = "labels"
CSV_IN_UTF8 = f"{CSV_MEDIA_TYPE}; charset=utf-8"


class Asked(NamedTuple):
    """What a request that broke no rule asks for."""

    rows: Rows
    out_of_range: int
    """Raw values outside the range of their column in training."""
    unknown_categories: int
    """Levels of categories that training never saw."""
    media_type: str
    """Of the answer."""
    labelled: bool
    """Whether the names of the classes are wanted."""


DECODERS: dict[bytes, Decoder] = {
    JSON_MEDIA_TYPE.encode(): decode_json,
    NPY_MEDIA_TYPE.encode(): decode_npy,
    CSV_MEDIA_TYPE.encode(): decode_csv,
}


def exchange(endpoint: Endpoint, headers: Headers, body: bytes, query: bytes) -> tuple[bytes, str]:
    """Answer a request: the body of the answer and its media type. Raises Problem if it breaks a rule."""
    asked = read_request(endpoint, headers, body, query)
    return write_answer(endpoint, asked, endpoint.run(asked.rows))


def read_request(endpoint: Endpoint, headers: Headers, body: bytes, query: bytes) -> Asked:
    """Read what is asked. Raises Problem if it breaks a rule."""
    decode, media_type = _agree(headers.get(b"content-type"), headers.get(b"content-encoding"), headers.get(b"accept"))
    labelled = bool(query) and _wants_labels(query, endpoint, media_type)
    rows, outside, unknown = endpoint.screen(decode(body, endpoint.takes))
    return Asked(rows, outside, unknown, media_type, labelled)


def write_answer(endpoint: Endpoint, asked: Asked, values: Array) -> tuple[bytes, str]:
    """values: what the endpoint computed for the rows -> the body of the answer and its media type."""
    labels = endpoint.labels(values) if asked.labelled and endpoint.labels is not None else None
    if asked.media_type == JSON_MEDIA_TYPE or not endpoint.binary:
        members = _describe(endpoint, asked.rows, values, asked.out_of_range, asked.unknown_categories)
        if labels is not None:
            members[LABELS_MEMBER] = labels
        return encode_json(members), JSON_MEDIA_TYPE
    if asked.media_type == NPY_MEDIA_TYPE:
        return encode_npy(values), NPY_MEDIA_TYPE
    return encode_csv(values, endpoint.headings, labels), CSV_IN_UTF8


def _wants_labels(query: bytes, endpoint: Endpoint, media_type: str) -> bool:
    """Whether the names of the classes are asked for. Raises Problem 400 where there are none, or no place for them."""
    if endpoint.label not in PREDICTING:
        return False
    given = [value for name, value in parse_qsl(_text(query), keep_blank_values=True) if name == LABELS_PARAMETER]
    if not given or given == ["false"]:
        return False
    if given != ["true"]:
        fact = repr(given[0][:20]) if len(given) == 1 else f"it is given {len(given)} times"
        raise malformed(f"'{LABELS_PARAMETER}' must be true or false, however: {fact}.", rule="labels")
    if endpoint.labels is None:
        raise malformed(
            f"'{LABELS_PARAMETER}' must be asked of a classification, however: this release predicts a number. "
            "Leave it out.",
            rule="labels",
        )
    if media_type == NPY_MEDIA_TYPE:
        raise malformed(
            f"'{LABELS_PARAMETER}' must be asked for in {JSON_MEDIA_TYPE} or {CSV_MEDIA_TYPE}, however: Accept prefers "
            f"{NPY_MEDIA_TYPE}, which holds numbers alone.",
            rule="labels",
        )
    return True


@functools.lru_cache(maxsize=256)
def _agree(content_type: bytes | None, content_encoding: bytes | None, accept: bytes | None) -> tuple[Decoder, str]:
    """Choose how to read the body and in which media type to answer. Raises Problem 415 or 406."""
    return _decoder(content_type, content_encoding), negotiate(None if accept is None else _text(accept))


def _decoder(content_type: bytes | None, content_encoding: bytes | None) -> Decoder:
    """Choose how to read the body; raise Problem 415 for a media type or an encoding that is not of the contract."""
    check_encoding(content_encoding)
    if content_type is None:
        return decode_json
    media_type, *parameters = (part.strip().lower() for part in content_type.split(b";"))
    decoder = DECODERS.get(media_type)
    charsets = {part.replace(b'"', b"") for part in parameters if part.startswith(b"charset=")}
    if decoder is None or charsets - {b"charset=utf-8", b"charset=utf8"}:
        raise _unsupported(
            f"Content-Type must be {JSON_MEDIA_TYPE} (in UTF-8), {NPY_MEDIA_TYPE} or, for raw values, "
            f"{CSV_MEDIA_TYPE} (in UTF-8), however: {_text(content_type)[:100]!r}."
        )
    return decoder


def check_encoding(content_encoding: bytes | None) -> None:
    """Raise Problem 415 for a body that is compressed."""
    if content_encoding is not None and content_encoding.lower() not in (b"", b"identity"):
        raise _unsupported(
            f"Content-Encoding must be absent, however: {_text(content_encoding)[:100]!r}. Send the body as it is."
        )


def _unsupported(detail: str) -> Problem:
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, rule="media-type")


def _text(value: bytes) -> str:
    return value.decode("latin-1")


def _describe(endpoint: Endpoint, rows: Rows, values: Array, outside: int, unknown: int) -> dict[str, object]:
    members = endpoint.describe(rows, values)
    add_counts(members, endpoint.ranges, outside, unknown)
    return members


def add_counts(members: dict[str, object], ranges: Ranges | None, outside: int, unknown: int) -> None:
    """Add what an answer says of raw values: how many lay outside, and how many levels are unknown if there are any."""
    if ranges is not None:
        members[OUT_OF_RANGE_MEMBER] = outside
        if ranges.know_levels:
            members[UNKNOWN_MEMBER] = unknown


def answer_rows(endpoint: Endpoint, rows: Rows) -> dict[str, object]:
    """rows: checked ones -> members of the JSON answer, its arrays as lists. Raises Problem."""
    rows, outside, unknown = endpoint.screen(rows)
    members = _describe(endpoint, rows, endpoint.run(rows), outside, unknown)
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in members.items()}
