"""What the service counts itself, read from its ``/metrics``."""

import http.client
import time
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from loadtest.record.trials import Body
from loadtest.target.connection import request_from

METRICS_ROUTE = "/metrics"
REQUESTS = "archscale_requests_total"
TIMEOUT_SECONDS = 5.0
SETTLE_SECONDS = 0.1
LONGEST_SETTLING_SECONDS = 10.0


@dataclass(frozen=True)
class Counters:
    """Requests that the service has answered so far, with any status, by architecture and kind of body."""

    requests: dict[tuple[str, str], float]

    def of(self, architecture: str, body: Body) -> float:
        """Answers of one architecture to one kind of body."""
        return self.requests.get((architecture, "predict_raw" if body == "raw" else "predict"), 0.0)


def read_counters(host: str) -> Counters | None:
    """GET /metrics; None where ``host`` has no such page, or none of this service."""
    try:
        with request_from(host, METRICS_ROUTE, seconds=TIMEOUT_SECONDS) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    found: dict[tuple[str, str], float] = {}
    for sample in (sample for family in families for sample in family.samples if sample.name == REQUESTS):
        key = sample.labels["architecture"], sample.labels["route"]
        found[key] = found.get(key, 0.0) + sample.value
    return Counters(found) if found else None


def settled_counters(host: str) -> Counters | None:
    """Read the counters once they have stopped to rise: what an earlier load has left behind is answered by then."""
    deadline = time.monotonic() + LONGEST_SETTLING_SECONDS
    last = read_counters(host)
    while last is not None and time.monotonic() < deadline:
        time.sleep(SETTLE_SECONDS)
        now = read_counters(host)
        if now == last:
            break
        last = now
    return last
