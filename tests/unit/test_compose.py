"""Two replicas behind a proxy: the memory of a replica suffices, and the proxy's limits are the service's."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.contract.memory import MIB
from service.settings import ServiceSettings
from tests.commands import ROOT
from tests.deployed import assert_memory_suffices, read_settings

DEPLOYED = ROOT / "deploy"
REPLICAS = ("first", "second")


@pytest.fixture
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOYED / "compose.yaml").read_text())["services"]
    return found


@pytest.fixture(params=REPLICAS)
def replica(request: pytest.FixtureRequest, services: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = services[request.param]
    return found


@pytest.fixture
def settings(replica: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> ServiceSettings:
    variables = replica["environment"]
    found = read_settings({name: str(value) for name, value in variables.items()}, monkeypatch)
    assert len(found.model_fields_set) == len(variables)
    return found


def read_mib(text: str) -> int:
    """Return the bytes of a figure as compose and nginx write it."""
    assert text.endswith("m")
    return int(text.removesuffix("m")) * MIB


def test_the_memory_of_a_replica_is_what_it_needs_whatever_is_sent(
    replica: dict[str, Any], settings: ServiceSettings
) -> None:
    assert_memory_suffices(read_mib(replica["mem_limit"]), int(replica["cpus"]), settings)


def test_the_largest_body_is_the_same_for_the_proxy(settings: ServiceSettings) -> None:
    (limit,) = re.findall(r"client_max_body_size (\w+);", (DEPLOYED / "nginx.conf").read_text())
    assert read_mib(limit) == settings.max_body_bytes


def test_a_drain_ends_before_the_grace_period(replica: dict[str, Any], settings: ServiceSettings) -> None:
    assert int(replica["stop_grace_period"].removesuffix("s")) > settings.drain_seconds


def test_the_proxy_asks_the_replicas_at_their_addresses(replica: dict[str, Any]) -> None:
    asked = re.findall(r"^ +server (\S+):(\d+) ", (DEPLOYED / "nginx.conf").read_text(), re.MULTILINE)
    assert (replica["networks"]["inner"]["ipv4_address"], "3000") in asked
    assert len(asked) == len(REPLICAS)


def test_nobody_beyond_this_machine_is_answered_without_keys(services: dict[str, dict[str, Any]]) -> None:
    assert [port for service in services.values() for port in service.get("ports", [])] == ["127.0.0.1:8080:8080"]


def test_all_containers_may_do_nothing_but_serve(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_a_release_that_does_not_start_ends_the_update_at_the_first_replica(tmp_path: Path) -> None:
    page = (ROOT / "docs/deploy.md").read_text()
    (block,) = re.findall(r"```bash\n(export IMAGE=archscale:NEW_TAG\n.*?)```", page, re.DOTALL)
    calls = tmp_path / "calls"
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexit 1\n')
    docker.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["bash", "-c", block], env={**os.environ, "PATH": path}, check=False)
    (call,) = calls.read_text().splitlines()
    assert call.endswith(" first")
