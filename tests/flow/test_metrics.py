"""Counts over several workers, and after one of them died."""

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from loadtest.target.server import Server, serve
from tests.commands import ROOT
from tests.patience import get, post

ASKED = 40


def counted(url: str, name: str) -> float:
    """Sum of the samples ``name`` for ``small``'s predictions."""
    text = get(f"{url}/metrics").text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return sum(
        sample.value
        for sample in samples
        if sample.name == name and sample.labels["architecture"] == "small" and sample.labels["route"] == "predict"
    )


def read(url: str, *names: str) -> tuple[float, ...]:
    """Return metrics without labels."""
    lines = get(f"{url}/metrics").text.splitlines()
    return tuple(float(line.split()[1]) for name in names for line in lines if line.split()[0] == name)


def test_counts_are_those_of_all_workers_and_outlive_them(store: Callable[[], Path], tmp_path: Path) -> None:
    with serve(store(), log=tmp_path / "serve.log", ARCHSCALE_WORKERS="2") as server:
        examples = get(f"{server.url}/models/small/examples").json()
        body = {"features": examples["features"][:3]}
        for _ in range(ASKED):  # a connection each, so that both workers are asked
            assert post(f"{server.url}/predict/small", json=body).status_code == 200
        assert counted(server.url, "archscale_requests_total") == ASKED
        assert counted(server.url, "archscale_rows_total") == 3 * ASKED
        assert counted(server.url, "archscale_request_seconds_count") == ASKED
        assert read(server.url, "archscale_workers", "archscale_worker_starts_total") == (2, 2)
        assert read(server.url, "archscale_resident_memory_bytes", "archscale_cpu_seconds_total") > (0, 0)
        server.workers[0].kill()
        assert post(f"{server.url}/predict/small", json=body).status_code == 200
        assert counted(server.url, "archscale_requests_total") == ASKED + 1
        assert counted(server.url, "archscale_rows_total") == 3 * (ASKED + 1)
        while read(server.url, "archscale_workers", "archscale_workers_ready", "archscale_worker_starts_total") != (
            2,
            2,
            3,
        ):
            pass


def refusals(url: str) -> Counter[tuple[str, str]]:
    """Refusals by rule and status."""
    families = text_string_to_metric_families(get(f"{url}/metrics").text)
    return Counter(
        {
            (sample.labels["rule"], sample.labels["status"]): int(sample.value)
            for family in families
            for sample in family.samples
            if sample.name == "archscale_refusals_total"
        }
    )


def test_refusals_are_counted_by_rule_whoever_refuses(service: Server) -> None:
    before = refusals(service.url)
    post(f"{service.url}/predict/small", json={"features": [[1]]})
    post(f"{service.url}/v2/models/small/infer", content=b"{")
    post(f"{service.url}/v2/models/none/infer", json={})
    get(f"{service.url}/predict/small")
    get(f"{service.url}/nothing")
    where = urlsplit(service.url)
    with socket.create_connection((where.hostname, where.port)) as stranger:
        stranger.sendall(b"no request at all\r\n\r\n")
        while stranger.recv(1024):
            pass
    expected = {("width", "422"): 1, ("json", "400"): 1, ("route", "404"): 2, ("method", "405"): 1, ("http", "400"): 1}
    assert refusals(service.url) - before == expected


def test_no_process_but_a_worker_imports_them(home: Path) -> None:
    program = "import sys, service.service; print('service.answers.metrics' in sys.modules)"
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "BENTOML_HOME": str(home)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
