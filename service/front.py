"""The ASGI application in front of BentoML's own: the only file that touches request and response messages.

It answers the routes of the contract, bytes to bytes, and lets through to BentoML what BentoML has a route
for. Anything else ends here with 404 or 405: BentoML labels its metrics by path, without bound (1.4.39).
"""

import functools
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus

import orjson
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from service.contract import JSON_MEDIA_TYPE, MODELS_ROUTE, NPY_MEDIA_TYPE, RELEASE_HEADER, examples_route
from service.decode import Input, Rows, decode_json, decode_npy
from service.encode import encode_json, encode_npy, negotiate
from service.endpoints import Endpoint, make_endpoints
from service.inference import Array, Models
from service.metrics import STAGES, Meter
from service.problems import Problem

Headers = list[tuple[bytes, bytes]]
Decoder = Callable[[bytes, Input], Rows]
AGREED_HEADERS = (b"content-type", b"content-encoding", b"accept")
READING = ("GET", "HEAD")
TIMING_HEADER = b"x-archscale-timing"
"""Whoever sends it, with any value, is answered with the stages' times in ``Server-Timing``."""
DECODERS: dict[bytes, Decoder] = {JSON_MEDIA_TYPE.encode(): decode_json, NPY_MEDIA_TYPE.encode(): decode_npy}


class ClientGoneError(Exception):
    """The client left before its request was whole: there is nobody to answer."""


class Front:
    """Routes, media types, limits and messages. One instance for each worker."""

    def __init__(self, app: Starlette, models: Models, *, max_rows: int, max_body_bytes: int) -> None:
        self._app = app
        self._release = models.release.version
        self._max_body_bytes = max_body_bytes
        self._release_header = (RELEASE_HEADER.lower().encode(), self._release.encode())
        endpoints = make_endpoints(models, max_rows=max_rows)
        self._endpoints = {one.route: (one, Meter(one.architecture, one.label, self._release)) for one in endpoints}
        self._documents = _make_documents(models)
        self._routes = list(app.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it to BentoML's application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = self._endpoints.get(scope["path"])
        try:
            if found is not None:
                await self._compute(*found, scope, receive, send)
            elif (document := self._documents.get(scope["path"])) is not None:
                _check_method(scope, READING)
                await self._respond(send, HTTPStatus.OK, document, JSON_MEDIA_TYPE)
            else:
                _check_method(scope, _methods_of(scope, self._routes))
                await self._app(scope, receive, self._named(send))
        except Problem as problem:
            if found is not None:
                found[1].refused(problem.status.value)
            await self._refuse(send, problem)
        except ClientGoneError:
            pass

    async def _compute(self, endpoint: Endpoint, meter: Meter, scope: Scope, receive: Receive, send: Send) -> None:
        _check_method(scope, ("POST",))
        headers = dict(scope["headers"])
        decode, media_type = _agree(*(headers.get(name) for name in AGREED_HEADERS))
        body = await _read_body(headers, receive, self._max_body_bytes)
        begin = time.perf_counter()
        rows = decode(body, endpoint.takes)
        parsed = time.perf_counter()
        values = endpoint.run(rows)
        inferred = time.perf_counter()
        answer, media_type = _encode(endpoint, rows, values, media_type)
        stages = (parsed - begin, inferred - parsed, time.perf_counter() - inferred)
        meter.answered(len(rows), stages)
        extra = [_server_timing(stages)] if TIMING_HEADER in headers else ()
        await self._respond(send, HTTPStatus.OK, answer, media_type, extra)

    async def _refuse(self, send: Send, problem: Problem) -> None:
        extra = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
        await self._respond(send, problem.status, problem.body(self._release), JSON_MEDIA_TYPE, extra)

    async def _respond(
        self, send: Send, status: HTTPStatus, body: bytes, media_type: str, extra: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        headers: Headers = [
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
        raise Problem(
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


@functools.lru_cache(maxsize=256)
def _agree(content_type: bytes | None, content_encoding: bytes | None, accept: bytes | None) -> tuple[Decoder, str]:
    """Choose how to read the body and in which media type to answer. Raises Problem 415 or 406."""
    return _decoder(content_type, content_encoding), negotiate(None if accept is None else _text(accept))


def _decoder(content_type: bytes | None, content_encoding: bytes | None) -> Decoder:
    """Choose how to read the body; raise Problem 415 for a media type or an encoding that is not of the contract."""
    if content_encoding is not None and content_encoding.lower() != b"identity":
        raise _unsupported(
            f"Content-Encoding must be absent, however: {_text(content_encoding)!r}. Send the body as it is."
        )
    if content_type is None:
        return decode_json
    media_type, _, parameters = content_type.partition(b";")
    decoder = DECODERS.get(media_type.strip().lower())
    charset = parameters.replace(b" ", b"").replace(b'"', b"").lower()
    if decoder is None or (charset.startswith(b"charset=") and charset != b"charset=utf-8"):
        raise _unsupported(
            f"Content-Type must be {JSON_MEDIA_TYPE} (in UTF-8) or {NPY_MEDIA_TYPE}, "
            f"however: {_text(content_type)[:100]!r}."
        )
    return decoder


def _unsupported(detail: str) -> Problem:
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, rule="media-type")


def _text(value: bytes) -> str:
    return value.decode("latin-1")


async def _read_body(headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """Return the whole body; raise Problem 413 as soon as it is known to pass the limit."""
    if int(headers.get(b"content-length", b"0")) > limit:
        raise _too_large(limit)
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"a body must hold at most {limit} bytes, however: this one holds more. "
        "Split the request, send it as .npy, or raise ARCHSCALE_MAX_BODY_BYTES.",
        rule="body-size",
        # What is still on its way would be read as the next request.
        headers={"Connection": "close"},
    )


def _encode(endpoint: Endpoint, rows: Rows, values: Array, media_type: str) -> tuple[bytes, str]:
    if media_type == NPY_MEDIA_TYPE and endpoint.binary:
        return encode_npy(values), NPY_MEDIA_TYPE
    return encode_json(endpoint.describe(rows, values)), JSON_MEDIA_TYPE


def _server_timing(stages: Iterable[float]) -> tuple[bytes, bytes]:
    """Milliseconds of each stage (https://www.w3.org/TR/server-timing/)."""
    parts = (f"{name};dur={seconds * 1000:.4f}" for name, seconds in zip(STAGES, stages, strict=True))
    return b"server-timing", ", ".join(parts).encode()
