"""The HTTP contract, asked of a real `bentoml serve`: good requests first, then every rule that can be broken."""

import io
import json
from collections.abc import Iterator
from typing import Any

import bentoml
import httpx
import numpy as np
import pytest

from loadtest.target.server import Server
from service.contract.card import Examples
from tests.flow.cases import BAD_BODIES, BAD_NPY, BAD_ROWS, FEATURES, NPY, RAW, npy

ARCHITECTURES = ("small", "large")
TOLERANCE = 1e-5


def close(actual: Any, expected: Any) -> bool:
    actual, expected = np.asarray(actual), np.asarray(expected)
    return bool((np.abs(actual - expected) <= TOLERANCE * (1 + np.abs(expected))).all())


def repeated(values: list[Any], rows: int) -> list[Any]:
    return (values * (rows // len(values) + 1))[:rows]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("rows", [1, 2, 64, 4096])
def test_features_and_raw_rows_are_answered_as_the_card_says(
    client: httpx.Client, examples: dict[str, Examples], architecture: str, rows: int
) -> None:
    known = examples[architecture]
    expected = repeated(known.prediction, rows)
    route = f"/predict/{architecture}"
    binary = npy(repeated(known.features, rows))
    from_npy = client.post(route, content=binary, headers={"Content-Type": NPY})
    from_raw = client.post(f"{route}/raw", json={"raw": repeated(known.raw, rows)})
    assert close(from_npy.json()["predictions"], expected)
    assert close(from_raw.json()["predictions"], expected)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_answer_names_its_architecture_and_its_release(
    client: httpx.Client, examples: dict[str, Examples], architecture: str, release: str
) -> None:
    answer = client.post(f"/predict/{architecture}", json={"features": examples[architecture].features[:3]})
    assert answer.status_code == 200
    assert answer.headers["X-Archscale-Release"] == release
    assert answer.json().keys() == {"predictions", "architecture", "release"}
    assert (answer.json()["architecture"], answer.json()["release"]) == (architecture, release)
    assert close(answer.json()["predictions"], examples[architecture].prediction[:3])


def test_transform_gives_the_features_that_predict_takes(client: httpx.Client, examples: dict[str, Examples]) -> None:
    known = examples["small"]
    answer = client.post("/transform", json={"raw": known.raw[:5]}).json()
    assert close(answer["features"], known.features[:5])
    binary = client.post("/transform", json={"raw": known.raw[:5]}, headers={"Accept": NPY})
    assert np.load(io.BytesIO(binary.content)).shape == (5, FEATURES)


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_goes_in_and_comes_out(client: httpx.Client, examples: dict[str, Examples], dtype: str, order: str) -> None:
    known = examples["large"]
    answer = client.post(
        "/predict/large", content=npy(known.features, dtype, order), headers={"Content-Type": NPY, "Accept": NPY}
    )
    assert answer.headers["Content-Type"] == NPY
    predictions = np.load(io.BytesIO(answer.content), allow_pickle=False)
    assert (predictions.dtype, predictions.shape) == (np.dtype("<f4"), (len(known.prediction),))
    assert close(predictions, known.prediction)


def test_the_models_are_described_without_their_examples(client: httpx.Client, release: str) -> None:
    answer = client.get("/models").json()
    assert answer["release"] == release
    assert list(answer["models"]) == list(ARCHITECTURES)
    assert answer["models"]["small"]["target"]["positive_class"] == "malignant"
    assert "examples" not in answer["models"]["small"]


def test_a_trace_shows_the_rows_way_through_the_layers(client: httpx.Client, examples: dict[str, Examples]) -> None:
    known = examples["large"]
    trace = client.post("/trace/large", json={"raw": known.raw[:1]}).json()
    assert close(trace["features"], known.features[0])
    assert trace["scaled"] == trace["features"][:RAW]
    assert [layer["size"] for layer in trace["hidden"]] == [200] * 5
    for layer in trace["hidden"]:
        assert layer["active_share"] == pytest.approx(np.mean(np.array(layer["values"]) > 0))
    assert close(trace["output"], known.prediction[0])
    assert client.post("/trace/large", json={"raw": known.raw[:2]}).status_code == 422


def test_the_bentoml_client_calls_every_api(service: Server, examples: dict[str, Examples]) -> None:
    known = examples["small"]
    with bentoml.SyncHTTPClient(service.url) as client:
        assert close(client.predict_small(features=known.features[:2])["predictions"], known.prediction[:2])
        assert close(client.predict_small_raw(raw=known.raw[:2])["predictions"], known.prediction[:2])
        assert close(client.transform(raw=known.raw[:2])["features"], known.features[:2])
        with pytest.raises(bentoml.exceptions.BentoMLException, match="exactly 495"):
            client.predict_large(features=[[1.0, 2.0]])


def test_openapi_lists_the_declared_routes(client: httpx.Client) -> None:
    paths = client.get("/docs.json").json()["paths"]
    assert {"/predict/small", "/predict/small/raw", "/predict/large", "/predict/large/raw", "/transform"} <= set(paths)


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/metrics", "/docs.json", "/schema.json"])
def test_bentomls_own_routes_answer_and_name_the_release(client: httpx.Client, path: str, release: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["X-Archscale-Release"]) == (200, release)


@pytest.mark.parametrize(("rows", "row", "column"), [case[1:] for case in BAD_ROWS], ids=[case[0] for case in BAD_ROWS])
def test_a_row_that_breaks_a_rule_is_refused_with_its_place(
    client: httpx.Client, rows: Any, row: int | None, column: int | None, release: str
) -> None:
    answer = client.post("/predict/small", json={"features": rows})
    assert answer.status_code == 422
    problem = answer.json()
    fault = problem["errors"][0] if row is not None else {}
    assert (fault.get("row"), fault.get("column")) == (row, column)
    assert "however" in problem["error"]
    assert answer.headers["X-Archscale-Release"] == problem["release"] == release


@pytest.mark.parametrize(("body", "status"), [case[1:] for case in BAD_BODIES], ids=[case[0] for case in BAD_BODIES])
def test_a_body_that_breaks_a_rule_is_refused(client: httpx.Client, body: bytes, status: int) -> None:
    answer = client.post("/predict/large", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize(("body", "status"), [case[1:] for case in BAD_NPY], ids=[case[0] for case in BAD_NPY])
def test_an_npy_that_breaks_a_rule_is_refused(client: httpx.Client, body: bytes, status: int) -> None:
    answer = client.post("/predict/small", content=body, headers={"Content-Type": NPY})
    assert (answer.status_code, "error" in answer.json()) == (status, True)


def test_a_raw_row_whose_answer_overflows_is_refused_with_its_place(
    client: httpx.Client, examples: dict[str, Examples]
) -> None:
    rows = [examples["small"].raw[0], [*examples["small"].raw[1]]]
    rows[1][4] = 1e30
    for route in ("/predict/small/raw", "/transform", "/trace/small"):
        body = {"raw": rows[1:] if "trace" in route else rows}
        problem = client.post(route, json=body)
        assert (problem.status_code, problem.json()["errors"][0]["column"]) == (422, 4)
    assert client.post("/predict/large/raw", json={"raw": rows}).json()["errors"][0]["row"] == 1


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"])
def test_another_media_type_is_415(client: httpx.Client, media_type: str) -> None:
    answer = client.post("/predict/small", content=b"{}", headers={"Content-Type": media_type})
    assert answer.status_code == 415
    assert NPY in answer.json()["error"]


def test_json_in_another_charset_or_compressed_is_415(client: httpx.Client) -> None:
    latin = {"Content-Type": "application/json; charset=latin-1"}
    packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert client.post("/transform", content=b"{}", headers=latin).status_code == 415
    assert client.post("/transform", content=b"{}", headers=packed).status_code == 415
    second = {"Content-Type": "application/json; profile=x; charset=latin-1"}
    assert client.post("/transform", content=b"{}", headers=second).status_code == 415
    utf8 = {"Content-Type": "application/json; charset=UTF-8; profile=x"}
    assert client.post("/transform", content=b"{}", headers=utf8).status_code == 422


def test_an_answer_that_nobody_accepts_is_406(client: httpx.Client) -> None:
    assert client.post("/predict/small", json={}, headers={"Accept": "text/html"}).status_code == 406


@pytest.mark.parametrize(
    "path", ["/nothing", "/predict", "/predict/none", "/predict/small/", "/models/none/examples", "/static_content/"]
)
def test_an_unknown_route_is_404_and_makes_no_series(client: httpx.Client, path: str) -> None:
    answer = client.post(path, json={})
    assert answer.status_code == 404
    assert f'endpoint="{path}"' not in client.get("/metrics").text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/predict/small", "POST"), ("PUT", "/transform", "POST"), ("POST", "/models", "GET, HEAD")],
)
def test_a_wrong_method_is_405_with_what_is_allowed(client: httpx.Client, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


def test_a_body_over_the_limit_is_413_announced_or_not(client: httpx.Client) -> None:
    def unannounced() -> Iterator[bytes]:
        for _ in range(17):
            yield b" " * 2**20

    for content in (b" " * (16 * 2**20 + 1), unannounced()):
        answer = client.post("/predict/small", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.headers["Connection"]) == (413, "close")


def test_a_chunked_body_is_answered(client: httpx.Client, examples: dict[str, Examples]) -> None:
    body = json.dumps({"features": examples["small"].features[:2]}).encode()

    def chunks() -> Iterator[bytes]:
        for at in range(0, len(body), 1000):
            yield body[at : at + 1000]

    answer = client.post("/predict/small", content=chunks(), headers={"Content-Type": "application/json"})
    assert close(answer.json()["predictions"], examples["small"].prediction[:2])


def test_requests_are_counted_by_architecture_route_and_status(client: httpx.Client) -> None:
    def counted() -> float:
        prefix = 'archscale_requests_total{architecture="small"'
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(prefix) and 'status="422"' in line)

    before = counted()
    client.post("/predict/small", json={"features": []})
    assert counted() == before + 1


def test_a_request_of_any_json_is_answered_or_refused_never_failed(client: httpx.Client) -> None:
    strange: list[Any] = [{}, [[]], [[{}]], [""], [[""]], [[0.5, None]]]
    documents: list[Any] = [0, "", None, [], {}, *({"features": rows} for rows in strange)]
    for document in documents:
        answer = client.post("/predict/small", content=json.dumps(document))
        assert 400 <= answer.status_code < 500


def test_the_time_of_each_stage_is_told_when_asked_for_and_counted(
    client: httpx.Client, examples: dict[str, Examples]
) -> None:
    body = {"features": examples["large"].features[:2]}
    assert "Server-Timing" not in client.post("/predict/large", json=body).headers
    timing = client.post("/predict/large", json=body, headers={"X-Archscale-Timing": "1"}).headers["Server-Timing"]
    stages = dict(part.split(";dur=") for part in timing.split(", "))
    assert list(stages) == ["parse", "infer", "write"]
    assert all(float(milliseconds) > 0 for milliseconds in stages.values())
    series = 'archscale_stage_seconds_total{architecture="large",release='
    counted = [line for line in client.get("/metrics").text.splitlines() if line.startswith(series)]
    assert {stage for stage in stages for line in counted if f'stage="{stage}"' in line} == set(stages)


def test_a_workers_arithmetic_starts_no_threads_beside_those_of_onnx_runtime(service: Server) -> None:
    assert [worker.environ().get("OPENBLAS_NUM_THREADS") for worker in service.workers] == ["1"]
