"""Raw values outside the range of their column in training: counted, clipped or refused, as the setting says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadtest.target.server import Server, serve
from tests.patience import PATIENCE_SECONDS


@contextmanager
def serving(store: Callable[[], Path], folder: Path, policy: str) -> Iterator[httpx.Client]:
    settings = {"ARCHSCALE_OUT_OF_RANGE": policy, "ARCHSCALE_WORKERS": "1"}
    with (
        serve(store(), log=folder / "serve.log", **settings) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        yield client


def rows_within_and_outside(client: httpx.Client) -> tuple[list[list[float]], list[list[float]]]:
    """Rows at the ends of the range, and the same with two values beyond them."""
    columns = client.get("/models").json()["models"]["small"]["raw_features"]
    within = [[column["minimum"] for column in columns], [column["maximum"] for column in columns]]
    outside = [list(row) for row in within]
    outside[0][2] -= 1
    outside[1][5] *= 1.5
    return within, outside


def counted(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("archscale_out_of_range_total{"))


def post(client: httpx.Client, path: str, rows: list[list[float]]) -> Any:
    return client.post(path, json={"raw": rows}).json()


@pytest.mark.parametrize("path", ["/predict/small/raw", "/predict/large/raw", "/transform"])
def test_by_default_they_are_answered_and_counted(service: Server, path: str) -> None:
    with httpx.Client(base_url=service.url, timeout=PATIENCE_SECONDS) as client:
        within, outside = rows_within_and_outside(client)
        before = counted(client)
        assert post(client, path, within)["out_of_range"] == 0
        assert counted(client) == before
        assert post(client, path, outside)["out_of_range"] == 2
        assert counted(client) == before + 2


def test_clipped_they_are_answered_as_the_ends_of_the_range(store: Callable[[], Path], tmp_path: Path) -> None:
    with serving(store, tmp_path, "clip") as client:
        within, outside = rows_within_and_outside(client)
        expected, clipped = (post(client, "/predict/small/raw", rows) for rows in (within, outside))
        assert clipped["predictions"] == expected["predictions"]
        assert clipped["out_of_range"] == 2


def test_rejected_they_are_named_with_their_places(store: Callable[[], Path], tmp_path: Path) -> None:
    with serving(store, tmp_path, "reject") as client:
        within, outside = rows_within_and_outside(client)
        assert client.post("/transform", json={"raw": within}).status_code == 200
        answer = client.post("/transform", json={"raw": outside})
        assert answer.status_code == 422
        places = [(fault["rule"], fault["row"], fault["column"], fault["value"]) for fault in answer.json()["errors"]]
        assert places == [("out-of-range", 0, 2, outside[0][2]), ("out-of-range", 1, 5, outside[1][5])]
        assert "ARCHSCALE_OUT_OF_RANGE" in answer.json()["detail"]


def test_the_inference_protocol_counts_them_in_the_answers_parameters(service: Server) -> None:
    with httpx.Client(base_url=service.url, timeout=PATIENCE_SECONDS) as client:
        _, outside = rows_within_and_outside(client)
        tensor = {"name": "raw", "datatype": "FP64", "shape": [2, len(outside[0])], "data": outside}
        answer = client.post("/v2/models/small-raw/infer", json={"inputs": [tensor]}).json()
        assert answer["parameters"] == {"out_of_range": 2}
