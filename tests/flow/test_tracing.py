"""Spans of the routes that the front answers, sent to a collector as BentoML's configuration says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

from loadtest.target.server import serve
from tests.patience import PATIENCE_SECONDS, get, post


@contextmanager
def collector() -> Iterator[tuple[str, "Queue[dict[str, Any]]"]]:
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


def test_a_prediction_is_a_span_where_an_exporter_is_configured(store: Callable[[], Path], tmp_path: Path) -> None:
    with collector() as (endpoint, spans):
        tracing = {"exporter_type": "zipkin", "sample_rate": 1.0, "zipkin": {"endpoint": endpoint}}
        config = tmp_path / "bentoml.yaml"
        config.write_text(json.dumps({"services": {"archscale": {"tracing": tracing}}}))  # JSON is YAML, too
        with serve(store(), log=tmp_path / "serve.log", BENTOML_CONFIG=str(config), ARCHSCALE_WORKERS="1") as server:
            trace_id = "0af7651916cd43dd8448eb211c80319c"
            headers = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
            examples = get(f"{server.url}/models/small/examples").json()
            body = {"features": examples["features"][:1]}
            assert post(f"{server.url}/predict/small", json=body, headers=headers).status_code == 200
            while (span := spans.get(timeout=PATIENCE_SECONDS))["traceId"] != trace_id or span["kind"] != "SERVER":
                pass
    assert span["tags"]["http.target"] == "/predict/small"
    assert span["tags"]["http.status_code"] == "200"
