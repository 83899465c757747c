"""Samples: one line for every request of a load, kept in full because Locust rounds latencies to whole milliseconds."""

import struct
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

OK = 0
"""Failure code of a request with the right answer; the others index ``Samples.failures`` from 1."""
NO_ANSWER = 0
"""Status of a request that was not answered, or was never sent."""
DROPPED = "dropped: too many under way"
CUT_OFF = "cut off: the test ended"
REFUSED = "status 503"
"""What a service answers that has more to do than time or memory for it, or is not ready."""
UNTIMED = (float("nan"),) * 3


@dataclass(frozen=True)
class Samples:
    """The requests of one load, in the order in which they ended. Instants are seconds since the epoch, float64.

    scheduled: (n,) when it was due (a closed loop: when it was sent); sent: (n,) when the generator took it up, before
    it had a connection; done: (n,) when its answer was whole; status: (n,) int64, HTTP, or 0; failure: (n,) int64, 0
    where the answer was right, otherwise 1 + index into ``failures``; rows: (n,) int64; architecture: (n,) int64,
    index into ``architectures``; parse, infer, write: (n,) milliseconds as the service says, NaN where it does not.
    """

    scheduled: Floats
    sent: Floats
    done: Floats
    status: Integers
    failure: Integers
    rows: Integers
    architecture: Integers
    parse: Floats
    infer: Floats
    write: Floats
    architectures: tuple[str, ...]
    failures: tuple[str, ...]
    generator_share: float
    """Of one processor: what the load generator took, its busiest process if there are several."""

    def __len__(self) -> int:
        return len(self.scheduled)

    @property
    def latency_ms(self) -> Floats:
        """From the instant at which it was due to the whole answer: (n,)."""
        return (self.done - self.scheduled) * 1000

    @property
    def lateness_ms(self) -> Floats:
        """From the instant at which it was due until the generator took it up: (n,)."""
        return (self.sent - self.scheduled) * 1000

    def select(self, chosen: npt.NDArray[np.bool_] | Integers) -> "Samples":
        """Keep the requests where ``chosen`` is true, (n,) bool, or those with these indices, in their order."""
        kept = {name: getattr(self, name)[chosen] for name in COLUMNS}
        return Samples(**kept, **{name: getattr(self, name) for name in OTHERS})

    def count_failures(self) -> dict[str, int]:
        """Reason -> number of requests that failed for it."""
        counts = np.bincount(self.failure, minlength=len(self.failures) + 1)[1:]
        return {reason: int(n) for reason, n in zip(self.failures, counts, strict=True) if n}

    def failed_for(self, reason: str) -> npt.NDArray[np.bool_]:
        """Which requests failed for ``reason``: (n,)."""
        code = self.failures.index(reason) + 1 if reason in self.failures else -1
        return np.equal(self.failure, code)


OTHERS = ("architectures", "failures", "generator_share")
COLUMNS = tuple(field.name for field in fields(Samples) if field.name not in OTHERS)
TYPE_CODES = dict.fromkeys(COLUMNS, "d") | dict.fromkeys(("status", "failure", "rows", "architecture"), "q")
PACK = struct.Struct("".join(TYPE_CODES.values())).pack
ROW = np.dtype([(name, code) for name, code in TYPE_CODES.items()])


class SampleRecorder:
    """Collects samples while a load runs: some 1 us and 80 bytes each."""

    def __init__(
        self, cpu_clock: Callable[[], float] = time.process_time, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._cpu_clock, self._clock = cpu_clock, clock
        self.clear()
        self.started = False
        """Whether a load began: ``clear`` was called since."""

    def clear(self) -> None:
        """Forget everything; the generator's processor time counts from here."""
        self.started = True
        self._rows = bytearray()
        self._architectures: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        self._start = self._clock()
        self._cpu_start = self._cpu_clock()
        self._epoch = time.time() - self._start
        self._share: float | None = None

    def stop(self) -> None:
        """End the load: the generator's processor time counts until here."""
        self._share = (self._cpu_clock() - self._cpu_start) / max(self._clock() - self._start, 1e-9)

    def record(
        self,
        *,
        scheduled: float,
        sent: float,
        done: float,
        status: int,
        failure: str | None,
        rows: int,
        architecture: str,
        timing: Sequence[float] = UNTIMED,
    ) -> None:
        """Append one request. Instants: seconds of the clock; timing: parse, infer and write in milliseconds."""
        code = OK if failure is None else self._failures.setdefault(failure, len(self._failures) + 1)
        number = self._architectures.setdefault(architecture, len(self._architectures))
        self._rows += PACK(scheduled, sent, done, status, code, rows, number, *timing)

    def finish(self) -> Samples:
        """Return what was recorded since the last ``clear``."""
        table = np.frombuffer(bytes(self._rows), ROW)
        columns: dict[str, Any] = {name: table[name].copy() for name in COLUMNS}
        for name in ("scheduled", "sent", "done"):
            columns[name] += self._epoch
        if self._share is None:
            self.stop()
        return Samples(
            **columns,
            architectures=tuple(self._architectures),
            failures=tuple(self._failures),
            generator_share=self._share or 0.0,
        )


def save_samples(samples: Samples, file: Path) -> None:
    """Write a .npz file. Raises OSError."""
    with file.open("wb") as stream:  # an open file: np.savez appends .npz to a name
        write_samples(samples, stream)


def write_samples(samples: Samples, stream: BinaryIO) -> None:
    """Write what makes a .npz file."""
    columns = {name: getattr(samples, name) for name in COLUMNS}
    np.savez_compressed(
        stream,
        **columns,
        architectures=np.array(samples.architectures, dtype=np.str_),
        failures=np.array(samples.failures, dtype=np.str_),
        generator_share=np.array(samples.generator_share),
    )


def load_samples(file: Path) -> Samples:
    """Read what ``save_samples`` wrote; nothing is unpickled. Raises OSError, and ValueError where it is not whole."""
    with file.open("rb") as stream:
        return read_samples(stream, str(file))


def read_samples(stream: BinaryIO, name: str) -> Samples:
    """Read what ``write_samples`` wrote. name: for the error. Raises ValueError where it is not whole."""
    try:
        with np.load(stream, allow_pickle=False) as stored:
            return Samples(
                **{column: stored[column] for column in COLUMNS},
                architectures=tuple(stored["architectures"].tolist()),
                failures=tuple(stored["failures"].tolist()),
                generator_share=float(stored["generator_share"]),
            )
    except (KeyError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{name} must hold all samples of a load, however: {error}. Load again.") from None


def merge(parts: list[Samples]) -> Samples:
    """Join the samples of several generators, in the order in which the requests ended.

    Instants are those of each one's clock: generators on several machines need clocks that agree.
    """
    if len(parts) == 1:
        return parts[0]
    architectures = tuple(dict.fromkeys(name for part in parts for name in part.architectures))
    failures = tuple(dict.fromkeys(reason for part in parts for reason in part.failures))
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    columns["architecture"] = np.concatenate([_renumber(p.architecture, p.architectures, architectures) for p in parts])
    codes = ("", *failures)
    columns["failure"] = np.concatenate([_renumber(part.failure, ("", *part.failures), codes) for part in parts])
    joined = Samples(
        **columns,
        architectures=architectures,
        failures=failures,
        generator_share=max(part.generator_share for part in parts),
    )
    return joined.select(np.argsort(joined.done, kind="stable"))


def _renumber(codes: Integers, names: tuple[str, ...], among: tuple[str, ...]) -> Integers:
    places = np.array([among.index(name) for name in names], dtype=np.int64)
    return places[codes] if len(codes) else codes
