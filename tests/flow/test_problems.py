"""What a refusal says: one envelope (RFC 9457) for every route, with the places, the remedy and the request's id."""

from typing import Any

import httpx
import pytest

from tests.flow.cases import FEATURES, RAW

PROBLEM = "application/problem+json"


REFUSALS: dict[str, tuple[str, str, dict[str, Any], int, str, str]] = {
    "no such route": ("GET", "/nothing", {}, 404, "route", "GET /models lists the architectures"),
    "no such architecture": (
        "POST",
        "/predict/none",
        {"json": {}},
        404,
        "route",
        "GET /models lists the architectures",
    ),
    "another method": ("DELETE", "/predict/small", {}, 405, "method", "must be POST"),
    "nothing acceptable": (
        "POST",
        "/transform",
        {"headers": {"Accept": "text/html"}},
        406,
        "accept",
        "application/x-npy",
    ),
    "another media type": ("POST", "/transform", {"content": b"a,b"}, 415, "media-type", "must be application/json"),
    "no JSON": (
        "POST",
        "/transform",
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        400,
        "json",
        "Send",
    ),
    "no member": ("POST", "/transform", {"json": {"rows": []}}, 422, "members", 'Send {"raw": [[...], ...]}'),
    "no rows": ("POST", "/transform", {"json": {"raw": []}}, 422, "row-count", "Send at least one"),
    "a narrow row": ("POST", "/transform", {"json": {"raw": [[1]]}}, 422, "width", "GET /models lists the columns"),
    "text": ("POST", "/transform", {"json": {"raw": [["1"] * RAW]}}, 422, "number", "without quotes"),
    "a large number": (
        "POST",
        "/predict/small",
        {"json": {"features": [[1e300] * FEATURES]}},
        422,
        "finite",
        "Correct it",
    ),
}


@pytest.mark.parametrize(("method", "path", "sent", "status", "rule", "remedy"), REFUSALS.values(), ids=REFUSALS)
def test_every_refusal_is_a_problem_document_that_names_the_rule_the_fact_and_the_remedy(
    client: httpx.Client,
    method: str,
    path: str,
    sent: dict[str, Any],
    status: int,
    rule: str,
    remedy: str,
    release: str,
) -> None:
    if "content" in sent and "headers" not in sent:
        sent = {**sent, "headers": {"Content-Type": "text/plain"}}
    answer = client.request(method, path, **sent)
    problem = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)
    assert (problem["status"], problem["type"], problem["rule"]) == (status, f"urn:archscale:problem:{rule}", rule)
    assert problem["title"]
    assert problem["error"] == problem["detail"]
    assert ", however: " in problem["detail"]
    assert remedy in problem["detail"]
    assert problem["release"] == release


def test_bad_values_are_listed_with_row_column_name_value_and_rule(client: httpx.Client) -> None:
    names = [column["name"] for column in client.get("/models").json()["models"]["small"]["raw_features"]]
    rows: list[list[Any]] = [[1.0] * RAW, [1.0] * RAW, [1.0] * 3]
    rows[1][4], rows[1][7] = "12", None
    problem = client.post("/predict/large/raw", json={"raw": rows}).json()
    assert problem["errors"] == [
        {"row": 1, "column": 4, "name": names[4], "value": "12", "rule": "number"},
        {"row": 1, "column": 7, "name": names[7], "value": None, "rule": "number"},
        {"row": 2, "rule": "width"},
    ]
    assert f"row 1, column 4 ({names[4]!r}) is text ('12')" in problem["detail"]
    assert "2 other places" in problem["detail"]


def test_at_most_twenty_bad_values_are_listed(client: httpx.Client) -> None:
    problem = client.post("/predict/small", json={"features": [[None] * FEATURES] * 3}).json()
    assert [fault["column"] for fault in problem["errors"]] == list(range(20))


@pytest.mark.parametrize("path", ["/predict/small", "/models", "/nothing", "/livez"])
def test_a_request_keeps_the_id_that_it_came_with(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"X-Request-Id": "order-66/7"})
    assert answer.headers["X-Request-Id"] == "order-66/7"
    if answer.status_code >= 400:
        assert answer.json()["request_id"] == "order-66/7"


@pytest.mark.parametrize(
    "given", [{}, {"X-Request-Id": ""}, {"X-Request-Id": "with a space"}, {"X-Request-Id": "x" * 129}]
)
def test_a_request_without_a_usable_id_is_given_one_of_its_own(client: httpx.Client, given: dict[str, str]) -> None:
    ids = {client.get("/models", headers=given).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
    assert not ids & set(given.values())
