"""What a worker runs: the protocol, behind it the front, and behind that BentoML's application."""

import asyncio

from bentoml._internal.configuration.containers import BentoMLContainer
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from service.access.guard import Guard
from service.access.key_file import KeyFile
from service.access.tally import Tally
from service.answers.access_log import AccessLog
from service.answers.messages import NO_SNIFFING
from service.answers.responder import Responder
from service.answers.routing import make_routing
from service.http import protocol
from service.http.accepting import accept_beside
from service.http.connections import Connections
from service.models.inference import Models
from service.settings import ServiceSettings
from service.web.front import Front
from service.web.tracing import exports_spans


def make_app(app: Starlette, models: Models, settings: ServiceSettings) -> ASGIApp:
    """Put the front before BentoML's application, and the protocol before both."""
    routing = make_routing(models, settings)
    log = AccessLog(settings.access_log, release=routing.release) if settings.access_log else None
    responder = Responder(routing, together=settings.turn_batching, log=log)
    guard = _make_guard(settings, routing.release)
    cors = _take_cors(app)
    # BentoML makes its spans of messages of ASGI.
    connections = Connections(responder, settings, cors=cors is not None, guard=guard, passes_all=exports_spans())
    protocol.install(connections)
    front = _accept_more(Front(app, responder, settings, guard=guard), connections)
    return front if cors is None else _answer_origins(cors, front)


def _accept_more(front: ASGIApp, connections: Connections) -> ASGIApp:
    """Prepare the loop when the application starts, which is before the server does."""

    async def start(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            accept_beside(asyncio.get_running_loop(), connections.accept_with)
        await front(scope, receive, send)

    return start


def _answer_origins(cors: Middleware, front: ASGIApp) -> ASGIApp:
    before: CORSMiddleware = cors.cls(front, *cors.args, **cors.kwargs)  # type: ignore[assignment]
    name, value = NO_SNIFFING
    before.preflight_headers[name.decode()] = value.decode()  # what the front never sees
    return before


def _make_guard(settings: ServiceSettings, release: str) -> Guard | None:
    if settings.keys_file is None:
        return None
    keys = KeyFile(settings.keys_file)
    return Guard(keys, Tally(), release, rate=settings.rate_limit, workers=settings.workers)


def _take_cors(app: Starlette) -> Middleware | None:
    """Take from BentoML's application what answers for origins, so that it stands before all routes."""
    if not BentoMLContainer.http.cors.enabled.get():
        return None
    found = next(middleware for middleware in app.user_middleware if middleware.cls == CORSMiddleware)  # type: ignore[comparison-overlap]
    app.user_middleware.remove(found)
    return found
