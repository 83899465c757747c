"""Counts over several workers, and after one of them died."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from loadtest.target.server import serve
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


def test_counts_are_those_of_all_workers_and_outlive_them(store: Callable[[], Path], tmp_path: Path) -> None:
    with serve(store(), log=tmp_path / "serve.log", ARCHSCALE_WORKERS="2") as server:
        examples = get(f"{server.url}/models/small/examples").json()
        body = {"features": examples["features"][:3]}
        for _ in range(ASKED):  # a connection each, so that both workers are asked
            assert post(f"{server.url}/predict/small", json=body).status_code == 200
        assert counted(server.url, "archscale_requests_total") == ASKED
        assert counted(server.url, "archscale_rows_total") == 3 * ASKED
        assert counted(server.url, "archscale_request_seconds_count") == ASKED
        server.workers[0].kill()
        assert post(f"{server.url}/predict/small", json=body).status_code == 200
        assert counted(server.url, "archscale_requests_total") == ASKED + 1
        assert counted(server.url, "archscale_rows_total") == 3 * (ASKED + 1)


def test_no_process_but_a_worker_imports_them(home: Path) -> None:
    program = "import sys, service.service; print('service.answers.metrics' in sys.modules)"
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "BENTOML_HOME": str(home)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
