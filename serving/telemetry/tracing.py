"""OpenTelemetry spans, when they are configured; a shared object that does nothing when they are not."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from time import time_ns
from typing import TYPE_CHECKING, Any

from configuration import Tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

SERVICE = "stock-prediction"

_NOTHING: AbstractContextManager[Any] = nullcontext()
_state: dict[str, "Tracer"] = {}


def configure(settings: Tracing) -> "TracerProvider | None":
    """Export spans to the configured collector from now on, if that is switched on."""
    if not settings.enabled:
        return None
    # Imported only when they are needed: they bring protobuf and requests with them.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415

    provider = TracerProvider(
        resource=Resource.create({"service.name": SERVICE}), sampler=ParentBasedTraceIdRatio(settings.sample_rate)
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.endpoint)))
    _state["tracer"] = provider.get_tracer(SERVICE)
    return provider


def span(name: str) -> AbstractContextManager[Any]:
    """A span below the one under way."""
    tracer = _state.get("tracer")
    return tracer.start_as_current_span(name) if tracer else _NOTHING


def past_span(name: str, ago: float, seconds: float) -> None:
    """A span below the one under way that began `ago` seconds ago and lasted `seconds`."""
    tracer = _state.get("tracer")
    if tracer:
        began = time_ns() - int(ago * 1e9)
        tracer.start_span(name, start_time=began).end(began + int(seconds * 1e9))


def request_span(name: str, headers: Mapping[str, str]) -> AbstractContextManager[Any]:
    """The span of a whole request, below the client's own when it sent one."""
    tracer = _state.get("tracer")
    if tracer is None:
        return _NOTHING
    from opentelemetry.propagate import extract  # noqa: PLC0415

    return tracer.start_as_current_span(name, context=extract(dict(headers)))


def enabled() -> bool:
    """Whether spans are exported."""
    return bool(_state)
