"""What the operations of the OpenAPI document share: headers, refusals, example rows. Pure."""

import csv
import io
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson

from service.codec.columns import Wrong
from service.codec.decode import read_members
from service.codec.problems import PROBLEM_MEDIA_TYPE, Problem
from service.codec.rows import Input
from service.contract.card import Cell, ModelCard
from service.contract.names import FEATURES, RAW, RECORDS
from service.contract.routes import (
    CSV_MEDIA_TYPE,
    JSON_MEDIA_TYPE,
    NPY_MEDIA_TYPE,
    RELEASE_HEADER,
    REQUEST_ID_HEADER,
    TIMING_HEADER,
)
from service.models.release import Release
from service.openapi.schemas import Refusal, answer_schemas, refer

Part = dict[str, Any]
"""A piece of the document."""

SHOWN_ROWS = 2
"""Enough to show that a body holds many rows: one of 230 features takes 4.5 kB."""
EXAMPLE_NAME = "held-out rows"
MOST_SHOWN_FEATURES = 1000
"""A row of more is not written out: of 200 columns it has 20,000 numbers, and the document would be megabytes."""

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

LABELS = "labels"
LABELS_OF_ROWS: Part = {
    "name": LABELS,
    "in": "query",
    "description": "`true` adds each row's class, in JSON and CSV: by the threshold of the card for two classes, the "
    "likeliest of more.",
    "schema": {"type": "boolean"},
}

REFUSALS = {
    HTTPStatus.BAD_REQUEST: "The body can't be read as what its media type says.",
    HTTPStatus.METHOD_NOT_ALLOWED: "The route answers other methods: `Allow` lists them.",
    HTTPStatus.NOT_ACCEPTABLE: f"`Accept` allows no `{JSON_MEDIA_TYPE}`, `{NPY_MEDIA_TYPE}` or `{CSV_MEDIA_TYPE}`.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than one request may be.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is in a media type that the route does not take, or compressed.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The body was read, and its content breaks a rule: `errors` says where. A row "
    "whose answer would overflow is refused too.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The service starts, ends, or has too much to do: `Retry-After` says when to ask "
    "again.",
}
OF_EVERY_ROUTE = (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.SERVICE_UNAVAILABLE)
MORE_HEADERS = {HTTPStatus.METHOD_NOT_ALLOWED: ("Allow",), HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After",)}


def make_components(release: Release, raw: Input) -> Part:
    """Return the document's components: all that ``refer_to`` and ``refer`` refer to."""
    return {
        "schemas": answer_schemas(release),
        "examples": _examples(release.card, raw),
        "headers": {
            name: {"description": text, "required": name not in ON_REQUEST, "schema": schema}
            for name, (text, schema) in HEADERS.items()
        },
        "parameters": {
            name: {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
            for name, text in PARAMETERS.items()
        }
        | ({LABELS: LABELS_OF_ROWS} if release.card.target.classes else {}),
        "responses": {_name(status): _refusal(status, release, raw) for status in REFUSALS},
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


def example_rows(card: ModelCard, raw: Input) -> list[int]:
    """Return the held-out rows that are shown: the first that a request may hold, in the range of training."""

    def oddities(row: int) -> tuple[int, int, int]:
        return refused_cells(card, row, raw), unknown_levels(card, row), out_of_range(card, row)

    return sorted(range(len(card.examples.raw)), key=oddities)[:SHOWN_ROWS]


def shows_features(card: ModelCard) -> bool:
    """Whether rows of features are short enough to be written out as examples."""
    return len(card.feature_names) <= MOST_SHOWN_FEATURES


def refused_cells(card: ModelCard, row: int, raw: Input) -> int:
    """Return how many cells of a held-out row a request may not hold: training saw all, a request is held to less."""
    columns = raw.columns.columns if raw.columns is not None else ()
    pairs = zip(columns, card.examples.raw[row], strict=True)
    return sum(isinstance(column.code(cell), Wrong) for column, cell in pairs)


def out_of_range(card: ModelCard, row: int) -> int:
    """Return how many numbers of a held-out row lie outside the training range of their column."""
    pairs = zip(card.raw_features, card.examples.raw[row], strict=True)
    return sum(
        column.kind == "number" and isinstance(cell, float) and not column.minimum <= cell <= column.maximum
        for column, cell in pairs
    )


def unknown_levels(card: ModelCard, row: int) -> int:
    """Return how many levels of a held-out row training never saw."""
    pairs = zip(card.raw_features, card.examples.raw[row], strict=True)
    return sum(column.kind == "category" and cell is not None and cell not in column.levels for column, cell in pairs)


def _examples(card: ModelCard, raw: Input) -> dict[str, Part]:
    shown = example_rows(card, raw)
    rows = [card.examples.raw[row] for row in shown]
    records: list[dict[str, Cell]] = [dict(zip(raw.names, row, strict=True)) for row in rows]
    bodies: dict[str, object] = {
        RAW: {RAW: rows},
        RECORDS: {RECORDS: records},
        "row": {RAW: rows[:1]},
        "record": {RECORDS: records[:1]},
        "csv": _csv(raw.names, rows),
        "csv-row": _csv(raw.names, rows[:1]),
    }
    if shows_features(card):
        bodies[FEATURES] = {FEATURES: [card.examples.features[row] for row in shown]}
    return {name: {"value": body} for name, body in bodies.items()}


def _csv(names: Sequence[str], rows: list[list[Cell]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(names)
    writer.writerows(rows)
    return stream.getvalue()


def _name(status: HTTPStatus) -> str:
    return status.phrase.replace(" ", "")


def _refusal(status: HTTPStatus, release: Release, raw: Input) -> Part:
    content: Part = {"schema": refer(Refusal)}
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        content["examples"] = {"another kind of value": {"value": _refused_cell(release, raw)}}
    return {
        "description": REFUSALS[status],
        "headers": headers(*MORE_HEADERS.get(status, ())),
        "content": {PROBLEM_MEDIA_TYPE: content},
    }


def _refused_cell(release: Release, raw: Input) -> Any:
    """Return what is answered to a raw row whose first value is of another kind: text for a number, or a number."""
    row = list(release.card.examples.raw[0])
    row[0] = str(row[0]) if release.card.raw_features[0].kind == "number" else 0.5
    try:
        read_members({RAW: [row]}, raw)
    except Problem as problem:
        return orjson.loads(problem.body(release=release.version, request_id=b"0123456789ab-1"))
