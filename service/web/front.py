"""The ASGI application in front of BentoML's own.

It answers the routes of the contract where the protocol does not (``service.http.protocol``): where spans are
exported, where the client's origin matters, or where another server runs it. It lets through to BentoML what BentoML
has a route for. Anything else ends here with 404 or 405: BentoML labels its metrics by path, without bound (1.4.39).
"""

import stat
import time
from collections.abc import Iterable
from http import HTTPStatus

from starlette._utils import get_route_path
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from service.access.guard import Guard
from service.answers import routes
from service.answers.access_log import REQUEST_ID_KEY, request_id_of
from service.answers.messages import NO_SNIFFING, READING, Answer, Request, join_lists, wrong_method
from service.answers.metrics import count_refusal
from service.answers.responder import Responder
from service.codec.problems import Problem
from service.contract.routes import MODELS_ROUTE, RELEASE_HEADER
from service.openapi.page import PAGE_ROUTE
from service.settings import ServiceSettings
from service.web.body import ClientGoneError, read_body
from service.web.tracing import traced

DOCUMENTS = ("index", "schema", "openapi-spec", "static_content")
METRICS = ("metrics",)
"""BentoML's names of its routes."""


class Front:
    """Messages of ASGI: requests read whole, answers sent. One instance for each worker."""

    def __init__(
        self, app: Starlette, responder: Responder, settings: ServiceSettings, *, guard: Guard | None = None
    ) -> None:
        self._app = app
        self._responder = responder
        self._guard = guard
        self._max_body_bytes = settings.max_body_bytes
        self._release_header = (RELEASE_HEADER.lower().encode(), responder.release.encode())
        self._respond = traced(self._answer)
        self._routes = [route for route in app.routes if not _is_hidden(route, settings)]
        lists = {MODELS_ROUTE: "the architectures", PAGE_ROUTE: "the routes"}
        shown = [f"GET {path} lists {what}." for path, what in lists.items() if responder.find(path) is not None]
        self._lists = " ".join(shown) or "Correct it."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it to BentoML's application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = get_route_path(scope)
        if self._guard is not None and (refused := self._guard.refusal(path, dict(scope["headers"]))) is not None:
            await self._send(send, self._responder.answer(refused, _begin(scope)))
        elif self._responder.find(path) is not None:
            await self._respond(scope, receive, send)
        else:
            await self._pass_on(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at one of the contract's routes."""
        request = _begin(scope)
        route = self._responder.find(request.path)
        assert route is not None
        try:
            request.body = await read_body(request.headers, receive, self._max_body_bytes)
        except Problem as problem:
            answer = self._responder.refuse(route, request, problem)
        except ClientGoneError:
            return
        else:
            request.arrived = time.perf_counter()
            answer = self._responder.answer(route, request)
        await self._send(send, answer)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let BentoML answer what it has a route for."""
        request_id = request_id_of(dict(scope["headers"]))
        try:
            path = get_route_path(scope)
            _check_method(scope, _methods_of(path, self._routes), self._hint(path))
        except Problem as problem:
            count_refusal(problem)
            await self._send(send, routes.problem_answer(problem, self._responder.release, request_id))
        else:
            await self._app(scope, receive, self._naming(send, request_id))

    def _hint(self, path: str) -> str:
        """Say what a path lacks to be a route, if it is only that it ends with a slash, and where routes are listed."""
        shorter = path.rstrip("/")
        is_route = shorter != path and (self._responder.find(shorter) is not None or _methods_of(shorter, self._routes))
        return ("Without the slash at its end it is one. " if is_route else "") + self._lists

    async def _send(self, send: Send, answer: Answer) -> None:
        headers = [
            (b"content-type", answer.media_type.encode()),
            (b"content-length", b"%d" % len(answer.body)),
            self._release_header,
            NO_SNIFFING,
            (REQUEST_ID_KEY, answer.request_id),
            *answer.headers,
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _naming(self, send: Send, request_id: bytes) -> Send:
        """BentoML's own answers name the release and the request too."""
        named = (self._release_header, NO_SNIFFING, (REQUEST_ID_KEY, request_id))

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *named]}
            await send(message)

        return send_named


def _begin(scope: Scope) -> Request:
    """Make of a head a request whose body is still to come."""
    headers = dict(scope["headers"])
    join_lists(headers, scope["headers"])
    path, query = get_route_path(scope), scope["query_string"]
    return Request(scope["method"], path, query, headers, b"", request_id_of(headers), time.perf_counter())


def _is_hidden(route: BaseRoute, settings: ServiceSettings) -> bool:
    """Whether a route of BentoML's is switched off."""
    name = getattr(route, "name", None)
    return (name in DOCUMENTS and not settings.show_documents) or (name in METRICS and not settings.show_metrics)


def _check_method(scope: Scope, allowed: Iterable[str], hint: str) -> None:
    allowed = sorted(allowed)
    if not allowed:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            f"the path must be a route of this service, however: {scope['path'][:200]!r}. {hint}",
            rule="route",
        )
    if scope["method"] not in allowed:
        raise wrong_method(scope["method"], allowed)


def _methods_of(path: str, routes: list[BaseRoute]) -> Iterable[str]:
    """Methods that BentoML's application answers at this path; none if it has no such route or file."""
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
