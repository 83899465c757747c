"""What a worker has open and to do, and which connections it ended, on ``/metrics``.

Import this in a worker alone, as ``service.answers.metrics``.
"""

from prometheus_client import Counter, Gauge

CONNECTIONS = Gauge("archscale_connections", "Connections that are open", multiprocess_mode="livesum")
WAITING = Gauge("archscale_requests_waiting", "Requests that are whole and not answered", multiprocess_mode="livesum")
ENDED = Counter("archscale_connections_ended", "Connections that a limit ended, by its setting", ("limit",))
LIMITS = (
    "max_connections",
    "max_connections_per_address",
    "keep_alive_seconds",
    "head_seconds",
    "body_seconds",
    "answer_seconds",
)
for _limit in LIMITS:  # of a series that begins with its first event Prometheus sees no rise
    ENDED.labels(_limit)
