"""The BentoML APIs of a release: what OpenAPI, ``bentoml build`` and BentoML's client see of the POST routes.

The front answers these routes before BentoML sees them. The APIs answer the same, for callers that reach the service
through BentoML itself.
"""

import functools
from http import HTTPStatus
from typing import Annotated, Any

import bentoml
import pydantic
from _bentoml_sdk.io_models import IODescriptor
from bentoml.exceptions import InvalidArgument
from starlette.requests import Request
from starlette.responses import Response

from service.answers.access_log import request_id_of
from service.answers.exchange import answer_rows, exchange
from service.codec.columns import make_columns
from service.codec.decode import read_members
from service.codec.problems import PROBLEM_MEDIA_TYPE, Problem
from service.codec.rows import Input, features_input, raw_input
from service.contract.card import Cell
from service.contract.names import RECORDS
from service.contract.routes import (
    RELEASE_HEADER,
    REQUEST_ID_HEADER,
    TRANSFORM_ROUTE,
    ClassPredictions,
    Features,
    Predictions,
    RawClassPredictions,
    RawPredictions,
    predict_method,
    predict_raw_method,
    predict_raw_route,
    predict_route,
)
from service.models.endpoints import Endpoint
from service.models.release import Release
from service.settings import ServiceSettings
from service.web.body import read_body

Number = Annotated[float, pydantic.Strict()]


def declare_apis(release: Release, settings: ServiceSettings) -> dict[str, Any]:
    """Return the attributes of the service class: method name -> BentoML API."""
    features = features_input(release.card.feature_names, settings.max_rows)
    card = release.card
    columns = make_columns(card.raw_features, card.data, card.target, settings.unknown_category)
    raw = raw_input(columns, settings.max_rows)
    many = card.target.outputs > 1
    declare = functools.partial(_declare, max_body_bytes=settings.max_body_bytes)
    apis = {"transform": declare("transform", TRANSFORM_ROUTE, raw, Features, "Scale raw rows, form the products.")}
    for name in release.architectures:
        for method, route, takes, gives in (
            (predict_method(name), predict_route(name), features, ClassPredictions if many else Predictions),
            (predict_raw_method(name), predict_raw_route(name), raw, RawClassPredictions if many else RawPredictions),
        ):
            doc = f"Predict with '{name}' from rows of {takes.width} {takes.key} values."
            apis[method] = declare(method, route, takes, gives, doc)
    return apis


def _declare(
    method: str, route: str, takes: Input, output: type[pydantic.BaseModel], doc: str, *, max_body_bytes: int
) -> Any:
    async def answer(self: Any, **members: Any) -> pydantic.BaseModel | Response:
        endpoint: Endpoint = self.endpoints[route]
        if isinstance(sent := members[takes.key], Request):
            return await _respond(endpoint, sent, self.release, max_body_bytes)
        try:
            given = {name: value for name, value in members.items() if value is not None}
            return output.model_validate(answer_rows(endpoint, read_members(given, takes, finite=False)))
        except Problem as problem:
            raise InvalidArgument(problem.detail) from None

    # BentoML takes the API's name from the function, at the moment of decoration (1.4.39).
    answer.__name__ = method
    answer.__doc__ = doc
    return bentoml.api(route=route, input_spec=_input_model(method, takes), output_spec=output)(answer)


async def _respond(endpoint: Endpoint, request: Request, release: str, max_body_bytes: int) -> Response:
    """Answer over HTTP where no front stands before BentoML: byte for byte what the front answers."""
    sent = dict(request.scope["headers"])
    request_id = request_id_of(sent)
    headers = {RELEASE_HEADER: release, REQUEST_ID_HEADER: request_id.decode()}
    try:
        body = await read_body(sent, request.receive, max_body_bytes)
        content, media_type = exchange(endpoint, sent, body, request.scope["query_string"])
    except Problem as problem:
        content = problem.body(release=release, request_id=request_id)
        return Response(content, problem.status, headers | problem.headers, PROBLEM_MEDIA_TYPE)
    return Response(content, HTTPStatus.OK, headers, media_type)


class Unread(IODescriptor):
    """Base of the input models: over HTTP the request itself is handed to the API, its body unread.

    BentoML's own reader coerces: it takes text and booleans for numbers, and unknown media types for JSON (1.4.39).
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> "Unread":
        """Put the request in the place of the rows."""
        unread: Unread = cls.model_construct(**dict.fromkeys(cls.model_fields, request))
        return unread


def _input_model(method: str, takes: Input) -> type[pydantic.BaseModel]:
    """Return what the API takes: rows of features, or rows of raw values either by position or by name."""
    if takes.columns is None:
        text = f"1 to {takes.max_rows} rows of {takes.width} features, each finite as float32"
        fields: dict[str, Any] = {takes.key: (_rows(takes, Number, text), ...)}
    else:
        text = f"1 to {takes.max_rows} rows of {takes.width} raw values in natural units"
        by_position = _rows(takes, Number if takes.columns.plain else Cell, text)
        by_name = Annotated[
            list[dict[str, Cell]],
            pydantic.Field(min_length=1, max_length=takes.max_rows, description="The same by name, in any order"),
        ]
        fields = {takes.key: (by_position | None, None), RECORDS: (by_name | None, None)}
    return pydantic.create_model(f"{method}_input", __base__=Unread, **fields)


def _rows(takes: Input, cell: Any, description: str) -> Any:
    row = Annotated[list[cell], pydantic.Field(min_length=takes.width, max_length=takes.width)]
    return Annotated[list[row], pydantic.Field(min_length=1, max_length=takes.max_rows, description=description)]
