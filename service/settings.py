"""Every setting of the service: its environment variable, its default, and the check it must pass."""

import math
import os
from pathlib import Path
from typing import Annotated

from pydantic import ByteSize, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.contract.names import check_name
from service.contract.policies import Policy, UnknownCategory

PREFIX = "ARCHSCALE_"
CGROUP = Path("/sys/fs/cgroup")
BODY_BYTES_PER_SECOND = 64 * 1024
"""A body has its time, and a second more for so many bytes that have come."""


class SettingsError(Exception):
    """A setting that can't be used, in one line."""


def count_processors(cgroup: Path = CGROUP) -> int:
    """Processors this process may use: its affinity and its container's limit (control groups 2 and 1), at least 1."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(available, _container_limit(cgroup))))


def _container_limit(cgroup: Path) -> float:
    try:
        if (unified := cgroup / "cpu.max").exists():
            quota, period = unified.read_text().split()
        else:
            quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text()
        return int(quota) / int(period) if quota != "max" and int(quota) > 0 else math.inf
    except (OSError, ValueError):
        return math.inf


class ServiceSettings(BaseSettings):
    """Read from ``ARCHSCALE_...`` by ``load_settings``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    release: str | None = Field(None, min_length=1)
    """The release to serve; None is the newest complete one, or the one a Bento was built with."""
    architectures: Annotated[tuple[str, ...], NoDecode] = ()
    """Serve these alone; empty is all in the release."""
    workers: int = Field(default_factory=count_processors, ge=1)
    threads: int = Field(1, ge=1)
    """ONNX Runtime threads for each worker."""
    max_rows: int = Field(4096, ge=1)
    max_body_bytes: ByteSize = Field(ByteSize(16 * 1024 * 1024), ge=1)
    out_of_range: Policy = "allow"
    """What becomes of raw values outside the range that their column had in training."""
    unknown_category: UnknownCategory = "reject"
    """What becomes of a category's levels that training never saw."""
    turn_batching: bool = True
    """Whether requests that arrive together go through a graph together."""
    deadline_ms: int = Field(1000, ge=1, le=3_600_000)
    """A request that would wait longer until it is begun is refused at once."""
    max_waiting_bytes: ByteSize = Field(ByteSize(16 * 1024 * 1024), ge=1)
    """Of the bodies that arrive and wait in a worker, unless few: a second of work may be 500 MB of 64 rows each."""
    drain_seconds: float = Field(5.0, ge=0, le=3600)
    """So long a worker that was asked to end still answers, while it is not ready."""
    hang_seconds: float = Field(30.0, ge=1, le=3600)
    """A worker whose event loop does not turn for so long is replaced."""
    keep_alive_seconds: float = Field(75.0, gt=0, le=3600)
    """So long a connection stays open on which nothing is under way."""
    head_seconds: float = Field(10.0, gt=0, le=3600)
    """So long the head of a request may take to arrive."""
    body_seconds: float = Field(10.0, gt=0, le=3600)
    """So long its body may take, and a second more for every 64 KiB of it."""
    answer_seconds: float = Field(30.0, gt=0, le=3600)
    """So long a client may read nothing of an answer."""
    max_connections: int = Field(4096, ge=1, le=1_000_000)
    """Of each worker."""
    max_connections_per_address: int = Field(0, ge=0, le=1_000_000)
    """Of each worker with one client's address; 0 is no limit, as behind a proxy, which is one address."""
    access_log: float = Field(0.0, ge=0, le=1)
    """Share of the requests that are logged, one line of JSON each."""
    keys_file: Path | None = None
    """The digests of the keys of which every request must carry one, but for probes; None lets everybody in."""
    rate_limit: float | None = Field(None, gt=0, le=1e6, allow_inf_nan=False)
    """Requests per second that a key may send to this replica, evenly to its workers; None is as many as it likes."""
    show_metrics: bool = True
    """Whether ``/metrics`` is answered."""
    show_models: bool = True
    """Whether ``/models`` and the examples below it are answered, and ``/docs.json`` shows rows and levels."""
    show_documents: bool = True
    """Whether ``/``, ``/docs.json`` and ``/schema.json`` are answered."""

    @property
    def end_seconds(self) -> int:
        """So long a worker may take to end when it has drained: as long as one request that keeps to every limit."""
        waiting = self.head_seconds + self.body_seconds + self.deadline_ms / 1000 + self.answer_seconds
        return math.ceil(waiting + self.max_body_bytes / BODY_BYTES_PER_SECOND)

    @field_validator("architectures", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("architectures")
    @classmethod
    def _check_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_name(name) for name in names)

    @field_validator("rate_limit")
    @classmethod
    def _check_keys_are_told_apart(cls, rate: float | None, info: ValidationInfo) -> float | None:
        if rate is not None and info.data.get("keys_file") is None:
            raise ValueError(f"it is the rate of each key, and needs {PREFIX}KEYS_FILE")
        return rate


def load_settings() -> ServiceSettings:
    """Read the environment; raise SettingsError in one line if a variable is unknown or its value is unusable."""
    known = {PREFIX + name.upper() for name in ServiceSettings.model_fields}
    if unknown := sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known):
        raise SettingsError(
            f"a setting must be one of {', '.join(sorted(known))}, however: {unknown[0]}. Correct or unset it."
        )
    try:
        return ServiceSettings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        raise SettingsError(
            f"{name}: {first['msg']}, however: {os.environ.get(name)!r}. Correct or unset it."
        ) from None
