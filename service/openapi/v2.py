"""The OpenAPI document's part on /v2: the Open Inference Protocol, with its models, tensors and errors. Pure.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md, and Triton's
extension for binary tensors.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.codec.column_tensors import datatypes_of
from service.codec.columns import Column
from service.codec.rows import Input
from service.codec.tensors import BINARY_MEDIA_TYPE, HEADER_LENGTH_HEADER
from service.contract.card import Cell
from service.contract.names import FEATURES, PREDICTION, RAW, RAW_SUFFIX
from service.contract.routes import JSON_MEDIA_TYPE, REQUEST_ID_HEADER
from service.models.release import Release
from service.openapi.components import (
    MORE_HEADERS,
    REFUSALS,
    Part,
    example_rows,
    headers,
    read_path,
    refer_to,
    shows_features,
)
from service.openapi.schemas import BINARY, describe_models, refer

TAG = "Open Inference Protocol"
TAG_TEXT = "The same predictions for any client that speaks the protocol's version 2."
LENGTH_TEXT = "Bytes of JSON that the body begins with, where binary tensors follow them."

OF_A_READ = (HTTPStatus.METHOD_NOT_ALLOWED,)
OF_A_MODEL = (HTTPStatus.NOT_FOUND, *OF_A_READ)
OF_AN_INFERENCE = (
    *OF_A_MODEL,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
REASONS = {
    **REFUSALS,
    HTTPStatus.NOT_FOUND: "There is no such model, or not in this version.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is compressed.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request was read, and breaks a rule of the protocol or of the model's rows.",
}

Parameters = dict[str, Any] | None
Width = Literal["FP32", "FP64"]


class Live(BaseModel):
    """The server lives."""

    live: bool


class Ready(Live):
    """The server is ready."""

    ready: bool


class ServerMetadata(BaseModel):
    """The server, its release, and the extensions of the protocol that it speaks."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """A tensor that a model takes or gives; -1 in a shape is any number of rows."""

    name: str
    datatype: Width
    shape: list[int]


class ModelMetadata(BaseModel):
    """A model: the release is its version."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(BaseModel):
    """The model is ready."""

    name: str
    ready: bool


class InputTensor(BaseModel):
    """Rows: numbers in ``data``, flat or row by row, or ``parameters.binary_data_size`` bytes behind the JSON."""

    model_config = ConfigDict(extra="forbid")

    name: Literal["features", "raw"]
    datatype: Width
    shape: Annotated[list[int], Field(min_length=2, max_length=2)]
    parameters: Parameters = None
    data: list[Any] | None = None


class RequestedOutput(BaseModel):
    """The output, and in ``parameters.binary_data`` whether it is to be binary."""

    name: Literal["prediction"]
    parameters: Parameters = None


class InferRequest(BaseModel):
    """One input. ``id`` and ``parameters`` come back as they were sent."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = None
    model_name: Any = None
    model_version: Any = None
    parameters: Parameters = None
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=1)]
    outputs: Annotated[list[RequestedOutput], Field(max_length=1)] | None = None


class OutputTensor(BaseModel):
    """A number for each row, in ``data`` or behind the JSON."""

    name: Literal["prediction"]
    datatype: Literal["FP32"]
    shape: list[int]
    parameters: Parameters = None
    data: list[float] | None = None


class InferResponse(BaseModel):
    """What the model predicts."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: Parameters = None
    outputs: list[OutputTensor]


class ProtocolError(BaseModel):
    """Every refusal: what is wrong and what to do, in a sentence."""

    error: str


MODELS = (Live, Ready, ServerMetadata, ModelMetadata, ModelReady, InferRequest, InferResponse, ProtocolError)


def with_v2(document: Part, release: Release, raw: Input) -> Part:
    """Return the document with the protocol's routes. raw: what the models take that end in ``RAW_SUFFIX``."""
    components = document["components"]
    length = {"description": LENGTH_TEXT, "schema": {"type": "integer", "minimum": 0}}
    return {
        **document,
        "tags": [*document["tags"], {"name": TAG, "description": TAG_TEXT}],
        "paths": {**document["paths"], **_paths(release, raw)},
        "components": {
            **components,
            "schemas": {**components["schemas"], **_schemas(raw)},
            "headers": {**components["headers"], HEADER_LENGTH_HEADER: length},
            "parameters": {
                **components["parameters"],
                HEADER_LENGTH_HEADER: {"name": HEADER_LENGTH_HEADER, "in": "header", **length},
            },
        },
    }


