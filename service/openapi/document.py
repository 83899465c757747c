"""The OpenAPI document: every route of the service, its limits, media types and statuses, with real rows. Pure."""

from collections.abc import Iterable
from http import HTTPStatus

from pydantic import BaseModel

from service.codec.problems import PROBLEM_MEDIA_TYPE
from service.contract.names import FEATURES
from service.contract.routes import (
    JSON_MEDIA_TYPE,
    MODELS_ROUTE,
    NPY_MEDIA_TYPE,
    Features,
    Predictions,
    RawPredictions,
    examples_route,
)
from service.models.endpoints import Endpoint
from service.models.release import Release
from service.openapi.components import (
    EXAMPLE_NAME,
    PARAMETERS,
    Part,
    example_rows,
    headers,
    make_components,
    out_of_range,
    read_path,
    refer_to,
    refusals,
)
from service.openapi.schemas import (
    BINARY,
    Catalogue,
    HeldOutRows,
    Trace,
    refer,
    rows_schema,
)

DOCS_ROUTE = "/docs.json"

TAGS = {
    "Predict": "From features, or from raw values in their natural units: two routes for each architecture.",
    "Inspect": "What is served, what it was trained on, and what becomes of a row on its way.",
    "Operate": "Health, metrics, and what the clients read.",
}

OF_A_BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)

# An endpoint's label -> its tag, its operation's name, its summary and the model of its answer.
OPERATIONS: dict[str, tuple[str, str, str, type[BaseModel]]] = {
    "predict": ("Predict", "predict_{}", "Predict with '{}' from features", Predictions),
    "predict_raw": ("Predict", "predict_{}_raw", "Predict with '{}' from raw values", RawPredictions),
    "transform": ("Predict", "transform", "Scale raw values and form their products", Features),
    "trace": ("Inspect", "trace_{}", "Follow one row through the layers of '{}'", Trace),
}

# What BentoML answers itself: route -> summary, media type.
BENTOML_ROUTES = {
    "/livez": ("Does the process live?", "text/plain"),
    "/healthz": ("The same as /livez", "text/plain"),
    "/readyz": ("Are predictions answered?", "text/plain"),
    "/metrics": ("Metrics for Prometheus", "text/plain"),
    "/schema.json": ("The service as BentoML's Python client reads it", JSON_MEDIA_TYPE),
    "/": ("This document, to read and to try", "text/html"),
}


def make_openapi(release: Release, endpoints: Iterable[Endpoint], *, max_body_bytes: int) -> Part:
    """Return the OpenAPI 3.1 document of a service that answers ``endpoints`` with ``release``."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "archscale", "version": release.version, "description": _introduction(release)},
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": {
            **{endpoint.route: {"post": _post(endpoint, release, max_body_bytes)} for endpoint in endpoints},
            **_documents(release),
            **{
                route: read_path("Operate", summary, {media_type: {}}, refusals())
                for route, (summary, media_type) in BENTOML_ROUTES.items()
            },
        },
        "components": make_components(release),
    }


def _introduction(release: Release) -> str:
    target, task = release.card.target.name, release.card.task
    return (
        f"Predictions of `{target}` ({task}) by {', '.join(release.architectures)}, release `{release.version}`. "
        "Rows are checked, never repaired: exactly the right width, numbers only, all finite. A request that breaks a "
        f"rule is answered with `{PROBLEM_MEDIA_TYPE}`, which says what is wrong, where, and what to do."
    )


def _post(endpoint: Endpoint, release: Release, max_body_bytes: int) -> Part:
    tag, name, summary, _ = OPERATIONS[endpoint.label]
    return {
        "tags": [tag],
        "operationId": name.format(endpoint.architecture.replace("-", "_")),
        "summary": summary.format(endpoint.architecture),
        "description": _limits(endpoint, max_body_bytes),
        "parameters": [refer_to("parameters", header) for header in PARAMETERS],
        "requestBody": {"required": True, "content": _body(endpoint)},
        "responses": {
            "200": {
                "description": "The answer, in the media type that `Accept` prefers.",
                "headers": headers("Server-Timing"),
                "content": _answer(endpoint, release),
            },
            **refusals(*OF_A_BODY),
        },
    }


def _limits(endpoint: Endpoint, max_body_bytes: int) -> str:
    takes = endpoint.takes
    rows = "One row" if takes.max_rows == 1 else f"1 to {takes.max_rows} rows"
    return (
        f"{rows} of {takes.width} values, each finite as {takes.dtype.__name__}; at most {max_body_bytes} bytes. "
        f"`{NPY_MEDIA_TYPE}` is a file of `numpy.save`: 2-D, little-endian float32 or float64, C or Fortran order."
    )


def _body(endpoint: Endpoint) -> Part:
    example = "row" if endpoint.takes.max_rows == 1 else endpoint.takes.key
    return {
        JSON_MEDIA_TYPE: {
            "schema": rows_schema(endpoint.takes),
            "examples": {EXAMPLE_NAME: refer_to("examples", example)},
        },
        NPY_MEDIA_TYPE: {"schema": BINARY},
    }


def _answer(endpoint: Endpoint, release: Release) -> Part:
    *_, model = OPERATIONS[endpoint.label]
    answer: Part = {"schema": refer(model)}
    if example := _example(endpoint, release):
        answer["examples"] = {EXAMPLE_NAME: {"value": example}}
    return {JSON_MEDIA_TYPE: answer, **({NPY_MEDIA_TYPE: {"schema": BINARY}} if endpoint.binary else {})}


def _example(endpoint: Endpoint, release: Release) -> Part:
    """Return the answer to the example of the endpoint's body, as far as the card knows it."""
    card = release.cards.get(endpoint.architecture, release.card)
    rows = example_rows(card)
    counted = {"out_of_range": sum(out_of_range(card, row) for row in rows)}
    predicted = {
        "predictions": [card.examples.prediction[row] for row in rows],
        "architecture": card.architecture,
        "release": release.version,
    }
    transformed = {FEATURES: [card.examples.features[row] for row in rows], "release": release.version}
    known: dict[str, Part] = {
        "predict": predicted,
        "predict_raw": predicted | counted,
        "transform": transformed | counted,
    }
    return known.get(endpoint.label, {})


def _documents(release: Release) -> Part:
    """Return the routes whose answers never change while the service runs."""
    documents: list[tuple[str, str, str, Part]] = [
        (MODELS_ROUTE, "Inspect", "What is served: every model card without its rows", refer(Catalogue)),
        *(
            (examples_route(name), "Inspect", f"Held-out rows, and what '{name}' predicts", refer(HeldOutRows))
            for name in release.architectures
        ),
        (DOCS_ROUTE, "Operate", "This document", {"type": "object"}),
    ]
    return {
        route: read_path(tag, summary, {JSON_MEDIA_TYPE: {"schema": schema}}, refusals())
        for route, tag, summary, schema in documents
    }
