"""A collector of traces that speaks OTLP, and a service that sends them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.commands import ROOT

FOLDER = ROOT / "deploy/observability"
SHIPPED_ENDPOINT = "http://collector:4317"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """What a collector answers; the spans that it got, each with what it says of the service."""

    def __init__(self) -> None:
        self.spans: Queue[tuple[Any, dict[str, Any]]] = Queue()

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        for resource in request.resource_spans:
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                self.spans.put((span, values(resource.resource.attributes)))
        return trace_service_pb2.ExportTraceServiceResponse()


@contextmanager
def otlp() -> Iterator[tuple[str, Collector]]:
    """OTLP's endpoint for gRPC on a free port, and what comes to it."""
    collector, server = Collector(), grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}", collector
    finally:
        server.stop(grace=None).wait()


def values(attributes: Any) -> dict[str, Any]:
    """Names and values of a message's attributes."""
    return {found.key: getattr(found.value, found.value.WhichOneof("value")) for found in attributes}


def configure(folder: Path, endpoint: str) -> Path:
    """Write the configuration that is deployed, with another address."""
    text = (FOLDER / "tracing.yml").read_text()
    assert text.count(SHIPPED_ENDPOINT) == 1
    config = folder / "tracing.yml"
    config.write_text(text.replace(SHIPPED_ENDPOINT, endpoint))
    return config


def settings(config: Path) -> dict[str, str]:
    """What a service is given that is traced: spans leave soon."""
    return {"BENTOML_CONFIG": str(config), "ARCHSCALE_WORKERS": "1", "OTEL_BSP_SCHEDULE_DELAY": "100"}
