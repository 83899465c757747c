"""Prometheus metrics of the front's own routes, exported on BentoML's ``/metrics``.

Import this in a worker alone: prometheus_client looks for PROMETHEUS_MULTIPROC_DIR, which BentoML sets for its
workers, when it is first imported.
"""

from collections.abc import Sequence

from prometheus_client import Counter, Histogram

LABELS = ("architecture", "route", "release")
# From what one row takes (a tenth of a millisecond) to what the largest body takes.
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

STAGES = ("parse", "infer", "write")

REQUESTS = Counter("archscale_requests", "Requests answered by the front, by HTTP status", (*LABELS, "status"))
ROWS = Counter("archscale_rows", "Rows answered", LABELS)
SECONDS = Histogram("archscale_request_seconds", "Seconds from the whole body to the answer", LABELS, buckets=BUCKETS)
STAGE_SECONDS = Counter("archscale_stage_seconds", "Seconds of answered requests, by stage", (*LABELS, "stage"))


class Meter:
    """The series of one route, looked up once: finding them by their labels costs more than counting."""

    def __init__(self, architecture: str, route: str, release: str) -> None:
        self._labels = (architecture, route, release)
        self._answered = REQUESTS.labels(*self._labels, "200")
        self._rows = ROWS.labels(*self._labels)
        self._seconds = SECONDS.labels(*self._labels)
        self._stages = [STAGE_SECONDS.labels(*self._labels, stage) for stage in STAGES]

    def answered(self, rows: int, stages: Sequence[float]) -> None:
        """Count a request of so many rows. stages: seconds of each of ``STAGES``."""
        self._answered.inc()
        self._rows.inc(rows)
        self._seconds.observe(sum(stages))
        for counter, seconds in zip(self._stages, stages, strict=True):
            counter.inc(seconds)

    def refused(self, status: int) -> None:
        """Count a request that broke a rule."""
        REQUESTS.labels(*self._labels, str(status)).inc()
