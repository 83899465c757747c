"""Prometheus metrics of the front's own routes, exported on BentoML's ``/metrics``.

Import this in a worker alone: prometheus_client looks for PROMETHEUS_MULTIPROC_DIR, which BentoML sets for its
workers, when it is first imported.
"""

import bisect
import functools
import json
import math
import mmap
import os
from http import HTTPStatus
from pathlib import Path

from prometheus_client import Counter, Histogram
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.utils import floatToGoString

from service.codec.problems import Problem

LABELS = ("architecture", "route", "release")
# From what one row takes (a tenth of a millisecond) to what the largest body takes.
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

STAGES = ("parse", "infer", "write")
STATUSES = ("200", "500", "503")
"""Counted from the start: of a series that begins with its first request Prometheus sees no rise."""
RULES = (
    ("internal", HTTPStatus.INTERNAL_SERVER_ERROR),
    ("deadline", HTTPStatus.SERVICE_UNAVAILABLE),
    ("room", HTTPStatus.SERVICE_UNAVAILABLE),
    ("connections", HTTPStatus.SERVICE_UNAVAILABLE),
    ("key", HTTPStatus.UNAUTHORIZED),
    ("rate", HTTPStatus.TOO_MANY_REQUESTS),
    ("category", HTTPStatus.UNPROCESSABLE_ENTITY),
)
"""Refusals that alerts look at, counted from the start too."""

REQUESTS = Counter("archscale_requests", "Requests answered by the front, by HTTP status", (*LABELS, "status"))
ROWS = Counter("archscale_rows", "Rows answered", LABELS)
OUT_OF_RANGE = Counter("archscale_out_of_range", "Raw values outside the range of their column in training", LABELS)
UNKNOWN = Counter("archscale_unknown_categories", "Levels of categories that training never saw", LABELS)
SECONDS = Histogram(
    "archscale_request_seconds",
    "Seconds from a request's last byte to its answer, waiting included",
    LABELS,
    buckets=BUCKETS,
)
STAGE_SECONDS = Counter("archscale_stage_seconds", "Seconds of answered requests, by stage", (*LABELS, "stage"))
REFUSALS = Counter(
    "archscale_refusals", "Requests that were refused, by the rule that they broke and the status", ("rule", "status")
)


class Cells:
    """Numbers of this process and one metric type, in the file that prometheus_client shares with ``/metrics``.

    They are counted in place. ``inc`` of prometheus_client 0.26 asks for the process id, takes a lock, packs two
    numbers and reads the clock, 1 us for each of the seven numbers of a request; this takes a tenth of that. What is
    counted is in the file at once, and so outlives the process.
    """

    def __init__(self, kind: str) -> None:
        path = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) / f"{kind}_{os.getpid()}.db"
        with path.open("r+b") as file:
            self.numbers = memoryview(mmap.mmap(file.fileno(), 0)).cast("d")
        self._places: dict[tuple[object, ...], int] = {}
        for key, _, _, position in MmapedDict.read_all_values_from_file(path):  # type: ignore[no-untyped-call]
            _, name, labels, _ = json.loads(key)
            self._places[name, *sorted(labels.items())] = position // self.numbers.itemsize

    def place(self, name: str, **labels: str) -> int:
        """Index in ``numbers`` of a sample that prometheus_client has already made."""
        return self._places[name, *sorted(labels.items())]


class Meter:
    """The numbers of one route."""

    def __init__(self, architecture: str, route: str, release: str) -> None:
        self._labels = dict(zip(LABELS, (architecture, route, release), strict=True))
        for status in STATUSES:
            REQUESTS.labels(**self._labels, status=status)
        self._refusals: dict[int, Counter] = {}
        ROWS.labels(**self._labels)
        OUT_OF_RANGE.labels(**self._labels)
        UNKNOWN.labels(**self._labels)
        SECONDS.labels(**self._labels)
        for stage in STAGES:
            STAGE_SECONDS.labels(**self._labels, stage=stage)
        counters, histograms = Cells("counter"), Cells("histogram")
        self._counts, self._spread = counters.numbers, histograms.numbers
        self._requests = counters.place("archscale_requests_total", **self._labels, status="200")
        self._rows = counters.place("archscale_rows_total", **self._labels)
        self._out_of_range = counters.place("archscale_out_of_range_total", **self._labels)
        self._parse, self._infer, self._write = (
            counters.place("archscale_stage_seconds_total", **self._labels, stage=stage) for stage in STAGES
        )
        self._seconds = histograms.place("archscale_request_seconds_sum", **self._labels)
        self._buckets = [
            histograms.place("archscale_request_seconds_bucket", **self._labels, le=floatToGoString(bound))  # type: ignore[no-untyped-call]
            for bound in (*BUCKETS, math.inf)
        ]

    def answered(self, rows: int, out_of_range: int, seconds: float, stages: tuple[float, float, float]) -> None:
        """Count a request: its rows, its values out of range, its seconds in all, and those of each of ``STAGES``."""
        parse, infer, write = stages
        counts, spread = self._counts, self._spread
        counts[self._requests] += 1
        counts[self._rows] += rows
        counts[self._out_of_range] += out_of_range
        counts[self._parse] += parse
        counts[self._infer] += infer
        counts[self._write] += write
        spread[self._seconds] += seconds
        spread[self._buckets[bisect.bisect_left(BUCKETS, seconds)]] += 1

    def met_unknown(self, levels: int) -> None:
        """Count levels of categories that training never saw."""
        UNKNOWN.labels(**self._labels).inc(levels)

    def refused(self, status: int) -> None:
        """Count a request that broke a rule."""
        counter = self._refusals.get(status)
        if counter is None:
            counter = self._refusals[status] = REQUESTS.labels(**self._labels, status=str(status))
        counter.inc()


def count_refusal(problem: Problem) -> None:
    """Count a problem that a client is told of, whichever route it asked for."""
    _refusals_for(problem.rule, problem.status).inc()


@functools.cache  # rules are few, and ``labels`` takes as long as ``inc``
def _refusals_for(rule: str, status: HTTPStatus) -> Counter:
    return REFUSALS.labels(rule, str(status.value))


for _rule, _status in RULES:
    _refusals_for(_rule, _status)
