"""Keys, rates and origins, asked over real sockets: who gets in, what all others are told, and what nobody is told."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import bentoml
import psutil
import pytest
from openapi_spec_validator import validate

from loadtest.record.results import Settings
from loadtest.record.samples import load_samples
from loadtest.study.study import open_study
from loadtest.target.connection import authorize
from service.access.key_file import append_key, make_key
from service.contract.routes import PROBES
from tests.commands import ROOT
from tests.flow.guarded import ORIGIN, RATE, Guarded, read_answer, serve_guarded
from tests.flow.loads import locust
from tests.patience import PATIENCE_SECONDS

ASKED = (
    "/models",
    "/models/small/examples",
    "/metrics",
    "/",
    "/docs.json",
    "/schema.json",
    "/static_content/swagger-ui.css",
    "/nothing",
    "/v2",
    "/v2/models/small",
)
POSTED = ("/predict/small", "/predict/large/raw", "/transform", "/trace/small", "/v2/models/small/infer")
MASKED = ("date", "x-request-id", "vary", "access-control-allow-origin", "content-length")
CHALLENGE = ("401", "Bearer")


@pytest.fixture(scope="module")
def guarded(store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with serve_guarded(store(), tmp_path_factory.mktemp("guarded")) as guarded:
        yield guarded


@pytest.fixture(scope="module")
def rows(guarded: Guarded) -> list[list[float]]:
    found: list[list[float]] = guarded.ask("/models/small/examples", "alice").json()["features"][:2]
    return found


@pytest.mark.parametrize("path", [*ASKED, *POSTED])
def test_every_route_asks_for_a_key_and_says_the_same_on_either_way(guarded: Guarded, path: str) -> None:
    method = "POST" if path in POSTED else "GET"
    answers = [
        guarded.ask(path, method=method, headers=headers)
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Origin": ORIGIN})  # the last one's way is ASGI
    ]
    for answer in answers:
        assert (str(answer.status_code), answer.headers["www-authenticate"]) == CHALLENGE
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert len({str(sorted((k, v) for k, v in a.headers.items() if k not in MASKED)) for a in answers}) == 1
    assert len({json.dumps(answer.json() | {"request_id": ""}) for answer in answers}) == 1
    assert guarded.ask(path, "alice", method=method).status_code != HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("path", sorted(PROBES))
def test_probes_are_answered_to_everybody(guarded: Guarded, path: str) -> None:
    assert guarded.ask(path).status_code == HTTPStatus.OK


@pytest.mark.parametrize("path", ["/predict/small", "/nothing"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_behind_a_wrong_key_is_passed_over_and_the_connection_goes_on(
    guarded: Guarded, rows: Any, path: str, framing: str
) -> None:
    body = json.dumps({"features": rows}).encode()
    sent = body if framing == "length" else b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    frame = f"Content-Length: {len(body)}" if framing == "length" else "Transfer-Encoding: chunked"
    with guarded.connect() as connection:
        connection.sendall(guarded.head("POST", path, "wrong", frame) + sent)
        assert read_answer(connection)[0] == HTTPStatus.UNAUTHORIZED
        connection.sendall(guarded.head("POST", "/predict/small", "alice", f"Content-Length: {len(body)}") + body)
        status, _, content = read_answer(connection)
    assert (status, len(json.loads(content)["predictions"])) == (HTTPStatus.OK, 2)


def test_who_waits_to_be_told_to_go_on_is_told_that_the_key_is_wrong(guarded: Guarded) -> None:
    with guarded.connect() as connection:
        more = ("Content-Length: 1000", "Expect: 100-continue")
        connection.sendall(guarded.head("POST", "/predict/small", None, *more))
        status, headers, _ = read_answer(connection)
        assert (status, headers["connection"]) == (HTTPStatus.UNAUTHORIZED, "close")
        assert connection.recv(1) == b""


def test_a_body_beyond_the_limit_behind_a_wrong_key_is_not_waited_for(guarded: Guarded) -> None:
    with guarded.connect() as connection:
        connection.sendall(guarded.head("POST", "/predict/small", "wrong", f"Content-Length: {2**40}") + b"[" * 1000)
        status, headers, _ = read_answer(connection)
        assert (status, headers["connection"]) == (HTTPStatus.UNAUTHORIZED, "close")
        assert connection.recv(1) == b""


def test_bentomls_client_asks_with_a_token(guarded: Guarded, rows: Any) -> None:
    with bentoml.SyncHTTPClient(guarded.server.url, token=guarded.keys["bob"]) as client:
        assert len(client.predict_small(features=rows)["predictions"]) == 2


def test_a_key_that_asks_too_often_is_told_when_to_come_back_and_others_are_not(guarded: Guarded) -> None:
    asked = 3 * RATE
    with guarded.connect() as connection:
        for _ in range(asked):
            connection.sendall(guarded.head("GET", "/v2", "hasty"))
        answers = [read_answer(connection) for _ in range(asked)]
    statuses = [status for status, _, _ in answers]
    assert statuses[:RATE] == [HTTPStatus.OK] * RATE
    limited = [headers for status, headers, _ in answers if status == HTTPStatus.TOO_MANY_REQUESTS]
    assert limited
    assert {headers["retry-after"] for headers in limited} == {"1"}
    assert guarded.ask("/models", "alice").status_code == HTTPStatus.OK
    assert count(guarded, "hasty", "limited") == len(limited)
    assert count(guarded, "hasty", "allowed") == statuses.count(HTTPStatus.OK)


def count(guarded: Guarded, name: str, outcome: str) -> float:
    """Read the counter of a key."""
    lines = guarded.ask("/metrics", "alice").text.splitlines()
    (line,) = [line for line in lines if line.startswith(f'archscale_access_total{{key="{name}",outcome="{outcome}"')]
    return float(line.split()[-1])


def test_strangers_are_counted(guarded: Guarded) -> None:
    before = count(guarded, "", "refused")
    guarded.ask("/models")
    assert count(guarded, "", "refused") == before + 1


def test_another_origin_may_ask_and_may_read_why_it_is_refused(guarded: Guarded, rows: Any) -> None:
    wants = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    wants["Access-Control-Request-Headers"] = "authorization, content-type"
    allowed = guarded.ask("/predict/small", method="OPTIONS", headers=wants)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (HTTPStatus.OK, ORIGIN)
    assert allowed.headers["x-content-type-options"] == "nosniff"
    assert "Authorization" in allowed.headers["access-control-allow-headers"]
    for key, status in (("alice", HTTPStatus.OK), (None, HTTPStatus.UNAUTHORIZED)):
        answer = guarded.ask("/predict/small", key, method="POST", json={"features": rows}, headers={"Origin": ORIGIN})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, ORIGIN)
    foreign = {"Origin": "https://elsewhere.example"}
    answer = guarded.ask("/predict/small", "alice", method="POST", json={"features": rows}, headers=foreign)
    assert "access-control-allow-origin" not in answer.headers
    assert guarded.ask("/predict/small", method="OPTIONS", headers=wants | foreign).status_code == 400


def test_the_document_says_that_a_key_is_needed(guarded: Guarded) -> None:
    document = guarded.ask("/docs.json", "alice").json()
    validate(document)
    assert document["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}
    assert document["security"] == [{"key": []}]
    assert document["paths"]["/livez"]["get"]["security"] == []
    assert {"401", "429"} <= document["paths"]["/predict/small"]["post"]["responses"].keys()
    assert {"401", "429"} <= document["paths"]["/v2/models/{model}/infer"]["post"]["responses"].keys()


def test_locust_asks_with_the_key_that_a_file_holds(guarded: Guarded, tmp_path: Path) -> None:
    key, samples = tmp_path / "key", tmp_path / "samples.npz"
    key.write_text(guarded.keys["loader"] + "\n")
    asked = ("OpenSmallUser", "--host", guarded.server.url, "--rate", "20", "--seconds", "1")
    ended = locust(*asked, "--results", str(samples), "--api-key-file", str(key))
    assert ended.returncode == 0, ended.stderr
    assert set(load_samples(samples).status) == {HTTPStatus.OK}
    refused = locust(*asked)
    assert refused.returncode == 2
    assert "Give --api-key-file FILE." in refused.stderr


def test_a_study_asks_with_the_key_that_a_file_holds(guarded: Guarded, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(guarded.keys["loader"])
    settings = Settings(
        host=guarded.server.url,
        architectures=["small"],
        body="json",
        rows=1,
        slo_p99_ms=1000,
        quick=True,
        blocks=1,
        seconds=1,
        warm_up_seconds=0.25,
        arrivals="constant",
        seed=0,
        processes=2,  # what a master sends to its workers is text
        price_per_core_hour=None,
    )
    authorize(key)
    try:
        with open_study(settings, tmp_path, lambda _: None, key) as study:
            trial = study.measure(study.open_load("small", 20, 1, 0), "saturation", 0)
    finally:
        authorize(None)
    assert trial.failures == {}
    assert guarded.keys["loader"] not in "".join(file.read_text() for file in tmp_path.glob("*.json"))


def test_a_study_without_the_key_says_what_to_give(guarded: Guarded, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtest", "--quick", "--host", guarded.server.url, "--output", str(tmp_path)]
    for more, words in (((), "Give --api-key-file FILE."), (("--api-key-file", "/nowhere"), "/nowhere: No such file")):
        ended = subprocess.run(
            [*command, *more], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        assert ended.returncode == 2
        (line,) = ended.stderr.strip().splitlines()
        assert words in line


def ask_until(guarded: Guarded, key: str, status: int) -> None:
    """Ask until the answer is this one: a file is looked at once a second."""
    while guarded.ask("/v2", key).status_code != status:
        pass


def test_keys_come_and_go_while_it_serves_and_a_broken_file_changes_nothing(guarded: Guarded) -> None:
    good = guarded.file.read_text()
    guarded.keys["dave"] = make_key()
    append_key(guarded.file, "dave", guarded.keys["dave"])
    ask_until(guarded, "dave", HTTPStatus.OK)
    guarded.file.write_text(f"alice {guarded.keys['alice']}\n")  # a key where its digest should be
    while "the keys stay those that were read before" not in guarded.log.read_text():
        assert guarded.ask("/v2", "dave").status_code in {HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS}
    guarded.file.write_text(good)
    ask_until(guarded, "dave", HTTPStatus.UNAUTHORIZED)
    assert guarded.ask("/v2", "alice").status_code == HTTPStatus.OK


def test_no_key_is_told_to_anybody(guarded: Guarded) -> None:
    for path in ("/metrics", "/predict/small", "/docs.json", "/nothing"):
        guarded.ask(path, "alice")
        guarded.ask(path, headers={"Authorization": f"Basic {guarded.keys['alice']}"})
    processes = [guarded.server.process, *guarded.server.process.children(recursive=True)]
    lines = [" ".join(process.cmdline()) + str(process.environ()) for process in processes if _lives(process)]
    assert lines
    log = guarded.log.read_text()
    assert '"status":401' in log
    logged = {json.loads(line)["route"] for line in log.splitlines() if line.startswith("{")}
    assert logged.isdisjoint(ASKED), "a client may ask for any path, as long as a head may be"
    for place in (log, *lines, *guarded.told):
        assert not [name for name, key in guarded.keys.items() if key in place]


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
