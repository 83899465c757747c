"""What a worker has open and to do, on ``/metrics``. Import this in a worker alone, as ``service.answers.metrics``."""

from prometheus_client import Gauge

CONNECTIONS = Gauge("archscale_connections", "Connections that are open", multiprocess_mode="livesum")
WAITING = Gauge("archscale_requests_waiting", "Requests that are whole and not answered", multiprocess_mode="livesum")
