"""The Open Inference Protocol v2 under ``/v2``: its routes, documents and answers.

Every architecture is a model that takes ``features``, and with ``-raw`` after its name one that takes ``raw``, or a
tensor for each column where some hold words; the release is their version. Errors are ``{"error": ...}``, as
the protocol has it.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

import numpy as np
import orjson
from starlette.types import Receive

from service.codec.column_tensors import ColumnsReader, describe_inputs, make_reader
from service.codec.infer_request import Reader
from service.codec.problems import Problem
from service.codec.tensors import BINARY_MEDIA_TYPE, DATATYPES, HEADER_LENGTH_HEADER, Members, write
from service.contract.names import PREDICTION, RAW, RAW_SUFFIX
from service.contract.routes import JSON_MEDIA_TYPE
from service.models.endpoints import PREDICTING, Endpoint
from service.web.exchange import (
    READING,
    ClientGoneError,
    Headers,
    Stages,
    add_counts,
    check_encoding,
    read_body,
    wrong_method,
)
from service.web.metrics import Meter

V2_ROUTE = "/v2"
HEADER_LENGTH_KEY = HEADER_LENGTH_HEADER.lower().encode()


@dataclass(frozen=True)
class V2Model:
    """An endpoint by its name in the protocol, with what reads its requests and what counts them."""

    name: str
    endpoint: Endpoint
    reader: Reader | ColumnsReader
    meter: Meter


class Reply(NamedTuple):
    """An answer, whole. Of an inference also the time that each stage took, the architecture and the rows."""

    status: HTTPStatus
    body: bytes
    media_type: str = JSON_MEDIA_TYPE
    headers: tuple[tuple[bytes, bytes], ...] = ()
    stages: Stages | None = None
    architecture: str = ""
    rows: int = 0


def is_v2(path: str) -> bool:
    """Whether the protocol's routes are meant."""
    return path == V2_ROUTE or path.startswith(f"{V2_ROUTE}/")


def model_name(endpoint: Endpoint) -> str:
    """Name in the protocol of an endpoint that predicts."""
    return endpoint.architecture + (RAW_SUFFIX if endpoint.takes.key == RAW else "")


class ProtocolV2:
    """Routes and models of one release. One instance for each worker."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        release: str,
        *,
        max_body_bytes: int,
        make_meter: Callable[[str, str, str], Meter] = Meter,
    ) -> None:
        self._release = release
        self._max_body_bytes = max_body_bytes
        self._models = {
            model_name(endpoint): V2Model(
                name=model_name(endpoint),
                endpoint=endpoint,
                reader=make_reader(endpoint.takes),
                meter=make_meter(endpoint.architecture, f"v2_{endpoint.label}", release),
            )
            for endpoint in endpoints
            if endpoint.label in PREDICTING
        }
        self._documents = _server_documents(release)
        self._infer_routes: dict[str, V2Model] = {}
        for name, model in self._models.items():
            for route in (f"{V2_ROUTE}/models/{name}", f"{V2_ROUTE}/models/{name}/versions/{release}"):
                self._documents[route] = orjson.dumps(_describe(model, release))
                self._documents[f"{route}/ready"] = orjson.dumps({"name": name, "ready": True})
                self._infer_routes[f"{route}/infer"] = model

    async def answer(self, method: str, path: str, headers: Headers, receive: Receive) -> Reply:
        """Answer any request below ``/v2``. headers: names in lower case. Raises ClientGoneError.

        Whatever else a computation raises is counted as a 500, and left to the caller to log and to answer.
        """
        model = self._infer_routes.get(path)
        try:
            if model is not None:
                if method != "POST":
                    raise wrong_method(method, ("POST",))
                return await self._infer(model, headers, receive)
            document = self._documents.get(path)
            if document is None:
                raise self._unknown(path)
            if method not in READING:
                raise wrong_method(method, READING)
            return Reply(HTTPStatus.OK, document)
        except Problem as problem:
            if model is not None:
                model.meter.refused(problem.status.value)
            return refusal(problem)
        except ClientGoneError:
            raise
        except Exception:
            if model is not None:
                model.meter.refused(HTTPStatus.INTERNAL_SERVER_ERROR.value)
            raise

    async def _infer(self, model: V2Model, headers: Headers, receive: Receive) -> Reply:
        check_encoding(headers.get(b"content-encoding"))
        body = await read_body(headers, receive, self._max_body_bytes)
        begin = time.perf_counter()
        request = model.reader.read(body, headers.get(HEADER_LENGTH_KEY))
        rows, outside, unknown = model.endpoint.screen(request.rows)
        parsed = time.perf_counter()
        values = model.endpoint.run(rows)
        inferred = time.perf_counter()
        members = {"model_name": model.name, "model_version": self._release, **request.echo}
        if model.endpoint.ranges is not None:
            members["parameters"] = parameters = {**members.get("parameters", {})}
            add_counts(parameters, model.endpoint.ranges, outside, unknown)
        answer, json_bytes = write(members, PREDICTION, values, binary=request.binary)
        stages = (parsed - begin, inferred - parsed, time.perf_counter() - inferred)
        model.meter.answered(len(rows), outside, *stages)
        if unknown:
            model.meter.met_unknown(unknown)
        return Reply(
            HTTPStatus.OK,
            answer,
            JSON_MEDIA_TYPE if json_bytes is None else BINARY_MEDIA_TYPE,
            () if json_bytes is None else ((HEADER_LENGTH_KEY, b"%d" % json_bytes),),
            stages,
            model.endpoint.architecture,
            len(rows),
        )

    def _unknown(self, path: str) -> Problem:
        """404, by the first part of the path that is not there."""
        name, _, rest = path.removeprefix(f"{V2_ROUTE}/models/").partition("/")
        if not path.startswith(f"{V2_ROUTE}/models/"):
            rule = f"the path must be a route of the Open Inference Protocol, however: {path[:200]!r}."
        elif name not in self._models:
            rule = f"the model must be one of {', '.join(self._models)}, however: {name[:100]!r}."
        elif rest.startswith("versions/") and (version := rest.split("/")[1]) != self._release:
            rule = f"the version of '{name}' must be {self._release} or left out, however: {version[:100]!r}."
        else:
            rule = f"a model's routes are its own path, /ready and /infer, however: {path[:200]!r}."
        return Problem(HTTPStatus.NOT_FOUND, rule, rule="route")


def _server_documents(release: str) -> dict[str, bytes]:
    """Answers of the routes that name no model."""
    server = orjson.dumps({"name": "archscale", "version": release, "extensions": ["binary_tensor_data"]})
    return {
        V2_ROUTE: server,
        f"{V2_ROUTE}/": server,
        f"{V2_ROUTE}/health/live": orjson.dumps({"live": True}),
        # The specification names the member 'live' here too; KServe's client reads 'ready'.
        f"{V2_ROUTE}/health/ready": orjson.dumps({"live": True, "ready": True}),
    }


def _describe(model: V2Model, release: str) -> Members:
    outputs = len(model.endpoint.headings)
    shape = [-1, outputs] if outputs > 1 else [-1]
    return {
        "name": model.name,
        "versions": [release],
        "platform": "onnxruntime_onnx",
        "inputs": describe_inputs(model.endpoint.takes),
        "outputs": [{"name": PREDICTION, "datatype": DATATYPES[np.float32], "shape": shape}],
    }


def refusal(problem: Problem) -> Reply:
    """Return a problem in the protocol's form."""
    headers = ((name.lower().encode(), value.encode()) for name, value in problem.headers.items())
    return Reply(problem.status, orjson.dumps({"error": problem.detail}), headers=tuple(headers))
