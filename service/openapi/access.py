"""What the OpenAPI document says of access: the key, the answers to requests without it, and what is switched off."""

import copy
from http import HTTPStatus
from typing import Any

from service.codec.problems import PROBLEM_MEDIA_TYPE
from service.contract.routes import JSON_MEDIA_TYPE, PROBES
from service.openapi.components import Part, headers
from service.openapi.schemas import Refusal, refer
from service.openapi.v2 import TAG, ProtocolError

SCHEME = "key"
REFUSALS = {
    HTTPStatus.UNAUTHORIZED: ("The request carries no key that is known.", "WWW-Authenticate"),
    HTTPStatus.TOO_MANY_REQUESTS: ("The key sends more requests than it may.", "Retry-After"),
}
TYPES: dict[type, str] = {bool: "boolean", int: "integer", str: "string", type(None): "null"}
"""Of JSON Schema."""
CHALLENGE: Part = {"description": "How to authenticate.", "required": True, "schema": {"type": "string"}}


def without(document: Part, hidden: set[str]) -> Part:
    """Return the document without the paths that are switched off."""
    return {**document, "paths": {path: item for path, item in document["paths"].items() if path not in hidden}}


def without_table(document: Part) -> Part:
    """Return the document without what it shows of the training table: rows, the answers to them, and levels."""
    document = copy.deepcopy(document)
    components = document["components"]
    components["examples"] = {}
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    parts = [*components["responses"].values()]
    for operation in operations:
        if isinstance(operation, dict):  # not the parameters of a path
            parts += [operation.get("requestBody", {}), *operation["responses"].values()]
    for content in [content for part in parts for content in part.get("content", {}).values()]:
        content.pop("examples", None)
        if "schema" in content:
            content["schema"] = _without_levels(content["schema"])
    return document


def _without_levels(schema: Any) -> Any:
    """Return a schema that tells of a cell's values their types alone."""
    if isinstance(schema, list):
        return [_without_levels(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("enum"), list):  # a dict is the schema of a column with this name
        return {"type": sorted({TYPES[type(value)] for value in schema["enum"]})}
    return {key: _without_levels(part) for key, part in schema.items()}


def with_keys(document: Part, *, limited: bool) -> Part:
    """Return the document of a service that asks for keys. limited: whether a key has a rate."""
    statuses = [status for status in REFUSALS if limited or status is HTTPStatus.UNAUTHORIZED]
    components = document["components"]
    return {
        **document,
        "security": [{SCHEME: []}],
        "paths": {
            path: {method: _guarded(path, operation, statuses) for method, operation in item.items()}
            for path, item in document["paths"].items()
        },
        "components": {
            **components,
            "headers": {**components["headers"], "WWW-Authenticate": CHALLENGE},
            "securitySchemes": {SCHEME: {"type": "http", "scheme": "bearer"}},
        },
    }


def _guarded(path: str, operation: Any, statuses: list[HTTPStatus]) -> Any:
    if not isinstance(operation, dict):  # parameters of a path
        return operation
    if path in PROBES:
        return {**operation, "security": []}
    refused = {str(status.value): _refusal(status, v2=TAG in operation["tags"]) for status in statuses}
    return {**operation, "responses": {**operation["responses"], **refused}}


def _refusal(status: HTTPStatus, *, v2: bool) -> Part:
    description, header = REFUSALS[status]
    media_type, model = (JSON_MEDIA_TYPE, ProtocolError) if v2 else (PROBLEM_MEDIA_TYPE, Refusal)
    return {"description": description, "headers": headers(header), "content": {media_type: {"schema": refer(model)}}}
