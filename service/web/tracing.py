"""Spans for the routes that the front answers, made as BentoML makes its own: if an exporter is configured."""

from importlib.util import find_spec

from bentoml._internal.configuration.containers import BentoMLContainer
from starlette.types import ASGIApp

EXPORTERS = {
    ("zipkin", None): "opentelemetry.exporter.zipkin.json",
    ("jaeger", "thrift"): "opentelemetry.exporter.jaeger.thrift",
    ("jaeger", "grpc"): "opentelemetry.exporter.jaeger.proto.grpc",
    ("otlp", "grpc"): "opentelemetry.exporter.otlp.proto.grpc",
    ("otlp", "http"): "opentelemetry.exporter.otlp.proto.http",
}
"""BentoML's types and protocols, and what it imports for them (1.4.39)."""


class ExporterError(Exception):
    """An exporter of spans that is not there, in one line."""


def check_exporter() -> None:
    """Raise ExporterError where BentoML's workers would fail, again and again, to make what they export spans with."""
    kind = BentoMLContainer.tracing.exporter_type.get()
    protocols = [protocol for name, protocol in EXPORTERS if name == kind]
    if not protocols:
        return
    protocol = None if protocols == [None] else getattr(BentoMLContainer.tracing, kind).protocol.get()
    if protocol not in protocols:
        raise ExporterError(
            f"tracing.{kind}.protocol must be {' or '.join(map(str, protocols))}, however: {protocol}. "
            "Correct BENTOML_CONFIG."
        )
    module = EXPORTERS[kind, protocol]
    if not _is_installed(module):
        raise ExporterError(
            f"traces by {kind} need the package {module.replace('.', '-')}, however: it is not installed. Install it, "
            "as deploy/observability/Containerfile does, or leave tracing out of BENTOML_CONFIG."
        )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def exports_spans() -> bool:
    """Whether BentoML's ``tracing.exporter_type`` is set."""
    return BentoMLContainer.tracing.exporter_type.get() is not None


def traced(app: ASGIApp) -> ASGIApp:
    """Return ``app`` as it is, or within OpenTelemetry's middleware if spans are exported.

    BentoML makes its spans even where nothing exports them (1.4.39): five times the work of a one-row request.
    """
    if not exports_spans():
        return app
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    middleware: ASGIApp = OpenTelemetryMiddleware(
        app,
        excluded_urls=BentoMLContainer.tracing_excluded_urls.get(),
        tracer_provider=BentoMLContainer.tracer_provider.get(),
        exclude_spans=["receive", "send"],  # a request is read and answered at once: three spans that say nothing
    )
    return middleware
