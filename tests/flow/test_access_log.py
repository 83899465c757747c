"""The access log: a line of JSON for each request, or for a share of them, and none by default."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from loadtest.target.server import Server, serve
from tests.patience import PATIENCE_SECONDS, get, post

ASKED = 200


def lines_of(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def test_a_line_tells_what_was_asked_and_what_became_of_it_but_no_value(
    store: Callable[[], Path], tmp_path: Path, release: str
) -> None:
    log = tmp_path / "serve.log"
    with serve(store(), log=log, ARCHSCALE_ACCESS_LOG="1", ARCHSCALE_WORKERS="1") as server:
        rows = get(f"{server.url}/models/large/examples").json()["features"][:3]
        named = {"X-Request-Id": "the-first"}
        assert post(f"{server.url}/predict/large", json={"features": rows}, headers=named).status_code == 200
        assert post(f"{server.url}/transform", json={"raw": [["secret"]]}).status_code == 422
    good, bad = (line for line in lines_of(log) if line["route"] in ("/predict/large", "/transform"))
    assert good.keys() == {"time", "id", "route", "architecture", "release", "rows", "status", "ms"}
    assert (good["id"], good["architecture"], good["release"]) == ("the-first", "large", release)
    assert (good["rows"], good["status"]) == (3, 200)
    assert good["ms"] > 0
    assert (bad["rows"], bad["status"]) == (0, 422)
    assert "secret" not in log.read_text()


def test_a_share_of_the_requests_is_logged(store: Callable[[], Path], tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    with (
        serve(store(), log=log, ARCHSCALE_ACCESS_LOG="0.5", ARCHSCALE_WORKERS="1") as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        for _ in range(ASKED):
            client.post("/transform", json={})
    # Five standard deviations of a fair coin on both sides: a chance of one in a million.
    assert 65 <= len(lines_of(log)) <= 135


def test_nothing_is_logged_by_default(service: Server) -> None:
    assert post(f"{service.url}/transform", json={}).status_code == 422
    assert lines_of(service.log) == []
