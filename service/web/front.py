"""The ASGI application in front of BentoML's own: the only file that touches request and response messages.

It answers the routes of the contract, bytes to bytes, and lets through to BentoML what BentoML has a route
for. Anything else ends here with 404 or 405: BentoML labels its metrics by path, without bound (1.4.39).
"""

import logging
import stat
import time
from collections.abc import Iterable
from http import HTTPStatus

import orjson
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from service.codec.problems import PROBLEM_MEDIA_TYPE, Problem
from service.contract.routes import JSON_MEDIA_TYPE, MODELS_ROUTE, RELEASE_HEADER, TIMING_HEADER, examples_route
from service.models.endpoints import make_endpoints
from service.models.inference import Models
from service.openapi.document import DOCS_ROUTE, make_openapi
from service.openapi.v2 import with_v2
from service.settings import ServiceSettings
from service.web.access_log import REQUEST_ID_KEY, AccessLog, request_id_of
from service.web.exchange import READING, ClientGoneError, Stages, exchange, wrong_method
from service.web.metrics import STAGES, Meter
from service.web.protocol_v2 import ProtocolV2, is_v2, refusal
from service.web.tracing import traced

logger = logging.getLogger("bentoml.archscale")
TIMING_KEY = TIMING_HEADER.lower().encode()


class Front:
    """Routes, media types, limits and messages. One instance for each worker."""

    def __init__(self, app: Starlette, models: Models, settings: ServiceSettings) -> None:
        self._app = app
        self._release = models.release.version
        self._max_body_bytes = settings.max_body_bytes
        self._release_header = (RELEASE_HEADER.lower().encode(), self._release.encode())
        endpoints = make_endpoints(
            models,
            max_rows=settings.max_rows,
            out_of_range=settings.out_of_range,
            unknown_category=settings.unknown_category,
        )
        self._endpoints = {
            endpoint.route: (endpoint, Meter(endpoint.architecture, endpoint.label, self._release))
            for endpoint in endpoints
        }
        self._compute = traced(self._answer)
        self._protocol = ProtocolV2(endpoints, self._release, max_body_bytes=settings.max_body_bytes)
        self._speak_v2 = traced(self._answer_v2)
        document = make_openapi(models.release, endpoints, max_body_bytes=settings.max_body_bytes)
        document = with_v2(document, models.release, endpoints[0].takes)
        self._documents = {**_make_documents(models), DOCS_ROUTE: orjson.dumps(document)}
        self._routes = list(app.routes)
        self._log = AccessLog(settings.access_log, release=self._release) if settings.access_log else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it to BentoML's application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in self._endpoints:
            await self._compute(scope, receive, send)
        elif is_v2(scope["path"]):
            await self._speak_v2(scope, receive, send)
        else:
            await self._pass_on(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to one of the endpoints."""
        begin = time.perf_counter()
        endpoint, meter = self._endpoints[scope["path"]]
        headers = dict(scope["headers"])
        request_id = request_id_of(headers)
        rows, status = 0, HTTPStatus.OK
        try:
            if scope["method"] != "POST":
                raise wrong_method(scope["method"], ("POST",))
            outcome = await exchange(
                endpoint, headers, receive, max_body_bytes=self._max_body_bytes, query=scope["query_string"]
            )
        except Problem as problem:
            status = problem.status
            meter.refused(status.value)
            await self._refuse(send, problem, request_id)
        except ClientGoneError:
            return
        except Exception:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            meter.refused(status.value)
            logger.exception("request %s to %s failed", request_id.decode(), endpoint.route)
            await self._refuse(send, _failure(), request_id)
        else:
            rows = outcome.rows
            meter.answered(rows, outcome.out_of_range, *outcome.stages)
            if outcome.unknown_categories:
                meter.met_unknown(outcome.unknown_categories)
            more = (_server_timing(outcome.stages),) if TIMING_KEY in headers else ()
            await self._respond(
                send, request_id, status=status, body=outcome.body, media_type=outcome.media_type, more=more
            )
        if self._log is not None:
            self._log.write(
                request_id=request_id,
                route=endpoint.route,
                architecture=endpoint.architecture,
                rows=rows,
                status=status.value,
                milliseconds=(time.perf_counter() - begin) * 1000,
            )

    async def _answer_v2(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of the Open Inference Protocol, whose errors have a form of their own."""
        begin = time.perf_counter()
        headers = dict(scope["headers"])
        request_id = request_id_of(headers)
        try:
            reply = await self._protocol.answer(scope["method"], scope["path"], headers, receive)
        except ClientGoneError:
            return
        except Exception:
            logger.exception("request %s to %s failed", request_id.decode(), scope["path"])
            reply = refusal(_failure())
        more: Iterable[tuple[bytes, bytes]] = reply.headers
        if reply.stages is not None and TIMING_KEY in headers:
            more = [*more, _server_timing(reply.stages)]
        await self._respond(
            send, request_id, status=reply.status, body=reply.body, media_type=reply.media_type, more=more
        )
        if self._log is not None:
            self._log.write(
                request_id=request_id,
                route=scope["path"],
                architecture=reply.architecture,
                rows=reply.rows,
                status=reply.status.value,
                milliseconds=(time.perf_counter() - begin) * 1000,
            )

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from the documents, or let BentoML answer what it has a route for."""
        request_id = request_id_of(dict(scope["headers"]))
        document = self._documents.get(scope["path"])
        try:
            if document is not None:
                _check_method(scope, READING)
                await self._respond(send, request_id, status=HTTPStatus.OK, body=document, media_type=JSON_MEDIA_TYPE)
            else:
                _check_method(scope, _methods_of(scope, self._routes))
                await self._app(scope, receive, self._naming(send, request_id))
        except Problem as problem:
            await self._refuse(send, problem, request_id)

    async def _refuse(self, send: Send, problem: Problem, request_id: bytes) -> None:
        body = problem.body(release=self._release, request_id=request_id)
        more = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
        await self._respond(
            send, request_id, status=problem.status, body=body, media_type=PROBLEM_MEDIA_TYPE, more=more
        )

    async def _respond(
        self,
        send: Send,
        request_id: bytes,
        *,
        status: int,
        body: bytes,
        media_type: str,
        more: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", b"%d" % len(body)),
            self._release_header,
            (REQUEST_ID_KEY, request_id),
            *more,
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _naming(self, send: Send, request_id: bytes) -> Send:
        """BentoML's own answers name the release and the request too."""
        named = (self._release_header, (REQUEST_ID_KEY, request_id))

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *named]}
            await send(message)

        return send_named


def _failure() -> Problem:
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "a request must be answered, however: the service failed. Try again; its log names this request's id.",
        rule="internal",
    )


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
        raise wrong_method(scope["method"], allowed)


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
        _, status = files.lookup_path(path)
        return status is not None and stat.S_ISREG(status.st_mode)
    except (OSError, ValueError):  # a name too long, a null byte
        return False


def _server_timing(stages: Stages) -> tuple[bytes, bytes]:
    """Milliseconds of each stage (https://www.w3.org/TR/server-timing/)."""
    parts = (f"{name};dur={seconds * 1000:.4f}" for name, seconds in zip(STAGES, stages, strict=True))
    return b"server-timing", ", ".join(parts).encode()
