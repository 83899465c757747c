"""A release whose cards name no format, as version 0.1 trained it (tests/flow/format_1), is served as it was then.

It was trained on 120 rows of three columns with: python -m training --target heavy --architecture tiny=1x3 --epochs 2
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from loadtest.target.server import serve
from tests.patience import PATIENCE_SECONDS

RELEASE = Path(__file__).with_name("format_1")
MOST_BYTES = 60_000
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("format-1") / "home"
    shutil.copytree(RELEASE, home)
    with (
        serve(home, log=home / "serve.log", ARCHSCALE_WORKERS="1") as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        yield client


def test_the_release_is_small_and_its_card_names_no_format() -> None:
    assert sum(file.stat().st_size for file in RELEASE.rglob("*") if file.is_file()) <= MOST_BYTES
    (card,) = RELEASE.glob("models/archscale-tiny/*/card.json")
    assert "format" not in json.loads(card.read_text())


def test_its_rows_are_answered_as_its_card_says(client: httpx.Client) -> None:
    known = client.get("/models/tiny/examples").json()
    raw = client.post("/predict/tiny/raw", json={"raw": known["raw"]}).json()
    assert list(raw) == ["predictions", "architecture", "release", "out_of_range"]
    features = client.post("/predict/tiny", json={"features": known["features"]}).json()
    for answer in (raw, features):
        np.testing.assert_allclose(answer["predictions"], known["prediction"], rtol=TOLERANCE, atol=TOLERANCE)
    assert client.post("/trace/tiny", json={"raw": known["raw"][:1]}).json()["scaled"] == features_of(client, known)[:3]


def features_of(client: httpx.Client, known: dict[str, list[list[float]]]) -> list[float]:
    features: list[float] = client.post("/transform", json={"raw": known["raw"][:1]}).json()["features"][0]
    return features


def test_its_rows_come_by_name_and_as_csv_and_are_labelled(client: httpx.Client) -> None:
    body = {"records": [{"age": 40, "height": 180.0, "weight": 95.5}]}
    answer = client.post("/predict/tiny/raw?labels=true", json=body)
    assert answer.json()["labels"] in (["yes"], ["no"])
    headers = {"Content-Type": "text/csv"}
    table = client.post("/predict/tiny/raw?labels=true", content="age,height,weight\n40,180,95.5\n", headers=headers)
    assert table.content == answer.content


def test_its_raw_model_takes_one_tensor_of_numbers(client: httpx.Client) -> None:
    assert client.get("/v2/models/tiny-raw").json()["inputs"] == [{"name": "raw", "datatype": "FP64", "shape": [-1, 3]}]
