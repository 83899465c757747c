"""The BentoML APIs of a release: what OpenAPI, ``bentoml build`` and BentoML's client see of the POST routes.

The front answers these routes over HTTP. The APIs compute the same through the same endpoints, for callers
that reach the service through BentoML itself.
"""

from typing import Annotated, Any

import bentoml
import pydantic
from bentoml.exceptions import InvalidArgument

from service.contract import (
    FEATURES,
    RAW,
    RELEASE_HEADER,
    TRANSFORM_ROUTE,
    Features,
    Predictions,
    predict_method,
    predict_raw_method,
    predict_raw_route,
    predict_route,
)
from service.decode import Input, check_rows, features_input, raw_input
from service.endpoints import Endpoint
from service.problems import Problem
from service.release import Release

Number = Annotated[float, pydantic.Strict()]


def declare_apis(release: Release, *, max_rows: int) -> dict[str, Any]:
    """Return the attributes of the service class: method name -> BentoML API."""
    features = features_input(len(release.card.feature_names), max_rows)
    raw = raw_input(len(release.card.raw_features), max_rows)
    apis = {"transform": _declare("transform", TRANSFORM_ROUTE, raw, Features, "Scale raw rows, form the products.")}
    for name in release.architectures:
        for method, route, takes in (
            (predict_method(name), predict_route(name), features),
            (predict_raw_method(name), predict_raw_route(name), raw),
        ):
            doc = f"Predict with '{name}' from rows of {takes.width} {takes.key} values."
            apis[method] = _declare(method, route, takes, Predictions, doc)
    return apis


def _declare(method: str, route: str, takes: Input, output: type[pydantic.BaseModel], doc: str) -> Any:
    async def answer(self: Any, ctx: bentoml.Context, **members: list[list[float]]) -> pydantic.BaseModel:
        endpoint: Endpoint = self.endpoints[route]
        ctx.response.headers[RELEASE_HEADER] = self.release
        try:
            values = endpoint.run(check_rows(members[takes.key], takes)).tolist()
        except Problem as problem:
            raise InvalidArgument(problem.detail) from None
        if output is Features:
            return Features(features=values, release=self.release)
        return Predictions(predictions=values, architecture=endpoint.architecture, release=self.release)

    # BentoML takes the API's name from the function, at the moment of decoration (1.4.39).
    answer.__name__ = method
    answer.__doc__ = doc
    return bentoml.api(route=route, input_spec=_input_model(method, takes), output_spec=output)(answer)


def _input_model(method: str, takes: Input) -> type[pydantic.BaseModel]:
    row = Annotated[list[Number], pydantic.Field(min_length=takes.width, max_length=takes.width)]
    rows = Annotated[list[row], pydantic.Field(min_length=1, max_length=takes.max_rows, description=_describe(takes))]
    fields: dict[str, Any] = {takes.key: (rows, ...)}
    return pydantic.create_model(f"{method}_input", __config__=pydantic.ConfigDict(extra="forbid"), **fields)


def _describe(takes: Input) -> str:
    return {
        FEATURES: f"1 to {takes.max_rows} rows of {takes.width} features, each finite as float32",
        RAW: f"1 to {takes.max_rows} rows of {takes.width} raw values in natural units",
    }[takes.key]
