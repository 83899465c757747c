"""The OpenAPI document tells the truth: it is valid and complete, and real answers are as it says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from loadtest.target.server import serve
from tests.bench.fuzz_contract import LIMITS, METHODS, Outcome, fuzz
from tests.flow.cases import FEATURES, NPY, RAW

ARCHITECTURES = ("small", "large")
POSTS = {"/transform"} | {
    path for name in ARCHITECTURES for path in (f"/predict/{name}", f"/predict/{name}/raw", f"/trace/{name}")
}
READS = {"/models", *(f"/models/{name}/examples" for name in ARCHITECTURES)}
BENTOML = {"/", "/livez", "/healthz", "/readyz", "/metrics", "/docs.json", "/schema.json"}
OF_A_MODEL = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")
V2 = {"/v2", "/v2/health/live", "/v2/health/ready"} | {
    route + more for route in OF_A_MODEL for more in ("", "/ready", "/infer")
}
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/docs.json").json()
    return answer


def resolve(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference within the document."""
    found = document
    for name in part.get("$ref", "#").split("/")[1:]:
        found = found[name]
    return found if "$ref" in part else part


def shown_values(document: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    """Values of the examples of a media type."""
    return [resolve(document, example)["value"] for example in content.get("examples", {}).values()]


def test_the_document_is_valid_openapi_and_names_its_release(document: dict[str, Any], release: str) -> None:
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == release


def test_every_route_is_in_the_document_and_no_other(document: dict[str, Any]) -> None:
    assert set(document["paths"]) == POSTS | READS | BENTOML | V2


@pytest.mark.parametrize("path", sorted(POSTS | READS | BENTOML | V2))
def test_a_path_answers_the_methods_that_are_in_the_document(
    client: httpx.Client, document: dict[str, Any], release: str, path: str
) -> None:
    documented = {method.upper() for method in METHODS & document["paths"][path].keys()}
    asked = path.format(model="small", version=release)
    answer = client.request("PATCH", asked)
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, documented)
    for method in {"GET", "HEAD"} & documented:
        assert client.request(method, asked).status_code == 200


@pytest.mark.parametrize("path", sorted(POSTS))
def test_a_body_is_described_with_its_width_its_limits_and_its_media_types(document: dict[str, Any], path: str) -> None:
    operation = document["paths"][path]["post"]
    content = operation["requestBody"]["content"]
    of_features = path in {f"/predict/{name}" for name in ARCHITECTURES}
    assert content.keys() == {"application/json", NPY} | (set() if of_features else {"text/csv"})
    schema = content["application/json"]["schema"]
    for form in [schema] if of_features else schema["oneOf"]:
        ((key, rows),) = form["properties"].items()
        if key == "records":
            assert len(rows["items"]["required"]) == RAW
        else:
            assert rows["items"]["minItems"] == rows["items"]["maxItems"] == (FEATURES if of_features else RAW)
        assert (rows["minItems"], rows["maxItems"]) == (1, 1 if "trace" in path else 4096)
    assert str(16 * 2**20) in operation["description"]
    assert operation["responses"].keys() == {"200", "400", "405", "406", "413", "415", "422", "503"}


@pytest.mark.parametrize("path", sorted(POSTS))
def test_the_examples_of_the_document_are_answered_as_it_shows(
    client: httpx.Client, document: dict[str, Any], path: str
) -> None:
    operation = document["paths"][path]["post"]
    content = operation["requestBody"]["content"]
    bodies = [json.dumps(body).encode() for body in shown_values(document, content["application/json"])]
    texts = [text.encode() for text in shown_values(document, content.get("text/csv", {}))]
    (answered,) = shown_values(document, operation["responses"]["200"]["content"]["application/json"]) or [{}]
    for media_type, body in [*(("application/json", body) for body in bodies), *(("text/csv", text) for text in texts)]:
        answer = client.post(path, content=body, headers={"Content-Type": media_type})
        assert answer.status_code == 200
        for member, value in answered.items():
            assert answer.json()[member] == approximately(value)


def test_the_examples_of_the_protocol_are_answered(client: httpx.Client, document: dict[str, Any]) -> None:
    operation = document["paths"]["/v2/models/{model}/infer"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    for model, name in (("small", "features"), ("large-raw", "raw")):
        assert client.post(f"/v2/models/{model}/infer", json=examples[name]["value"]).status_code == 200


def test_the_refusal_that_the_document_shows_is_that_of_the_service(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    content = document["components"]["responses"]["UnprocessableEntity"]["content"]["application/problem+json"]
    ((_, example),) = content["examples"].items()
    row = client.get("/models/small/examples").json()["raw"][0]
    answer = client.post("/predict/small/raw", json={"raw": [[str(row[0]), *row[1:]]]})
    assert answer.json() | {"request_id": ""} == example["value"] | {"request_id": ""}


def approximately(value: Any) -> Any:
    """Compare numbers at any depth: the card's digits are training's, the answer's are this machine's."""
    if isinstance(value, list):
        return [approximately(part) for part in value]
    if isinstance(value, str):
        return value
    return pytest.approx(value, rel=TOLERANCE, abs=TOLERANCE)


@pytest.fixture(scope="module")
def outcome(store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What a few hundred generated requests found, the same in every run."""
    with serve(store(), log=tmp_path_factory.mktemp("log") / "serve.log", **LIMITS) as server:
        return fuzz(server.url, cases=300, seed=1)


@pytest.mark.parametrize(
    "check",
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
        "allow_header_conformance",
    ],
)
def test_generated_requests_are_answered_as_the_document_says(outcome: Outcome, check: str) -> None:
    assert outcome.checks[check] > 200
    assert outcome.failures.get(check, {}) == {}


def test_generated_requests_reach_answers_and_refusals(outcome: Outcome) -> None:
    assert outcome.errors == []
    assert {200, 400, 405, 406, 415, 422} <= outcome.statuses.keys()
