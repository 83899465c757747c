"""Two replicas behind a proxy: the memory of a replica suffices, and the proxy's limits are the service's."""

import re
from typing import Any

import pytest
import yaml

from service.contract.memory import MIB
from service.settings import ServiceSettings
from tests.commands import ROOT
from tests.deployed import assert_memory_suffices, read_settings

DEPLOYED = ROOT / "deploy"
REPLICAS = ("first", "second")


@pytest.fixture(params=REPLICAS)
def replica(request: pytest.FixtureRequest) -> dict[str, Any]:
    services: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOYED / "compose.yaml").read_text())["services"]
    return services[request.param]


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
