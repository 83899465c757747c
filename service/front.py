"""The ASGI application in front of BentoML's own: the only file that touches request and response messages.

It answers the routes of the contract, bytes to bytes, and lets through to BentoML what BentoML has a route
for. Anything else ends here with 404 or 405: BentoML labels its metrics by path, without bound (1.4.39).
"""

from collections.abc import Iterable
from http import HTTPStatus

import orjson
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from service.contract import JSON_MEDIA_TYPE, MODELS_ROUTE, RELEASE_HEADER, examples_route
from service.endpoints import make_endpoints
from service.exchange import ClientGoneError, Stages, exchange
from service.inference import Models
from service.metrics import STAGES, Meter
from service.openapi import DOCS_ROUTE, make_openapi
from service.problems import Problem
from service.tracing import traced

READING = ("GET", "HEAD")
TIMING_HEADER = b"x-archscale-timing"
"""Whoever sends it, with any value, is answered with the stages' times in ``Server-Timing``."""


class Front:
    """Routes, media types, limits and messages. One instance for each worker."""

    def __init__(self, app: Starlette, models: Models, *, max_rows: int, max_body_bytes: int) -> None:
        self._app = app
        self._release = models.release.version
        self._max_body_bytes = max_body_bytes
        self._release_header = (RELEASE_HEADER.lower().encode(), self._release.encode())
        endpoints = make_endpoints(models, max_rows=max_rows)
        self._endpoints = {one.route: (one, Meter(one.architecture, one.label, self._release)) for one in endpoints}
        self._compute = traced(self._answer)
        document = make_openapi(models.release, endpoints, max_body_bytes=max_body_bytes)
        self._documents = {**_make_documents(models), DOCS_ROUTE: orjson.dumps(document)}
        self._routes = list(app.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it to BentoML's application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in self._endpoints:
            await self._compute(scope, receive, send)
        else:
            await self._pass_on(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to one of the endpoints."""
        endpoint, meter = self._endpoints[scope["path"]]
        headers = dict(scope["headers"])
        try:
            if scope["method"] != "POST":
                raise _wrong_method(scope, ("POST",))
            answer, media_type, rows, stages = await exchange(
                endpoint, headers, receive, max_body_bytes=self._max_body_bytes
            )
        except Problem as problem:
            meter.refused(problem.status.value)
            await self._refuse(send, problem)
        except ClientGoneError:
            pass
        else:
            meter.answered(rows, *stages)
            extra = (_server_timing(stages),) if TIMING_HEADER in headers else ()
            await self._respond(send, HTTPStatus.OK, answer, media_type, extra)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from the documents, or let BentoML answer what it has a route for."""
        document = self._documents.get(scope["path"])
        try:
            if document is not None:
                _check_method(scope, READING)
                await self._respond(send, HTTPStatus.OK, document, JSON_MEDIA_TYPE)
            else:
                _check_method(scope, _methods_of(scope, self._routes))
                await self._app(scope, receive, self._named(send))
        except Problem as problem:
            await self._refuse(send, problem)

    async def _refuse(self, send: Send, problem: Problem) -> None:
        extra = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
        await self._respond(send, problem.status, problem.body(self._release), JSON_MEDIA_TYPE, extra)

    async def _respond(
        self, send: Send, status: HTTPStatus, body: bytes, media_type: str, extra: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
            self._release_header,
            *extra,
        ]
        await send({"type": "http.response.start", "status": status.value, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _named(self, send: Send) -> Send:
        """BentoML's own answers name the release too."""

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), self._release_header]}
            await send(message)

        return send_named


def _make_documents(models: Models) -> dict[str, bytes]:
    """Every GET route of the contract with its answer, which never changes while the worker lives."""
    release = models.release
    cards = {name: card.model_dump(exclude={"examples"}, exclude_none=True) for name, card in release.cards.items()}
    documents = {MODELS_ROUTE: orjson.dumps({"release": release.version, "models": cards})}
    for name, card in release.cards.items():
        members = {"release": release.version, **card.examples.model_dump()}
        documents[examples_route(name)] = orjson.dumps(members)
    return documents


def _check_method(scope: Scope, allowed: Iterable[str]) -> None:
    allowed = sorted(allowed)
    if not allowed:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            f"the path must be a route of this service, however: {scope['path'][:200]!r}. "
            "GET /models lists the architectures, GET / the routes.",
            rule="route",
        )
    if scope["method"] not in allowed:
        raise _wrong_method(scope, allowed)


def _wrong_method(scope: Scope, allowed: Iterable[str]) -> Problem:
    return Problem(
        HTTPStatus.METHOD_NOT_ALLOWED,
        f"the method must be {' or '.join(allowed)}, however: {scope['method'][:20]!r}.",
        rule="method",
        headers={"Allow": ", ".join(allowed)},
    )


def _methods_of(scope: Scope, routes: list[BaseRoute]) -> Iterable[str]:
    """Methods that BentoML's application answers at this path; none if it has no such route or file."""
    path = scope["path"]
    for route in routes:
        if isinstance(route, Route) and route.path == path:
            return route.methods or ()
        if isinstance(route, Mount) and isinstance(route.app, StaticFiles) and path.startswith(f"{route.path}/"):
            return READING if _is_file(route.app, path.removeprefix(f"{route.path}/")) else ()
    return ()


def _is_file(files: StaticFiles, path: str) -> bool:
    try:
        return files.lookup_path(path)[1] is not None
    except (OSError, ValueError):  # a name too long, a null byte
        return False


def _server_timing(stages: Stages) -> tuple[bytes, bytes]:
    """Milliseconds of each stage (https://www.w3.org/TR/server-timing/)."""
    parts = (f"{name};dur={seconds * 1000:.4f}" for name, seconds in zip(STAGES, stages, strict=True))
    return b"server-timing", ", ".join(parts).encode()
