"""Spans of the routes that the front answers, sent to a collector as BentoML's configuration says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

from loadtest.target.server import free_port, serve
from tests.patience import PATIENCE_SECONDS, get, post
from tests.sockets import exchange
from tests.traces import configure, otlp, settings, values

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACED = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}


@contextmanager
def zipkin() -> Iterator[tuple[str, "Queue[dict[str, Any]]"]]:
    """Zipkin's endpoint on a free port, and the spans that come to it."""
    spans: Queue[dict[str, Any]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            for span in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
                spans.put(span)
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/v2/spans", spans
        finally:
            server.shutdown()
            thread.join()


def body_of(url: str) -> dict[str, Any]:
    return {"features": get(f"{url}/models/small/examples").json()["features"][:1]}


def test_a_prediction_is_a_span_where_an_exporter_is_configured(store: Callable[[], Path], tmp_path: Path) -> None:
    with zipkin() as (endpoint, spans):
        tracing = {"exporter_type": "zipkin", "sample_rate": 1.0, "zipkin": {"endpoint": endpoint}}
        config = tmp_path / "bentoml.yaml"
        config.write_text(json.dumps({"services": {"archscale": {"tracing": tracing}}}))  # JSON is YAML, too
        with serve(store(), log=tmp_path / "serve.log", **settings(config)) as server:
            body = body_of(server.url)
            assert post(f"{server.url}/predict/small", json=body, headers=TRACED).status_code == 200
            two_hosts = exchange(server.url, b"GET /models HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")
            assert two_hosts.startswith(b"HTTP/1.1 400")  # the limits of HTTP hold
            while (span := spans.get(timeout=PATIENCE_SECONDS))["traceId"] != TRACE_ID:
                pass
    assert span["kind"] == "SERVER"
    assert span["tags"]["http.target"] == "/predict/small"
    assert span["tags"]["http.status_code"] == "200"


def test_otlp_carries_the_traces_of_requests(store: Callable[[], Path], tmp_path: Path) -> None:
    with (
        otlp() as (endpoint, collector),
        serve(store(), log=tmp_path / "serve.log", **settings(configure(tmp_path, endpoint))) as server,
    ):
        for body, trace_id, status in (
            (body_of(server.url), "0af7651916cd43dd8448eb211c80319c", 200),
            ({"features": [["1"]]}, "4bf92f3577b34da6a3ce929d0e0e4736", 422),
        ):
            sent = {"traceparent": f"00-{trace_id}-{SPAN_ID}-01"}
            assert post(f"{server.url}/predict/small", json=body, headers=sent).status_code == status
            while (found := collector.spans.get(timeout=PATIENCE_SECONDS))[0].trace_id.hex() != trace_id:
                pass
            span, service = found
            assert (span.parent_span_id.hex(), span.name) == (SPAN_ID, "POST /predict/small")
            assert span.kind == span.SPAN_KIND_SERVER
            assert 0 < span.start_time_unix_nano < span.end_time_unix_nano
            said = values(span.attributes)
            assert said["http.method"] == "POST"
            assert said["http.target"] == "/predict/small"
            assert said["http.url"] == f"{server.url}/predict/small"
            assert said["http.status_code"] == status
            assert service["service.name"] == "archscale"
    left = [span.trace_id.hex() for span, _ in collector.spans.queue]
    assert trace_id not in left  # of a request one span, not those of its messages


def test_without_a_collector_every_request_is_answered_and_the_service_ends(
    store: Callable[[], Path], tmp_path: Path
) -> None:
    log = tmp_path / "serve.log"
    nobody = f"http://127.0.0.1:{free_port()}"
    with serve(store(), log=log, **settings(configure(tmp_path, nobody))) as server:
        body = body_of(server.url)
        while "exporting traces" not in log.read_text():
            assert post(f"{server.url}/predict/small", json=body, headers=TRACED).status_code == 200
        server.process.terminate()
        assert server.process.wait(PATIENCE_SECONDS) == 0
    assert "Traceback" not in log.read_text()
