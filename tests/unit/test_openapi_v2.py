"""The rows that the OpenAPI document shows: /v2's reader takes them, and there are none where models are hidden."""

import functools
import json
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from openapi_spec_validator import validate

from service.answers.messages import Request
from service.answers.metrics import Meter
from service.answers.routing import make_routing, route_endpoints
from service.codec.column_tensors import make_reader
from service.codec.columns import Columns
from service.codec.rows import raw_input
from service.contract.card import Cell, Examples, ModelCard, RawFeature
from service.contract.files import ReleaseManifest
from service.models.release import Release
from service.openapi.v2 import with_v2
from service.settings import ServiceSettings
from tests.cards import RELEASE, make_card
from tests.raw_columns import ACTIVE, AGE, FLAG, MEMBER, MIXED
from tests.studies import SMALL

NO_DOCUMENT: dict[str, Any] = {"tags": [], "paths": {}, "components": {"schemas": {}, "headers": {}, "parameters": {}}}


def release_of(features: list[RawFeature], row: list[Cell]) -> Release:
    """A release whose card shows one row."""
    examples = Examples(raw=[row], features=[[0.5, 0.25]], target=[0], prediction=[0.5])
    known = make_card(SMALL).model_dump() | {"raw_features": features, "examples": examples}
    card = ModelCard.model_validate(known)
    manifest = ReleaseManifest(release=RELEASE, architectures=[card.architecture], files={})
    return Release(RELEASE, (card.architecture,), manifest, {}, {card.architecture: card})


@pytest.mark.parametrize(
    ("features", "row", "names", "coded"),
    [
        ([AGE, FLAG, ACTIVE], [20.0, True, False], ["raw"], [20, 1, 0]),
        ([AGE, MEMBER], [20.0, True], ["age", "member"], [20, 1]),
    ],
)
def test_the_example_of_raw_rows_is_read(
    features: list[RawFeature], row: list[Cell], names: list[str], coded: list[float]
) -> None:
    raw = raw_input(Columns(features), 4)
    document = with_v2(NO_DOCUMENT, release_of(features, row), raw)
    infer = document["paths"]["/v2/models/{model}/infer"]["post"]
    request = infer["requestBody"]["content"]["application/json"]["examples"]["raw"]["value"]
    assert [tensor["name"] for tensor in request["inputs"]] == names
    assert all(
        type(value) is float for tensor in request["inputs"] if tensor["datatype"] == "FP64" for value in tensor["data"]
    )
    assert make_reader(raw).read(json.dumps(request).encode(), None).rows.tolist() == [coded]


@pytest.mark.parametrize("shown", [True, False])
def test_where_models_are_hidden_the_document_shows_nothing_of_their_table(
    monkeypatch: pytest.MonkeyPatch, *, shown: bool
) -> None:
    unmetered = functools.partial(route_endpoints, make_meter=mock.create_autospec(Meter))
    monkeypatch.setattr("service.answers.routing.route_endpoints", unmetered)
    release = release_of(MIXED, [20.125, 7_654.5, True, False, "Rom", "pro"])
    graphs = {SMALL.name: mock.Mock(card=release.card)}
    models: Any = SimpleNamespace(release=release, architectures=graphs, preprocessing=mock.Mock())
    route: Any = make_routing(models, ServiceSettings(show_models=shown)).routes["/docs.json"]
    document = json.loads(route.answer(Request("GET", "/docs.json", b"", {}, b"", b"id", 0.0)).body)
    validate(document)
    text = json.dumps(document)
    told = [value in text for value in ("20.125", "7654.5", "Rom", "Bonn", '"pro"', "[0.5, 0.25]", '"predictions": [')]
    assert told == [shown] * len(told)
    sent = document["paths"]["/transform"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    *_, city, plan = sent["oneOf"][0]["properties"]["raw"]["items"]["prefixItems"]
    assert shown or (city, plan) == ({"type": ["string"]}, {"type": ["null", "string"]})