def _schemas(raw: Input) -> Part:
    """Return the protocol's schemas; a table with words is sent as a tensor for each column."""
    schemas = describe_models(*MODELS)
    if raw.cells is not None:
        datatypes = sorted({"FP32", *(name for column in raw.cells.columns for name in datatypes_of(column))})
        tensor = schemas["InputTensor"]["properties"]
        tensor["name"] = {"enum": [FEATURES, *raw.names]}
        tensor["shape"]["minItems"] = 1
        tensor["datatype"] = schemas["TensorMetadata"]["properties"]["datatype"] = {"enum": datatypes}
        schemas["InferRequest"]["properties"]["inputs"]["maxItems"] = raw.width
    return schemas


def _paths(release: Release, raw: Input) -> Part:
    paths = {
        "/v2": _read("What the server is", ServerMetadata, OF_A_READ),
        "/v2/health/live": _read("Does the server live?", Live, OF_A_READ),
        "/v2/health/ready": _read("Are predictions answered?", Ready, OF_A_READ),
    }
    model = _in_path("model", [name + suffix for name in release.architectures for suffix in ("", RAW_SUFFIX)])
    version = _in_path("version", [release.version])
    for route, parameters in (
        ("/v2/models/{model}", [model]),
        ("/v2/models/{model}/versions/{version}", [model, version]),
    ):
        shared = {"parameters": parameters}
        paths |= {
            route: shared | _read("What a model takes and gives", ModelMetadata, OF_A_MODEL),
            f"{route}/ready": shared | _read("Is the model ready?", ModelReady, OF_A_MODEL),
            f"{route}/infer": shared | {"post": _infer(release, raw)},
        }
    return paths


def _in_path(name: str, values: list[str]) -> Part:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": values}}


def _read(summary: str, model: type[BaseModel], statuses: tuple[HTTPStatus, ...]) -> Part:
    return read_path(TAG, summary, {JSON_MEDIA_TYPE: {"schema": refer(model)}}, _refusals(statuses))


def _infer(release: Release, raw: Input) -> Part:
    card = release.card
    rows = f"`{RAW}` FP64 [rows, {raw.width}]" if raw.cells is None else "a tensor for each column"
    outputs = card.target.outputs
    given = f"[rows, {outputs}]" if outputs > 1 else "[rows]"
    return {
        "tags": [TAG],
        "summary": "Predict",
        "description": (
            f"An architecture takes `{FEATURES}` FP32 [rows, {len(card.feature_names)}], its twin that ends in "
            f"`{RAW_SUFFIX}` takes {rows}; both give `{PREDICTION}` FP32 {given}."
        ),
        "parameters": [refer_to("parameters", name) for name in (REQUEST_ID_HEADER, HEADER_LENGTH_HEADER)],
        "requestBody": {"required": True, "content": _request(release, raw)},
        "responses": {
            "200": {
                "description": "The answer, binary where that was asked for.",
                "headers": {**headers(), HEADER_LENGTH_HEADER: refer_to("headers", HEADER_LENGTH_HEADER)},
                "content": _content(InferResponse),
            },
            **_refusals(OF_AN_INFERENCE),
        },
    }


def _request(release: Release, raw: Input) -> Part:
    examples = release.card.examples
    row = example_rows(release.card, raw)[0]
    tensors = {}
    if shows_features(release.card):
        tensors[FEATURES] = [_tensor(FEATURES, "FP32", examples.features[row], 2)]
    if raw.cells is None:
        numbers = [float(cell) if isinstance(cell, bool) else cell for cell in examples.raw[row]]
        tensors[RAW] = [_tensor(RAW, "FP64", numbers, 2)]
    else:
        tensors[RAW] = [
            _tensor(column.name, _datatype_of(column, cell), [cell], 1)
            for column, cell in zip(raw.cells.columns, examples.raw[row], strict=True)
        ]
    content = _content(InferRequest)
    content[JSON_MEDIA_TYPE]["examples"] = {name: {"value": {"inputs": inputs}} for name, inputs in tensors.items()}
    return content


def _tensor(name: str, datatype: str, row: Sequence[Cell], dimensions: int) -> Part:
    return {"name": name, "datatype": datatype, "shape": [1, len(row)][:dimensions], "data": row}


def _datatype_of(column: Column, cell: Cell) -> str:
    """Return the first datatype of a column, or that of a boolean which the card has in words."""
    return "BYTES" if isinstance(cell, str) else datatypes_of(column)[0]


def _content(model: type[BaseModel]) -> Part:
    return {JSON_MEDIA_TYPE: {"schema": refer(model)}, BINARY_MEDIA_TYPE: {"schema": BINARY}}


def _refusals(statuses: tuple[HTTPStatus, ...]) -> Part:
    return {
        str(status.value): {
            "description": REASONS[status],
            "headers": headers(*MORE_HEADERS.get(status, ())),
            "content": {JSON_MEDIA_TYPE: {"schema": refer(ProtocolError)}},
        }
        for status in sorted(statuses)
    }
