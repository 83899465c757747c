"""What a deployment gives the service, and what that needs."""

import os
from collections.abc import Mapping

import pytest

from service.contract.memory import count_needed_bytes
from service.settings import PREFIX, ServiceSettings, load_settings
from service.web.metrics_folder import WORKER_BYTES as METRICS_BYTES

MOST_TO_SPARE = 1.25


def read_settings(variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> ServiceSettings:
    """Return what the service makes of the variables that are set. Raises SettingsError."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def assert_memory_suffices(memory: int, workers: int, settings: ServiceSettings) -> None:
    """The limit, bytes, is what the service needs whatever is sent, and not much more; /tmp lies in memory."""
    needed = count_needed_bytes(workers, settings.max_body_bytes) + workers * METRICS_BYTES
    assert needed <= memory <= MOST_TO_SPARE * needed
