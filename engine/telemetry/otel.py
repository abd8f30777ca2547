"""OpenTelemetry: spans of requests, stages and jobs, and of the calls to Milvus, S3 and PostgreSQL within them.

The SDK's own environment says where they go and how many: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`,
`OTEL_TRACES_SAMPLER` and the like. Importing this module needs the extra `otel`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.grpc import GrpcInstrumentorClient, client_interceptor
from opentelemetry.instrumentation.grpc.grpcext import intercept_channel
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from engine.system.tracing import Value, used


@contextmanager
def exporting(service: str, exporter: SpanExporter | None = None) -> Iterator[None]:
    """Tell OpenTelemetry of everything this process does, until the end; what is left then is sent.

    Args:
        service: how the process is called where `OTEL_SERVICE_NAME` says nothing.
        exporter: takes each span as it ends; OTLP over HTTP, in batches, where it is not given.
    """
    given = str(Resource.create().attributes.get(SERVICE_NAME, "unknown_service"))
    name = service if given.startswith("unknown_service") else given
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(SimpleSpanProcessor(exporter) if exporter else BatchSpanProcessor(OTLPSpanExporter()))
    watched: list[Any] = [_Grpc(), SQLAlchemyInstrumentor(), URLLib3Instrumentor()]  # type: ignore[no-untyped-call]
    for each in watched:
        each.instrument(tracer_provider=provider, skip_dep_check=True)
    try:
        with used(OpenTelemetry(provider.get_tracer("thatlook"))):
            yield
    finally:
        for each in watched:
            each.uninstrument()
        provider.shutdown()


class _Grpc(GrpcInstrumentorClient):
    """Its own would take the provider of the whole process, which can be set once only."""

    _provider: TracerProvider

    def _instrument(self, **kwargs: Any) -> None:
        self._provider = kwargs["tracer_provider"]
        super()._instrument(**kwargs)  # type: ignore[no-untyped-call]

    def wrapper_fn(self, original_func: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        """A channel whose calls are spans."""
        interceptor = client_interceptor(tracer_provider=self._provider)  # type: ignore[no-untyped-call]
        return intercept_channel(original_func(*args, **kwargs), interceptor)  # type: ignore[no-untyped-call]


class OpenTelemetry:
    """Spans by OpenTelemetry's API."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def span(self, name: str, attributes: Mapping[str, Value] | None = None) -> AbstractContextManager[object]:
        """A span within the one that is under way; an exception that ends it is told without its words."""
        return _within(self._tracer, name, attributes)

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[_Request]:
        """The span of a request, within the caller's where `traceparent` names one."""
        parent = propagate.extract(headers)
        with self._tracer.start_as_current_span(method, parent, SpanKind.SERVER, record_exception=False) as under_way:
            yield _Request(under_way)


@contextmanager
def _within(tracer: Tracer, name: str, attributes: Mapping[str, Value] | None) -> Iterator[None]:
    """What an exception says may name a picture, a product or an address: only its kind is told."""
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as under_way:
        try:
            yield
        except Exception as error:
            under_way.set_attribute("error.type", type(error).__name__)
            raise


class _Request:
    """A server span."""

    def __init__(self, under_way: Span) -> None:
        self._span = under_way
        self.trace_id = trace.format_trace_id(under_way.get_span_context().trace_id)

    def tell(self, name: str, attributes: Mapping[str, Value], *, failed: bool) -> None:
        """The span's name, what it was about, and whether it was our failure."""
        self._span.update_name(name)
        self._span.set_attributes(attributes)
        if failed:
            self._span.set_status(StatusCode.ERROR)
