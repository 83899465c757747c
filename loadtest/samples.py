"""Samples: one line for every request of a load, kept in full because Locust rounds latencies to whole milliseconds."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

OK = 0
"""Code of a request without failure; the others index ``Samples.failures`` from 1."""


@dataclass(frozen=True)
class Samples:
    """The requests of one load, in the order in which they ended.

    start: (n,) float64, seconds since the epoch; latency_ms: (n,) float64, by the performance counter;
    rows: (n,) int64, rows asked for; architecture: (n,) int64, index into ``architectures``;
    failure: (n,) int64, 0 where the answer was right, otherwise 1 + index into ``failures``.
    """

    start: npt.NDArray[np.float64]
    latency_ms: npt.NDArray[np.float64]
    rows: npt.NDArray[np.int64]
    architecture: npt.NDArray[np.int64]
    failure: npt.NDArray[np.int64]
    architectures: tuple[str, ...]
    failures: tuple[str, ...]
    generator_cpu_seconds: float
    """Processor time that the load generator itself took, from the start of the test to its end."""

    def __len__(self) -> int:
        return len(self.start)

    @property
    def end(self) -> npt.NDArray[np.float64]:
        """When each request ended: (n,) float64, seconds since the epoch."""
        return self.start + self.latency_ms / 1000

    def select(self, chosen: npt.NDArray[np.bool_]) -> "Samples":
        """Keep the requests where ``chosen``, (n,) bool, is true."""
        return Samples(
            start=self.start[chosen],
            latency_ms=self.latency_ms[chosen],
            rows=self.rows[chosen],
            architecture=self.architecture[chosen],
            failure=self.failure[chosen],
            architectures=self.architectures,
            failures=self.failures,
            generator_cpu_seconds=self.generator_cpu_seconds,
        )

    def count_failures(self) -> dict[str, int]:
        """Reason -> number of requests that failed for it."""
        counts = np.bincount(self.failure, minlength=len(self.failures) + 1)[1:]
        return {reason: int(n) for reason, n in zip(self.failures, counts, strict=True) if n}


class SampleRecorder:
    """Collects samples while a load runs: about 1 us and 40 bytes each."""

    def __init__(self, cpu_clock: Callable[[], float]) -> None:
        self._cpu_clock = cpu_clock
        self.clear()

    def clear(self) -> None:
        """Forget everything; the generator's processor time counts from here."""
        self._start, self._latency_ms = array("d"), array("d")
        self._rows, self._architecture, self._failure = array("q"), array("q"), array("q")
        self._architectures: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        self._cpu_start = self._cpu_clock()

    def record(self, *, start: float, latency_ms: float, rows: int, architecture: str, failure: str | None) -> None:
        """Append one request. start: seconds since the epoch; failure: why it failed, or None."""
        self._start.append(start)
        self._latency_ms.append(latency_ms)
        self._rows.append(rows)
        self._architecture.append(self._architectures.setdefault(architecture, len(self._architectures)))
        self._failure.append(OK if failure is None else self._failures.setdefault(failure, len(self._failures) + 1))

    def finish(self) -> Samples:
        """Return what was recorded since the last ``clear``."""
        return Samples(
            start=np.array(self._start),
            latency_ms=np.array(self._latency_ms),
            rows=np.array(self._rows),
            architecture=np.array(self._architecture),
            failure=np.array(self._failure),
            architectures=tuple(self._architectures),
            failures=tuple(self._failures),
            generator_cpu_seconds=self._cpu_clock() - self._cpu_start,
        )


def save_samples(samples: Samples, file: Path) -> None:
    """Write a .npz file. Raises OSError."""
    with file.open("wb") as stream:  # an open file: np.savez appends .npz to a name
        np.savez(
            stream,
            start=samples.start,
            latency_ms=samples.latency_ms,
            rows=samples.rows,
            architecture=samples.architecture,
            failure=samples.failure,
            architectures=np.array(samples.architectures, dtype=np.str_),
            failures=np.array(samples.failures, dtype=np.str_),
            generator_cpu_seconds=np.array(samples.generator_cpu_seconds),
        )


def load_samples(file: Path) -> Samples:
    """Read what ``save_samples`` wrote; nothing is unpickled. Raises OSError, ValueError or KeyError."""
    with np.load(file, allow_pickle=False) as stored:
        return Samples(
            start=stored["start"],
            latency_ms=stored["latency_ms"],
            rows=stored["rows"],
            architecture=stored["architecture"],
            failure=stored["failure"],
            architectures=tuple(stored["architectures"].tolist()),
            failures=tuple(stored["failures"].tolist()),
            generator_cpu_seconds=float(stored["generator_cpu_seconds"]),
        )
