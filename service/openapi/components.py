"""What the operations of the OpenAPI document share: headers, refusals, example rows. Pure."""

from http import HTTPStatus
from typing import Any

import orjson

from service.codec.problems import PROBLEM_MEDIA_TYPE, Problem
from service.codec.rows import check_rows, raw_input
from service.contract.card import ModelCard
from service.contract.names import FEATURES, RAW
from service.contract.routes import JSON_MEDIA_TYPE, NPY_MEDIA_TYPE, RELEASE_HEADER, REQUEST_ID_HEADER, TIMING_HEADER
from service.models.release import Release
from service.openapi.schemas import Refusal, answer_schemas, refer

Part = dict[str, Any]
"""A piece of the document."""

SHOWN_ROWS = 2
"""Enough to show that a body holds many rows: one of 230 features takes 4.5 kB."""
EXAMPLE_NAME = "held-out rows"

HEADERS: dict[str, tuple[str, Part]] = {
    RELEASE_HEADER: ("The release that made the answer.", {"type": "string"}),
    REQUEST_ID_HEADER: ("The id that the request came with, or a new one. The log names it too.", {"type": "string"}),
    "Allow": ("The methods that this route answers.", {"type": "string"}),
    "Retry-After": ("Seconds to wait before the next try.", {"type": "integer", "minimum": 0}),
    "Server-Timing": ("Milliseconds of parsing, inference and writing, if asked for.", {"type": "string"}),
}
OF_EVERY_ANSWER = (RELEASE_HEADER, REQUEST_ID_HEADER)
ON_REQUEST = ("Server-Timing",)

PARAMETERS = {
    REQUEST_ID_HEADER: "An id to find this request by. One is made where none is sent.",
    TIMING_HEADER: "With any value, the answer tells the time of each stage in `Server-Timing`.",
}

REFUSALS = {
    HTTPStatus.BAD_REQUEST: "The body can't be read as what its media type says.",
    HTTPStatus.METHOD_NOT_ALLOWED: "The route answers other methods: `Allow` lists them.",
    HTTPStatus.NOT_ACCEPTABLE: f"`Accept` allows neither `{JSON_MEDIA_TYPE}` nor `{NPY_MEDIA_TYPE}`.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than one request may be.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: f"The body is neither `{JSON_MEDIA_TYPE}` in UTF-8 nor `{NPY_MEDIA_TYPE}`, or "
    "it is compressed.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The body was read, and its content breaks a rule: `errors` says where. A row "
    "whose answer would overflow is refused too.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The service starts, ends, or has too much to do: `Retry-After` says when to ask "
    "again.",
}
OF_EVERY_ROUTE = (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.SERVICE_UNAVAILABLE)
MORE_HEADERS = {HTTPStatus.METHOD_NOT_ALLOWED: ("Allow",), HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After",)}


def make_components(release: Release) -> Part:
    """Return the document's components: all that ``refer_to`` and ``refer`` refer to."""
    return {
        "schemas": answer_schemas(release),
        "examples": _examples(release.card),
        "headers": {
            name: {"description": text, "required": name not in ON_REQUEST, "schema": schema}
            for name, (text, schema) in HEADERS.items()
        },
        "parameters": {
            name: {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
            for name, text in PARAMETERS.items()
        },
        "responses": {_name(status): _refusal(status, release) for status in REFUSALS},
    }


def refer_to(kind: str, name: str) -> Part:
    """Refer to a component of a kind other than a schema."""
    return {"$ref": f"#/components/{kind}/{name}"}


def headers(*more: str) -> Part:
    """Response headers: those of every answer, and ``more``."""
    return {name: refer_to("headers", name) for name in (*OF_EVERY_ANSWER, *more)}


def refusals(*statuses: HTTPStatus) -> Part:
    """Responses of an operation that may refuse with ``statuses``, and with those that every route knows."""
    return {str(status.value): refer_to("responses", _name(status)) for status in sorted({*statuses, *OF_EVERY_ROUTE})}


def read_path(tag: str, summary: str, content: Part, refused: Part) -> Part:
    """Return a path that is answered to GET and, without the body, to HEAD. refused: its other responses."""
    operation: Part = {"tags": [tag], "summary": summary, "parameters": [refer_to("parameters", REQUEST_ID_HEADER)]}
    answer = {"description": "The answer.", "headers": headers()}
    return {
        "get": operation | {"responses": {"200": answer | {"content": content}, **refused}},
        "head": operation | {"responses": {"200": answer, **refused}},
    }


def example_rows(card: ModelCard) -> list[int]:
    """Return the held-out rows that are shown: the first with every value in the range of training, if there are."""
    return sorted(range(len(card.examples.raw)), key=lambda row: out_of_range(card, row))[:SHOWN_ROWS]


def out_of_range(card: ModelCard, row: int) -> int:
    """Return how many raw values of a held-out row lie outside the training range of their column."""
    pairs = zip(card.raw_features, card.examples.raw[row], strict=True)
    return sum(not column.minimum <= value <= column.maximum for column, value in pairs)


def _examples(card: ModelCard) -> dict[str, Part]:
    rows = {RAW: card.examples.raw, FEATURES: card.examples.features}
    bodies = {key: {key: [values[row] for row in example_rows(card)]} for key, values in rows.items()}
    bodies["row"] = {RAW: bodies[RAW][RAW][:1]}
    return {name: {"value": body} for name, body in bodies.items()}


def _name(status: HTTPStatus) -> str:
    return status.phrase.replace(" ", "")


def _refusal(status: HTTPStatus, release: Release) -> Part:
    content: Part = {"schema": refer(Refusal)}
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        content["examples"] = {"text for a number": {"value": _refused_text(release)}}
    return {
        "description": REFUSALS[status],
        "headers": headers(*MORE_HEADERS.get(status, ())),
        "content": {PROBLEM_MEDIA_TYPE: content},
    }


def _refused_text(release: Release) -> Any:
    """Return what is answered to a raw row whose first value is text."""
    takes = raw_input([column.name for column in release.card.raw_features], max_rows=1)
    (row,) = release.card.examples.raw[:1]
    try:
        check_rows([[str(row[0]), *row[1:]]], takes)
    except Problem as problem:
        return orjson.loads(problem.body(release=release.version, request_id=b"0123456789ab-1"))
