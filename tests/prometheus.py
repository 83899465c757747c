"""A real Prometheus with the configuration of deploy/observability, and what that asks for."""

import json
import math
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from loadtest.target.server import free_port
from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS, get

PROGRAMS = ("prometheus", "promtool")
FOLDER = ROOT / "deploy/observability"
POLL_SECONDS = 0.1
VARIABLES = {
    "$job": "archscale",
    "$namespace": ".*",
    "$instance": ".*",
    "$architecture": ".*",
    "$__rate_interval": "1m",
}
"""Of the dashboard, as Grafana fills them in where nothing is chosen."""


def require() -> None:
    """Skip with one line where there is no Prometheus; fail in continuous integration, where there must be."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        reason = f"rules are checked by {' and '.join(PROGRAMS)}, however: no {missing[0]}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def read_rules() -> list[dict[str, Any]]:
    """Return every recording rule and every alert."""
    files = [yaml.safe_load((FOLDER / name).read_text()) for name in ("rules.yml", "alerts.yml")]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def read_dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    dashboard: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
    return dashboard


def panel_queries() -> dict[str, str]:
    """Return every query of the dashboard by its panel's title and its letter, as Prometheus gets it."""
    return {
        f"{panel['title']} {target['refId']}": fill_in(target["expr"])
        for panel in read_dashboard()["panels"]
        for target in panel.get("targets", ())
    }


def fill_in(expression: str) -> str:
    """Put values in the place of the dashboard's variables."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def metrics_in(expressions: list[str]) -> set[str]:
    """Return the names of this service's metrics in expressions."""
    return set(re.findall(r"\barchscale[_:][a-z0-9_:]+", " ".join(expressions)))


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """Ask its API, and return the data of an answer that is no error."""
        answer = get(f"{self.url}/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    def values(self, expression: str) -> list[float]:
        """Return what an expression is now, for each series that it has, without those that are no number."""
        found = [float(series["value"][1]) for series in self.ask("query", query=expression)["result"]]
        return [value for value in found if not math.isnan(value)]

    def alerts(self) -> dict[str, dict[str, Any]]:
        """Return the alerts that are pending or fire, by name."""
        return {alert["labels"]["alertname"]: alert for alert in self.ask("alerts")["alerts"]}


@contextmanager
def prometheus(folder: Path, configuration: str) -> Iterator[Prometheus]:
    """Start it in ``folder``, with the rules that are deployed and this configuration."""
    shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
    file, log, port = folder / "tested.yml", folder / "prometheus.log", free_port()
    file.write_text(configuration)
    command = [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        started = Prometheus(f"http://127.0.0.1:{port}")
        _wait_until_ready(started.url, process, log)
        yield started
    finally:
        process.terminate()
        process.wait()


def configure(name: str, changes: dict[str, str]) -> str:
    """Return a deployed configuration that looks every second, with these changes of its text."""
    text = (FOLDER / name).read_text()
    often = {f"{what}_interval: 15s": f"{what}_interval: 1s" for what in ("scrape", "evaluation")}
    for old, new in (often | changes).items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if get(f"{url}/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(POLL_SECONDS)
