"""Prometheus metrics of the front's own routes, exported on BentoML's ``/metrics``.

Import this in a worker alone: prometheus_client looks for PROMETHEUS_MULTIPROC_DIR, which BentoML sets for its
workers, when it is first imported.
"""

from prometheus_client import Counter, Histogram

LABELS = ("architecture", "route", "release")
# From what one row takes (a tenth of a millisecond) to what the largest body takes.
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

REQUESTS = Counter("archscale_requests", "Requests answered by the front, by HTTP status", (*LABELS, "status"))
ROWS = Counter("archscale_rows", "Rows answered", LABELS)
SECONDS = Histogram("archscale_request_seconds", "Seconds from the whole body to the answer", LABELS, buckets=BUCKETS)
