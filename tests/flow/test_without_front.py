"""The front and BentoML's own APIs give the same answers: the whole contract, good and bad, asked of both."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadtest.target.server import Server, serve
from tests.flow.cases import BAD_BODIES, BAD_NPY, BAD_ROWS, NPY, npy
from tests.patience import PATIENCE_SECONDS, get

JSON = "application/json"
COMPARED = ("content-type", "content-length", "x-archscale-release", "x-request-id", "connection")


@pytest.fixture(scope="module")
def both(
    service: Server, store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A client of the service, and one of the same APIs with no front before them."""
    log = tmp_path_factory.mktemp("log") / "serve.log"
    with (
        serve(store(), "tests.flow.without_front:Unfronted", log=log) as unfronted,
        httpx.Client(base_url=service.url, timeout=PATIENCE_SECONDS) as with_front,
        httpx.Client(base_url=unfronted.url, timeout=PATIENCE_SECONDS) as without,
    ):
        yield with_front, without


@pytest.fixture(scope="module")
def examples(service: Server) -> dict[str, Any]:
    answer: dict[str, Any] = get(f"{service.url}/models/small/examples").json()
    return answer


def compare(both: tuple[httpx.Client, httpx.Client], path: str, body: bytes, **headers: str) -> httpx.Response:
    """Ask both; return the answer that both gave."""
    named = {"x-request-id": "asked-of-both", **{name.replace("_", "-"): value for name, value in headers.items()}}
    ours, theirs = (client.post(path, content=body, headers=named) for client in both)
    assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
    assert [ours.headers.get(name) for name in COMPARED] == [theirs.headers.get(name) for name in COMPARED]
    return ours


@pytest.mark.parametrize("accept", [JSON, NPY])
@pytest.mark.parametrize("path", ["/predict/small", "/predict/large", "/predict/small/raw", "/transform"])
@pytest.mark.parametrize("rows", [1, 3, 100])
def test_good_rows(
    both: tuple[httpx.Client, httpx.Client], examples: dict[str, Any], path: str, rows: int, accept: str
) -> None:
    key, dtype = ("features", "<f4") if path in ("/predict/small", "/predict/large") else ("raw", "<f8")
    values = examples[key][:rows]
    body = json.dumps({key: values}).encode()
    assert compare(both, path, body, content_type=JSON, accept=accept).status_code == 200
    assert compare(both, path, npy(values, dtype), content_type=NPY, accept=accept).status_code == 200


@pytest.mark.parametrize("rows", [case[1] for case in BAD_ROWS], ids=[case[0] for case in BAD_ROWS])
def test_bad_rows(both: tuple[httpx.Client, httpx.Client], rows: Any) -> None:
    body = json.dumps({"features": rows}).encode()
    assert compare(both, "/predict/small", body, content_type=JSON).status_code == 422


@pytest.mark.parametrize("body", [case[1] for case in BAD_BODIES], ids=[case[0] for case in BAD_BODIES])
def test_bad_bodies(both: tuple[httpx.Client, httpx.Client], body: bytes) -> None:
    assert compare(both, "/predict/large", body, content_type=JSON).status_code >= 400


@pytest.mark.parametrize("body", [case[1] for case in BAD_NPY], ids=[case[0] for case in BAD_NPY])
def test_bad_npy(both: tuple[httpx.Client, httpx.Client], body: bytes) -> None:
    assert compare(both, "/predict/small", body, content_type=NPY).status_code >= 400


def test_rows_that_overflow(both: tuple[httpx.Client, httpx.Client], examples: dict[str, Any]) -> None:
    raw = [examples["raw"][0], [1e30, *examples["raw"][1][1:]]]
    for path in ("/predict/small/raw", "/transform"):
        assert compare(both, path, json.dumps({"raw": raw}).encode(), content_type=JSON).json()["errors"][0]["row"] == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "text/plain"}, 415),
        ({"content_type": f"{JSON}; charset=latin-1"}, 415),
        ({"content_type": JSON, "content_encoding": "gzip"}, 415),
        ({"content_type": JSON, "accept": "text/html"}, 406),
        ({"content_type": JSON, "accept": f"{NPY};q=0.5, {JSON}"}, 200),
        ({"content_type": f"{JSON}; charset=utf-8"}, 200),
    ],
)
def test_media_types(
    both: tuple[httpx.Client, httpx.Client], examples: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    body = json.dumps({"raw": examples["raw"][:2]}).encode()
    assert compare(both, "/transform", body, **headers).status_code == status


def test_a_body_over_the_limit(both: tuple[httpx.Client, httpx.Client]) -> None:
    body = b" " * (16 * 2**20 + 1)
    assert compare(both, "/predict/small", body, content_type=JSON).status_code == 413
