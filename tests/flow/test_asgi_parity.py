"""The protocol and the ASGI application behind it give the same bytes: one table of requests, good and bad."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.target.server import serve
from tests.flow.cases import BAD_BODIES, BAD_NPY, BAD_ROWS, FEATURES, NPY, RAW, npy
from tests.http_messages import named, read_replies, request
from tests.sockets import exchange

JSON, CSV = "application/json", "text/csv"
CHANGING = re.compile(rb"(date|server-timing): [^\r]*")
LAST = request("/v2", None, named("the-last"), "Connection: close")
"""Behind each request: it shows that the connection goes on, and ends it."""
FAST = ("/predict/small", "/predict/large")
TABLE = ("/predict/small/raw", "/predict/large/raw", "/transform")
ROW, RAW_ROW = [0.5] * FEATURES, [1.0] * RAW


def mask(received: bytes) -> bytes:
    """Return an answer without what differs between two that are the same."""
    return CHANGING.sub(rb"\1: masked", received)


def typed(media_type: str, *more: str) -> list[str]:
    return [f"Content-Type: {media_type}", *more]


def body(key: str, rows: Any) -> bytes:
    return json.dumps({key: rows}).encode()


def infer(*shape: int, name: str = "features") -> bytes:
    width = shape[-1]
    tensor = {"name": name, "datatype": "FP32" if name == "features" else "FP64", "shape": shape}
    return json.dumps({"inputs": [{**tensor, "data": [0.5] * (shape[0] * width)}], "id": "7"}).encode()


Case = tuple[str, bytes | None, list[str], str]


def good_rows() -> Iterator[tuple[str, Case]]:
    """Name -> target, body, lines of the head, method."""
    for path in FAST:
        for rows in (1, 2, 65, 4096):
            yield f"{rows} rows to {path}", (path, npy([ROW] * rows), typed(NPY), "")
        for accept in (JSON, NPY, CSV, "text/html", f"{NPY};q=0.5, */*", ";q=,"):
            yield f"{accept} from {path}", (path, body("features", [ROW] * 3), typed(JSON, f"Accept: {accept}"), "")
    for path in TABLE:
        for rows in (1, 3):
            yield f"{rows} raw rows to {path}", (path, body("raw", [RAW_ROW] * rows), typed(JSON), "")
        yield f"an overflow at {path}", (path, body("raw", [RAW_ROW, [1e30] * RAW]), typed(JSON), "")
        yield f"text to {path}", (path, body("raw", [["x"] * RAW]), typed(JSON), "")
        yield f"CSV to {path}", (path, b"1,2\n3,4\n", typed(CSV), "")
    yield "a trace", ("/trace/small", body("raw", [RAW_ROW]), typed(JSON), "")


def bad_bodies() -> Iterator[tuple[str, Case]]:
    """Rows, JSON and files that break a rule."""
    for name, rows, *_ in BAD_ROWS:
        yield name, ("/predict/small", body("features", rows), typed(JSON), "")
    for name, bad, _ in BAD_BODIES:
        yield f"a body: {name}", ("/predict/large", bad, typed(JSON), "")
    for name, bad, _ in BAD_NPY:
        yield f"npy: {name}", ("/predict/small", bad, typed(NPY), "")


def heads_and_targets() -> Iterator[tuple[str, Case]]:
    """Good rows, asked for in other ways."""
    for name, more in {
        "no media type": [],
        "latin-1": typed(f"{JSON}; charset=latin-1"),
        "another media type": typed("text/plain"),
        "gzip": typed(JSON, "Content-Encoding: gzip"),
        "a media type twice": typed("text/plain", f"Content-Type: {JSON}"),
        "an origin": typed(JSON, "Origin: http://elsewhere"),
        "its timing asked": typed(JSON, "X-Archscale-Timing: 1"),
        "cookies": typed(JSON, "Cookie: a=b", "Authorization: Basic eDp5"),
        "a deadline of no number": typed(JSON, "X-Archscale-Deadline-Ms: soon"),
    }.items():
        yield name, ("/predict/small", body("features", [ROW]), more, "")
    for query in ("labels=true", "labels=maybe", "x=%ff", "labels=true&labels=true"):
        yield f"the query {query}", (f"/predict/small?{query}", body("features", [ROW]), typed(JSON), "")
    yield "a name escaped", ("/predict/sm%61ll", body("features", [ROW]), typed(JSON), "")
    yield "an absolute target", ("http://x/predict/small?labels=true", body("features", [ROW]), typed(JSON), "")
    for model, width, name in (("small", FEATURES, "features"), ("large-raw", RAW, "raw")):
        path = f"/v2/models/{model}/infer"
        yield f"an inference of {model}", (path, infer(2, width, name=name), [], "")
        yield f"a narrow inference of {model}", (path, infer(2, 3, name=name), [], "")
        yield f"an inference of {model} that is none", (path, b"{", [], "")


def other_routes() -> Iterator[tuple[str, Case]]:
    """Documents, probes, what is not there, and other methods."""
    for path in (
        "/models", "/models/small/examples", "/docs.json", "/v2", "/v2/", "/v2/health/live", "/v2/health/ready",
        "/v2/models/small", "/v2/models/small/ready", "/v2/models/none", "/v2/nothing", "/v2/%ff", "/nothing",
        "/models/", "/predict/none", "/predict/small/", "/livez", "/readyz", "/%00", "/a%2Fb", "//models",
    ):  # fmt: skip
        for method in ("GET", "HEAD", "DELETE"):
            yield f"{method} {path}", (path, None, [], method)
    for path in (*FAST, "/transform", "/v2/models/small/infer"):
        for method in ("GET", "HEAD", "PUT", "OPTIONS"):
            yield f"{method} {path}", (path, None, [], method)


CASES = dict(itertools.chain(good_rows(), bad_bodies(), heads_and_targets(), other_routes()))


@pytest.fixture(scope="module")
def both(store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The service with the protocol, and without."""
    logs = tmp_path_factory.mktemp("log")
    settings = {"ARCHSCALE_TURN_BATCHING": "off", "ARCHSCALE_WORKERS": "1", "ARCHSCALE_DRAIN_SECONDS": "0"}
    with (
        serve(store(), log=logs / "with.log", **settings) as with_protocol,
        serve(store(), "tests.flow.without_protocol:WithoutProtocol", log=logs / "without.log", **settings) as without,
    ):
        yield with_protocol.url, without.url


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_both_answer_the_same(both: tuple[str, str], case: Case) -> None:
    target, sent, more, method = case
    data = request(target, sent, named("asked-of-both"), *more, method=method) + LAST
    ours, theirs = (mask(exchange(url, data)) for url in both)
    assert ours == theirs
    first, last = read_replies(ours, [method or "POST", "GET"])
    assert (first.request_id, last.request_id, last.status) == ("asked-of-both", "the-last", 200)


def test_the_two_differ_where_it_is_meant(both: tuple[str, str]) -> None:
    """Or there would be nothing to compare: the protocol refuses what is no HTTP with a problem document."""
    ours, theirs = (read_replies(exchange(url, b"nonsense\r\n\r\n"))[0] for url in both)
    assert (ours.status, theirs.status) == (400, 400)
    assert ours.json()["rule"] == "http"
    assert theirs.body == b"Invalid HTTP request received."


def test_both_refuse_a_body_over_the_limit(both: tuple[str, str]) -> None:
    data = request("/predict/small", b" " * (16 * 2**20 + 1), named("asked-of-both"))
    head = data[: data.index(b"\r\n\r\n") + 4]
    ours, theirs = (mask(exchange(url, head, ends=url == both[0])) for url in both)
    assert ours == theirs
    assert [reply.status for reply in read_replies(ours)] == [413]
