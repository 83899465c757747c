"""All routes of one release."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from service.answers.metrics import Meter
from service.answers.protocol_v2 import make_v2_routes
from service.answers.routes import DocumentRoute, EndpointRoute, Route
from service.contract.routes import METRICS_ROUTE, MODELS_ROUTE, examples_route
from service.models.endpoints import Endpoint, make_endpoints
from service.models.inference import Models
from service.openapi.access import with_keys, without, without_table
from service.openapi.document import DOCS_ROUTE, make_openapi
from service.openapi.page import HTML_MEDIA_TYPE, PAGE, PAGE_HEADERS, PAGE_ROUTE
from service.openapi.v2 import with_v2
from service.settings import ServiceSettings


@dataclass(frozen=True)
class Routing:
    """Routes by path, what answers at all others below ``/v2``, and the release."""

    routes: dict[str, Route]
    unknown_v2: Route
    release: str


def make_routing(models: Models, settings: ServiceSettings) -> Routing:
    """Return the routes of the contract."""
    release = models.release.version
    endpoints = make_endpoints(
        models,
        max_rows=settings.max_rows,
        out_of_range=settings.out_of_range,
        unknown_category=settings.unknown_category,
    )
    documents = _make_documents(models, endpoints, settings)
    routing = route_endpoints(endpoints, release, documents)
    if settings.show_documents:
        routing.routes[PAGE_ROUTE] = DocumentRoute(PAGE, release, HTML_MEDIA_TYPE, PAGE_HEADERS)
    return routing


def route_endpoints(
    endpoints: Iterable[Endpoint], release: str, documents: dict[str, bytes], make_meter: type[Meter] = Meter
) -> Routing:
    """Return the routes of endpoints, their own and those of the Open Inference Protocol, and of documents."""
    routes, unknown_v2 = make_v2_routes(endpoints, release, make_meter)
    for endpoint in endpoints:
        meter = make_meter(endpoint.architecture, endpoint.label, release)
        routes[endpoint.route] = EndpointRoute(endpoint, meter, release)
    routes |= {path: DocumentRoute(document, release) for path, document in documents.items()}
    return Routing(routes, unknown_v2, release)


def _make_documents(models: Models, endpoints: list[Endpoint], settings: ServiceSettings) -> dict[str, bytes]:
    """Every GET route of the contract with its answer, which never changes while the worker lives."""
    release = models.release
    cards = {name: card.model_dump(exclude={"examples"}, exclude_none=True) for name, card in release.cards.items()}
    documents = {MODELS_ROUTE: orjson.dumps({"release": release.version, "models": cards})}
    for name, card in release.cards.items():
        members = {"release": release.version, **card.examples.model_dump()}
        documents[examples_route(name)] = orjson.dumps(members)
    hidden: set[str] = set() if settings.show_models else set(documents)
    hidden |= set() if settings.show_metrics else {METRICS_ROUTE}
    documents = {path: document for path, document in documents.items() if path not in hidden}
    if settings.show_documents:
        openapi = make_openapi(release, endpoints, max_body_bytes=settings.max_body_bytes)
        openapi = without(with_v2(openapi, release, endpoints[0].takes), hidden)
        if not settings.show_models:
            openapi = without_table(openapi)
        if settings.keys_file is not None:
            openapi = with_keys(openapi, limited=settings.rate_limit is not None)
        documents[DOCS_ROUTE] = orjson.dumps(openapi)
    return documents
