"""A table with text, yes and no, and gaps, of two classes, three, or a number to predict: asked of `bentoml serve`."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bentoml
import httpx
import numpy as np
import pytest
from openapi_spec_validator import validate
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

from loadtest.target.server import Server, serve
from tests.bench.fuzz_contract import LIMITS, fuzz
from tests.flow.triton import BOTH_WAYS, connect, refusal
from tests.mixed_release import ROWS, TARGETS
from tests.patience import PATIENCE_SECONDS
from tests.raw_columns import MIXED

NAMES = [feature.name for feature in MIXED]
KNOWN = [row for row in ROWS if row[4] != "Paris"]
UNKNOWN = ROWS.index(next(row for row in ROWS if row[4] == "Paris"))
NPY = "application/x-npy"
TOLERANCE = 1e-5


@contextmanager
def serving(home: Path, program: str = "service.service:Archscale", **settings: str) -> Iterator[Server]:
    with serve(home, program, log=home / "serve.log", **{"ARCHSCALE_WORKERS": "1"} | settings) as server:
        yield server


@pytest.fixture(scope="module")
def two(mixed_home: Callable[[str], Path]) -> Iterator[Server]:
    """Two classes; a level that training never saw is refused."""
    with serving(mixed_home("two")) as server:
        yield server


@pytest.fixture(scope="module")
def three(mixed_home: Callable[[str], Path]) -> Iterator[Server]:
    """Three classes; a level that training never saw is ignored."""
    with serving(mixed_home("three"), ARCHSCALE_UNKNOWN_CATEGORY="ignore") as server:
        yield server


def client_of(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def client(two: Server) -> Iterator[httpx.Client]:
    with client_of(two) as client:
        yield client


@pytest.fixture(scope="module")
def client_of_three(three: Server) -> Iterator[httpx.Client]:
    with client_of(three) as client:
        yield client


def records(rows: list[list[Any]]) -> list[dict[str, Any]]:
    return [dict(reversed(list(zip(NAMES, row, strict=True)))) for row in rows]


def as_csv(rows: list[list[Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(reversed(NAMES))
    writer.writerows(["?" if cell is None else cell for cell in reversed(row)] for row in rows)
    return stream.getvalue()


def predictions(client: httpx.Client) -> list[Any]:
    """What the card says of ``ROWS``."""
    examples: list[Any] = client.get("/models/tiny/examples").json()["prediction"]
    return examples


def close(actual: Any, expected: Any) -> bool:
    actual, expected = np.asarray(actual, float), np.asarray(expected, float)
    return actual.shape == expected.shape and bool((np.abs(actual - expected) <= TOLERANCE * (1 + abs(expected))).all())


@pytest.mark.parametrize("rows", [1, 8])
def test_rows_by_position_by_name_and_as_csv_are_answered_as_the_card_says(client: httpx.Client, rows: int) -> None:
    expected = [value for value, row in zip(predictions(client), ROWS, strict=True) if row in KNOWN][:rows]
    sent = KNOWN[:rows]
    by_position = client.post("/predict/tiny/raw", json={"raw": sent})
    by_name = client.post("/predict/tiny/raw", json={"records": records(sent)})
    table = client.post("/predict/tiny/raw", content=as_csv(sent), headers={"Content-Type": "text/csv; charset=utf-8"})
    assert by_position.content == by_name.content == table.content
    assert close(by_position.json()["predictions"], expected)
    assert list(by_position.json()) == ["predictions", "architecture", "release", "out_of_range", "unknown_categories"]
    assert (by_position.json()["out_of_range"], by_position.json()["unknown_categories"]) == (0, 0)


def test_transform_and_trace_take_all_three_forms(client: httpx.Client) -> None:
    known = client.get("/models/tiny/examples").json()
    bodies = [json.dumps({"raw": ROWS[:1]}), json.dumps({"records": records(ROWS[:1])}), as_csv(ROWS[:1])]
    for body, media_type in zip(bodies, ["application/json", "application/json", "text/csv"], strict=True):
        headers = {"Content-Type": media_type}
        features = client.post("/transform", content=body, headers=headers).json()["features"]
        trace = client.post("/trace/tiny", content=body, headers=headers).json()
        assert close(features, known["features"][:1])
        assert trace["raw"] == [30, 52000, True, True, "Rom", "pro"]
        assert trace["scaled"] == trace["features"][:12]
        assert close(trace["output"], known["prediction"][0])
        assert trace["unknown_categories"] == 0


def test_an_answer_comes_as_csv_where_that_is_asked_for(client: httpx.Client, client_of_three: httpx.Client) -> None:
    for asked, headings, query in (
        (client, ["prediction"], ""),
        (client, ["prediction", "label"], "?labels=true"),
        (client_of_three, ["a", "b, c", "d"], ""),
        (client_of_three, ["a", "b, c", "d", "label"], "?labels=true"),
    ):
        body = {"raw": KNOWN}
        answer = asked.post(f"/predict/tiny/raw{query}", json=body, headers={"Accept": "text/csv"})
        known = asked.post(f"/predict/tiny/raw{query}", json=body).json()
        table = list(csv.reader(io.StringIO(answer.text)))
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["X-Archscale-Release"] == known["release"]
        assert table[0] == headings
        numbers = [[float(cell) for cell in line[: len(headings) - bool(query)]] for line in table[1:]]
        assert numbers == [line if isinstance(line, list) else [line] for line in known["predictions"]]
        if query:
            assert [line[-1] for line in table[1:]] == known["labels"]


def test_two_classes_are_labelled_by_the_cards_threshold(client: httpx.Client) -> None:
    threshold = TARGETS["two"].threshold
    answer = client.post("/predict/tiny/raw?labels=true", json={"raw": KNOWN}).json()
    assert answer["labels"] == ["gone" if value >= threshold else "here" for value in answer["predictions"]]
    assert set(answer["labels"]) == {"gone", "here"}
    assert "labels" not in client.post("/predict/tiny/raw?labels=false&x=1", json={"raw": KNOWN}).json()


def test_three_classes_have_a_probability_each_and_the_likeliest_is_the_label(client_of_three: httpx.Client) -> None:
    features = client_of_three.get("/models/tiny/examples").json()["features"]
    for path, body in (("/predict/tiny/raw", {"raw": ROWS}), ("/predict/tiny", {"features": features})):
        answer = client_of_three.post(f"{path}?labels=true", json=body).json()
        assert answer["classes"] == ["a", "b, c", "d"]
        assert close(answer["predictions"], predictions(client_of_three))
        assert close(np.sum(answer["predictions"], axis=1), np.ones(len(ROWS)))
        assert answer["labels"] == [answer["classes"][place] for place in np.argmax(answer["predictions"], axis=1)]
        binary = client_of_three.post(path, json=body, headers={"Accept": NPY})
        assert np.load(io.BytesIO(binary.content)).shape == (len(ROWS), 3)
        one = client_of_three.post(path, json={name: rows[:1] for name, rows in body.items()}).json()
        assert close(one["predictions"], answer["predictions"][:1])


@pytest.mark.parametrize(
    ("query", "accept", "word"),
    [
        ("labels=yes", "*/*", "must be true or false"),
        ("labels=", "*/*", "must be true or false"),
        ("labels=true&labels=false", "*/*", "must be true or false, however: it is given 2 times"),
        ("labels=true", NPY, "numbers alone"),
    ],
)
def test_labels_that_can_not_be_had_are_400(client: httpx.Client, query: str, accept: str, word: str) -> None:
    answer = client.post(f"/predict/tiny/raw?{query}", json={"raw": KNOWN}, headers={"Accept": accept})
    assert (answer.status_code, answer.json()["rule"], word in answer.json()["detail"]) == (400, "labels", True)


def test_a_number_that_is_predicted_has_no_labels(mixed_home: Callable[[str], Path]) -> None:
    with serving(mixed_home("number")) as server, client_of(server) as client:
        assert close(
            client.post("/predict/tiny/raw", json={"raw": KNOWN[:1]}).json()["predictions"], predictions(client)[:1]
        )
        answer = client.post("/predict/tiny/raw?labels=true", json={"raw": KNOWN})
        assert (answer.status_code, "predicts a number" in answer.json()["detail"]) == (400, True)
        assert "labels" not in json.dumps(client.get("/docs.json").json())


def test_an_unknown_level_is_refused_with_those_that_are_known(client: httpx.Client) -> None:
    answer = client.post("/predict/tiny/raw", json={"raw": ROWS})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"row": UNKNOWN, "column": 4, "name": "city", "rule": "category", "value": "Paris", "levels": MIXED[4].levels}
    ]


def counted(client: httpx.Client) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("archscale_unknown_categories_total{"))


def test_an_unknown_level_is_counted_where_it_is_ignored(client_of_three: httpx.Client) -> None:
    before = counted(client_of_three)
    answer = client_of_three.post("/predict/tiny/raw", json={"records": records(ROWS)}).json()
    assert (answer["out_of_range"], answer["unknown_categories"]) == (1, 1)
    tensors = [
        {"name": name, "datatype": datatype, "shape": [len(ROWS)], "data": [row[place] for row in ROWS]}
        for place, (name, datatype) in enumerate(
            zip(NAMES, ["FP64", "FP64", "BYTES", "BOOL", "BYTES", "BYTES"], strict=True)
        )
    ]
    infer = client_of_three.post("/v2/models/tiny-raw/infer", json={"inputs": tensors}).json()
    assert infer["parameters"] == {"out_of_range": 1, "unknown_categories": 1}
    assert close(np.reshape(infer["outputs"][0]["data"], (-1, 3)), answer["predictions"])
    assert counted(client_of_three) == before + 2


def test_a_file_of_numbers_is_415_and_features_are_as_ever(client: httpx.Client) -> None:
    stream = io.BytesIO()
    np.save(stream, np.ones((1, 6)))
    refused = client.post("/predict/tiny/raw", content=stream.getvalue(), headers={"Content-Type": NPY})
    assert (refused.status_code, "'city' holds text" in refused.json()["detail"]) == (415, True)
    features = client.get("/models/tiny/examples").json()["features"]
    stream = io.BytesIO()
    np.save(stream, np.array(features, np.float32))
    answer = client.post("/predict/tiny", content=stream.getvalue(), headers={"Content-Type": NPY}).json()
    assert close(answer["predictions"], predictions(client))
    assert list(answer) == ["predictions", "architecture", "release"]
    assert client.post("/predict/tiny", content="f0\n1\n", headers={"Content-Type": "text/csv"}).status_code == 415


def test_bentomls_client_takes_rows_by_position_or_by_name(two: Server, client: httpx.Client) -> None:
    with bentoml.SyncHTTPClient(two.url) as sync:
        by_position = sync.predict_tiny_raw(raw=KNOWN[:2])
        assert by_position == sync.predict_tiny_raw(records=records(KNOWN[:2]))
        assert close(by_position["predictions"], predictions(client)[:2])
        assert sync.transform(records=records(KNOWN[:1]))["unknown_categories"] == 0
        for sent in ({}, {"raw": KNOWN[:2], "records": records(KNOWN[:2])}):
            with pytest.raises(bentoml.exceptions.BentoMLException, match="the one member"):
                sync.predict_tiny_raw(**sent)


def tensor(name: str, datatype: str, cells: list[Any], *, binary: bool) -> InferInput:
    numpy_type = {"FP64": np.float64, "BOOL": np.bool_, "BYTES": np.object_}[datatype]
    none: dict[str, Any] = {"FP64": np.nan, "BYTES": ""}
    array: np.ndarray = np.array([none[datatype] if cell is None else cell for cell in cells], numpy_type)
    if name == "plan":
        array = array[:, None]
    return InferInput(name, list(array.shape), datatype).set_data_from_numpy(array, binary_data=binary)


def tensors(rows: list[list[Any]], *, binary: bool) -> list[InferInput]:
    columns = {name: [row[place] for row in rows] for place, name in enumerate(NAMES)}
    columns["active"] = ["" if cell is None else str(cell).lower() for cell in columns["active"]]
    datatypes = {
        "age": "FP64",
        "income": "FP64",
        "member": "BYTES",
        "active": "BYTES",
        "city": "BYTES",
        "plan": "BYTES",
    }
    return [tensor(name, datatypes[name], columns[name], binary=binary) for name in reversed(NAMES)]


@BOTH_WAYS
def test_tritons_client_sends_a_tensor_for_each_column(
    two: Server, three: Server, client: httpx.Client, client_of_three: httpx.Client, binary: bool
) -> None:
    for server, asked, rows in ((two, client, KNOWN), (three, client_of_three, ROWS)):
        with connect(server) as triton:
            expected = [value for value, row in zip(predictions(asked), ROWS, strict=True) if row in rows]
            outputs = [InferRequestedOutput("prediction", binary_data=binary)]
            result = triton.infer("tiny-raw", tensors(rows, binary=binary), outputs=outputs)
            assert close(result.as_numpy("prediction"), expected)
            assert_described(triton, len(np.shape(expected)))
    status, message = refusal(lambda: connect(two).infer("tiny-raw", tensors(ROWS, binary=binary)))
    assert (status, "'Paris'" in message) == ("422", True)


def assert_described(triton: InferenceServerClient, dimensions: int) -> None:
    metadata = triton.get_model_metadata("tiny-raw")
    datatypes = ["FP64", "FP64", "BOOL", "BOOL", "BYTES", "BYTES"]
    described = zip(NAMES, datatypes, strict=True)
    assert metadata["inputs"] == [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in described]
    assert metadata["outputs"][0]["shape"] == [-1, 3][:dimensions]


@pytest.mark.parametrize("server", ["two", "three"])
def test_the_documents_examples_are_answered_as_it_shows(server: str, request: pytest.FixtureRequest) -> None:
    with client_of(request.getfixturevalue(server)) as client:
        document = client.get("/docs.json").json()
        validate(document)
        examples = document["components"]["examples"]
        operation = document["paths"]["/predict/tiny/raw"]["post"]
        shown = operation["responses"]["200"]["content"]["application/json"]["examples"]["held-out rows"]["value"]
        for name, media_type in (("raw", "application/json"), ("records", "application/json"), ("csv", "text/csv")):
            body = examples[name]["value"]
            content = body if isinstance(body, str) else json.dumps(body)
            answer = client.post("/predict/tiny/raw", content=content, headers={"Content-Type": media_type}).json()
            assert close(answer.pop("predictions"), shown["predictions"])
            assert answer == {name: value for name, value in shown.items() if name != "predictions"}
        infer = document["paths"]["/v2/models/{model}/infer"]["post"]["requestBody"]["content"]["application/json"]
        for model, name in (("tiny", "features"), ("tiny-raw", "raw")):
            assert client.post(f"/v2/models/{model}/infer", json=infer["examples"][name]["value"]).status_code == 200
        refused = document["components"]["responses"]["UnprocessableEntity"]["content"]["application/problem+json"]
        ((_, example),) = refused["examples"].items()
        row = [str(ROWS[0][0]), *ROWS[0][1:]]
        answer = client.post("/predict/tiny/raw", json={"raw": [row]}).json()
        assert answer | {"request_id": ""} == example["value"] | {"request_id": ""}


def test_generated_requests_are_answered_as_the_document_says(mixed_home: Callable[[str], Path]) -> None:
    with serving(mixed_home("three"), **LIMITS | {"ARCHSCALE_UNKNOWN_CATEGORY": "reject"}) as server:
        outcome = fuzz(server.url, cases=150, seed=1)
    assert (outcome.errors, outcome.failures) == ([], {})
    assert {200, 400, 405, 406, 415, 422} <= outcome.statuses.keys()


REFUSED: list[tuple[str, str, str]] = [
    ("application/json", json.dumps({"raw": [ROWS[UNKNOWN]]}), "/predict/tiny/raw"),
    ("application/json", json.dumps({"records": [{"age": 1}]}), "/predict/tiny/raw"),
    ("application/json", '{"raw": [[NaN, 1, true, true, "Rom", "pro"]]}', "/transform"),
    ("application/json", json.dumps({"raw": KNOWN}), "/predict/tiny/raw?labels=x"),
    ("text/csv", "age\n1\n", "/predict/tiny/raw"),
    ("text/csv", "age\n1\n", "/predict/tiny"),
    (NPY, "?", "/predict/tiny/raw"),
]


def test_the_front_and_bentomls_own_apis_answer_alike(two: Server, mixed_home: Callable[[str], Path]) -> None:
    accepted: list[tuple[str, str, str]] = [
        ("application/json", json.dumps(body), path)
        for body in ({"raw": KNOWN[:3]}, {"records": records(KNOWN[:1])})
        for path in ("/predict/tiny/raw", "/predict/tiny/raw?labels=true", "/transform")
    ]
    accepted.append(("text/csv", as_csv(KNOWN), "/predict/tiny/raw?labels=true"))
    with serving(mixed_home("two"), "tests.flow.without_front:Unfronted") as unfronted:
        for accept in ("application/json", "text/csv"):
            for media_type, body, path in accepted + REFUSED:
                headers = {"Content-Type": media_type, "Accept": accept, "X-Request-Id": "asked-of-both"}
                ours, theirs = (
                    httpx.post(f"{server.url}{path}", content=body, headers=headers, timeout=PATIENCE_SECONDS)
                    for server in (two, unfronted)
                )
                assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
                assert ours.headers["Content-Type"] == theirs.headers["Content-Type"]
                assert (ours.status_code == 200) == ((media_type, body, path) in accepted)
