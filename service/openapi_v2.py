"""The OpenAPI document's part on /v2: the Open Inference Protocol over HTTP, one model for each architecture and input.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from service.components import REFUSALS, Part, headers
from service.contract import FEATURES, JSON_MEDIA_TYPE, PREDICTION, RAW, RAW_SUFFIX
from service.release import Release
from service.schemas import describe_models, refer

TAG = "Open Inference Protocol"
TAGS = {TAG: "The same predictions for any client of the protocol: version 2, with Triton's binary tensor data."}

REASONS = {
    **REFUSALS,
    HTTPStatus.NOT_FOUND: "There is no such model or version: `GET /models` lists the architectures.",
}
OF_A_MODEL = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
OF_AN_INFERENCE = (
    *OF_A_MODEL,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.SERVICE_UNAVAILABLE,
)

Parameters = dict[str, str | float | bool]


class ServerMetadata(BaseModel):
    """The server, and which extensions of the protocol it speaks."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """A tensor that a model takes or gives; -1 in a shape is any number of rows."""

    name: Literal["features", "raw", "prediction"]
    datatype: Literal["FP32", "FP64"]
    shape: list[int]


class ModelMetadata(BaseModel):
    """A model: its release is its version."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Tensor(BaseModel):
    """A tensor: flat or nested numbers in ``data``, or ``parameters.binary_data_size`` bytes after the JSON."""

    name: str
    datatype: Literal["FP32", "FP64"]
    shape: Annotated[list[int], Field(min_length=1, max_length=2)]
    parameters: Parameters = {}
    data: list[Any] | None = None


class RequestedOutput(BaseModel):
    """An output by name, and how it is to be sent."""

    name: str
    parameters: Parameters = {}


class InferRequest(BaseModel):
    """One input; without ``outputs``, every output is answered."""

    id: str | None = None
    parameters: Parameters = {}
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=1)]
    outputs: list[RequestedOutput] | None = None


class InferResponse(BaseModel):
    """The outputs that were asked for."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: Parameters = {}
    outputs: list[Tensor]


class ProtocolError(BaseModel):
    """Every refusal of the protocol: what is wrong and what to do, in a sentence."""

    error: str


MODELS = (ServerMetadata, ModelMetadata, InferRequest, InferResponse, ProtocolError)


def describe_v2(release: Release) -> tuple[Part, Part]:
    """Return the protocol's paths, and the schemas that they refer to."""
    paths: Part = {
        "/v2": {"get": _read("What the server speaks", ServerMetadata)},
        "/v2/health/live": {"get": _read("Does the server live?")},
        "/v2/health/ready": {"get": _read("Are predictions answered?")},
    }
    for prefix in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        parameters = [_in_path(name, values) for name, values in _values(release).items() if f"{{{name}}}" in prefix]
        paths |= {
            prefix: {"parameters": parameters, "get": _read("A model's tensors", ModelMetadata, *OF_A_MODEL)},
            f"{prefix}/ready": {"parameters": parameters, "get": _read("Is the model ready?", None, *OF_A_MODEL)},
            f"{prefix}/infer": {"parameters": parameters, "post": _infer(release)},
        }
    return paths, describe_models(*MODELS)


def _values(release: Release) -> dict[str, list[str]]:
    """Values of the paths' parameters."""
    models = [name + suffix for name in release.architectures for suffix in ("", RAW_SUFFIX)]
    return {"model": models, "version": [release.version]}


def _in_path(name: str, values: list[str]) -> Part:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": values}}


def _read(summary: str, model: type[BaseModel] | None = None, *statuses: HTTPStatus) -> Part:
    return {"tags": [TAG], "summary": summary, "responses": _responses(model, *statuses)}


def _infer(release: Release) -> Part:
    card = release.card
    return {
        "tags": [TAG],
        "summary": "Predict",
        "description": (
            f"An architecture takes `{FEATURES}` FP32 [n, {len(card.feature_names)}], its twin that ends in "
            f"`{RAW_SUFFIX}` takes `{RAW}` FP64 [n, {len(card.raw_features)}]; both give `{PREDICTION}` FP32 [n]."
        ),
        "requestBody": {"required": True, "content": {JSON_MEDIA_TYPE: _content(InferRequest)}},
        "responses": _responses(InferResponse, *OF_AN_INFERENCE),
    }


def _responses(model: type[BaseModel] | None, *statuses: HTTPStatus) -> Part:
    """Return the answer with its refusals, the protocol's errors. model: None where the status says it all."""
    content = {"content": {JSON_MEDIA_TYPE: _content(model)}} if model else {}
    return {
        "200": {"description": "Yes." if model is None else "The answer.", "headers": headers(), **content},
        **{
            str(status.value): {
                "description": REASONS[status],
                "headers": headers(),
                "content": {JSON_MEDIA_TYPE: _content(ProtocolError)},
            }
            for status in sorted(statuses or (HTTPStatus.METHOD_NOT_ALLOWED,))
        },
    }


def _content(model: type[BaseModel]) -> Part:
    return {"schema": refer(model)}
