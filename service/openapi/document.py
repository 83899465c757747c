"""The OpenAPI document: every route of the service, its limits, media types and statuses, with real rows. Pure."""

from collections.abc import Iterable
from http import HTTPStatus

from pydantic import BaseModel

from service.codec.problems import PROBLEM_MEDIA_TYPE
from service.codec.rows import Input
from service.contract.names import FEATURES, RAW, RECORDS
from service.contract.routes import (
    CSV_MEDIA_TYPE,
    JSON_MEDIA_TYPE,
    MODELS_ROUTE,
    NPY_MEDIA_TYPE,
    Features,
    examples_route,
)
from service.models.endpoints import Endpoint
from service.models.release import Release
from service.openapi.components import (
    EXAMPLE_NAME,
    LABELS,
    MOST_SHOWN_FEATURES,
    PARAMETERS,
    Part,
    example_rows,
    headers,
    make_components,
    out_of_range,
    read_path,
    refer_to,
    refusals,
    shows_features,
    unknown_levels,
)
from service.openapi.schemas import (
    BINARY,
    Catalogue,
    HeldOutRows,
    Trace,
    predictions_of,
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

# An endpoint's label -> its tag, its operation's name and its summary.
OPERATIONS: dict[str, tuple[str, str, str]] = {
    "predict": ("Predict", "predict_{}", "Predict with '{}' from features"),
    "predict_raw": ("Predict", "predict_{}_raw", "Predict with '{}' from raw values"),
    "transform": ("Predict", "transform", "Scale raw values and form their products"),
    "trace": ("Inspect", "trace_{}", "Follow one row through the layers of '{}'"),
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
    endpoints = list(endpoints)
    raw = next(endpoint.takes for endpoint in endpoints if endpoint.takes.key == RAW)
    return {
        "openapi": "3.1.0",
        "info": {"title": "archscale", "version": release.version, "description": _introduction(release, raw)},
        "servers": [{"url": "."}],  # relative to this document: behind a prefix, too
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": {
            **{endpoint.route: {"post": _post(endpoint, release, raw, max_body_bytes)} for endpoint in endpoints},
            **_documents(release),
            **{
                route: read_path("Operate", summary, {media_type: {}}, refusals())
                for route, (summary, media_type) in BENTOML_ROUTES.items()
            },
        },
        "components": make_components(release, raw),
    }


def _introduction(release: Release, raw: Input) -> str:
    values = "numbers only" if raw.columns is None or raw.columns.plain else "only what each column holds"
    target, task = release.card.target.name, release.card.task
    return (
        f"Predictions of `{target}` ({task}) by {', '.join(release.architectures)}, release `{release.version}`. "
        f"Rows are checked, never repaired: exactly the right width, {values}, all finite. A request that breaks a "
        f"rule is answered with `{PROBLEM_MEDIA_TYPE}`, which says what is wrong, where, and what to do."
    )


def _post(endpoint: Endpoint, release: Release, raw: Input, max_body_bytes: int) -> Part:
    tag, name, summary = OPERATIONS[endpoint.label]
    parameters = [*PARAMETERS, LABELS] if endpoint.labels is not None else PARAMETERS
    return {
        "tags": [tag],
        "operationId": name.format(endpoint.architecture.replace("-", "_")),
        "summary": summary.format(endpoint.architecture),
        "description": _limits(endpoint, max_body_bytes),
        "parameters": [refer_to("parameters", header) for header in parameters],
        "requestBody": {"required": True, "content": _body(endpoint)},
        "responses": {
            "200": {
                "description": "The answer, in the media type that `Accept` prefers.",
                "headers": headers("Server-Timing"),
                "content": _answer(endpoint, release, raw),
            },
            **refusals(*OF_A_BODY),
        },
    }


def _limits(endpoint: Endpoint, max_body_bytes: int) -> str:
    takes = endpoint.takes
    rows = "One row" if takes.max_rows == 1 else f"1 to {takes.max_rows} rows"
    values = f"{takes.width} values, each finite as {takes.dtype.__name__}"
    if takes.cells is not None:
        values = f"{takes.width} values, numbers finite as {takes.dtype.__name__}"
    by_name = "" if takes.columns is None else f" `{CSV_MEDIA_TYPE}` has a header with the columns' names in any order."
    return (
        f"{rows} of {values}; at most {max_body_bytes} bytes. "
        f"`{NPY_MEDIA_TYPE}` is a file of `numpy.save`: 2-D, little-endian float32 or float64, C or Fortran order."
        + by_name
    )


def _body(endpoint: Endpoint) -> Part:
    """Return the media types of an endpoint's body, with examples."""
    takes = endpoint.takes
    one_row = takes.max_rows == 1
    names = {EXAMPLE_NAME: "row" if one_row else takes.key}
    if takes.columns is not None:
        names[f"{EXAMPLE_NAME}, by name"] = "record" if one_row else RECORDS
    examples = {name: refer_to("examples", example) for name, example in names.items()}
    content: Part = {JSON_MEDIA_TYPE: {"schema": rows_schema(takes)}}
    if takes.columns is not None or takes.width <= MOST_SHOWN_FEATURES:
        content[JSON_MEDIA_TYPE]["examples"] = examples
    if takes.cells is None or not takes.cells.texts:
        content[NPY_MEDIA_TYPE] = {"schema": BINARY}
    if takes.columns is not None:
        example = {EXAMPLE_NAME: refer_to("examples", "csv-row" if one_row else "csv")}
        content[CSV_MEDIA_TYPE] = {"schema": {"type": "string"}, "examples": example}
    return content


def _answer(endpoint: Endpoint, release: Release, raw: Input) -> Part:
    of_features, of_raw = predictions_of(release)
    models: dict[str, type[BaseModel]] = {
        "predict": of_features,
        "predict_raw": of_raw,
        "transform": Features,
        "trace": Trace,
    }
    answer: Part = {"schema": refer(models[endpoint.label])}
    if example := _example(endpoint, release, raw):
        answer["examples"] = {EXAMPLE_NAME: {"value": example}}
    more = {NPY_MEDIA_TYPE: {"schema": BINARY}, CSV_MEDIA_TYPE: {"schema": {"type": "string"}}}
    return {JSON_MEDIA_TYPE: answer, **(more if endpoint.binary else {})}


def _example(endpoint: Endpoint, release: Release, raw: Input) -> Part:
    """Return the answer to the example of the endpoint's body, as far as the card knows it."""
    card = release.cards.get(endpoint.architecture, release.card)
    rows = example_rows(card, raw)
    counted = {"out_of_range": sum(out_of_range(card, row) for row in rows)}
    if raw.cells is not None and raw.cells.texts:
        counted["unknown_categories"] = sum(unknown_levels(card, row) for row in rows)
    predicted = {
        "predictions": [card.examples.prediction[row] for row in rows],
        **({"classes": card.target.classes} if card.target.outputs > 1 else {}),
        "architecture": card.architecture,
        "release": release.version,
    }
    known: dict[str, Part] = {"predict": predicted, "predict_raw": predicted | counted}
    if shows_features(card):
        transformed = {FEATURES: [card.examples.features[row] for row in rows], "release": release.version}
        known["transform"] = transformed | counted
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
