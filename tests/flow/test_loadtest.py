"""Real Locust against a real service: closed loops, as Locust's users run them."""

import json
from pathlib import Path

import pytest

from loadtest.target.server import Server
from tests.flow.loads import locust

CLOSED = ("--users", "4", "--spawn-rate", "4", "--run-time", "3s")
"""All at once: on a busy machine the last would come late."""


def test_small_and_large_users_as_locusts_users_run_them(service: Server, tmp_path: Path) -> None:
    statistics = tmp_path / "statistics"
    ended = locust(*CLOSED, "SmallUser", "LargeUser", "--host", service.url, "--json-file", str(statistics))
    assert ended.returncode == 0, ended.stderr
    entries = json.loads(statistics.with_suffix(".json").read_text())
    found = {entry["name"]: (entry["num_requests"] > 0, entry["num_failures"]) for entry in entries}
    assert found == {"/predict/small": (True, 0), "/predict/large": (True, 0)}


@pytest.mark.parametrize("body", ["json", "npy", "raw"])
def test_any_architecture_with_any_body(service: Server, body: str) -> None:
    asked = ("ArchitectureUser", "--architecture", "large", "--body", body, "--rows", "3")
    ended = locust(*CLOSED, *asked, "--host", service.url)
    assert ended.returncode == 0, ended.stderr


REFUSED = {
    "an unknown architecture": (("ArchitectureUser", "--architecture", "huge"), "Choose from: small, large."),
    "no architecture": (("ArchitectureUser",), "--architecture NAME"),
    "no rows": (("SmallUser", "--rows", "0"), "at least 1"),
}


@pytest.mark.parametrize(("arguments", "words"), REFUSED.values(), ids=REFUSED)
def test_locust_refuses_what_can_not_be_asked(service: Server, arguments: tuple[str, ...], words: str) -> None:
    ended = locust(*CLOSED, *arguments, "--host", service.url)
    assert ended.returncode == 2
    assert any(words in line for line in ended.stderr.splitlines())
    assert "Traceback" not in ended.stderr
