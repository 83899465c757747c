"""What the OpenAPI document says of /v2: its example of raw rows is one that the protocol's reader takes."""

import json
from typing import Any

import pytest

from service.codec.column_tensors import make_reader
from service.codec.columns import Columns
from service.codec.rows import raw_input
from service.contract.card import Cell, Examples, ModelCard, RawFeature
from service.contract.files import ReleaseManifest
from service.models.release import Release
from service.openapi.v2 import with_v2
from tests.cards import RELEASE, make_card
from tests.raw_columns import ACTIVE, AGE, FLAG, MEMBER
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
