"""Spans by the OpenTelemetry SDK, sent as OTLP (JSON over HTTP) through the house's own client and its rules for addresses."""

import asyncio
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import unquote

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from bifang.core.errors import BifangError
from bifang.core.extensions import VERSION
from bifang.core.outbound.http import HttpClient

log = logging.getLogger(__name__)
_HEADERS: Final = "OTEL_EXPORTER_OTLP_HEADERS"
_TIMEOUT_S: Final = 10.0
_begins: Final[ContextVar[bytes]] = ContextVar("bifang_root_that_begins", default=b"")


class _Ids(RandomIdGenerator):
    """Random ones, but for the root that begins now."""

    def generate_trace_id(self) -> int:
        return _trace(_begins.get()) if _begins.get() else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return _first(_begins.get()) if _begins.get() else super().generate_span_id()


def _trace(name: bytes) -> int:
    return int.from_bytes(name[:16]) or 1


def _first(name: bytes) -> int:
    return int.from_bytes(name[16:24]) or 1


class Spans:
    """Where spans are made. The standard variables of OpenTelemetry apply: service name, sampler, sizes of batches."""

    def __init__(self, url: str) -> None:
        told = {"service.name": os.environ.get("OTEL_SERVICE_NAME", "bifang"), "service.version": VERSION}
        self._provider = TracerProvider(resource=Resource.create(told), id_generator=_Ids())
        self._provider.add_span_processor(BatchSpanProcessor(_Exporter(url)))
        self._tracer = self._provider.get_tracer("bifang")

    def end(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    @contextmanager
    def root(
        self, name: str, trace_name: bytes, begun_ms: float, attributes: Mapping[str, Any]
    ) -> Iterator[None]:
        """With the ids of this trace."""
        begins = _begins.set(trace_name)
        try:
            begun = self._tracer.start_span(
                name, Context(), attributes=attributes, start_time=_nano(begun_ms)
            )
        finally:
            _begins.reset(begins)
        with _running(begun):
            yield

    @contextmanager
    def part(
        self, name: str, trace_name: bytes, begun_ms: float, attributes: Mapping[str, Any]
    ) -> Iterator[None]:
        """Below the root of this trace, else below what runs now."""
        within = self._below(name, trace_name) if trace_name else None
        begun = self._tracer.start_span(name, within, attributes=attributes, start_time=_nano(begun_ms))
        with _running(begun):
            yield

    def mark(self, attributes: Mapping[str, Any]) -> None:
        """More of what runs now."""
        trace.get_current_span().set_attributes(attributes)

    def _below(self, name: str, trace_name: bytes) -> Context:
        number = _trace(trace_name)
        asked = self._provider.sampler.should_sample(None, number, name)  # as its root was, elsewhere
        is_kept = asked.decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if is_kept else TraceFlags.DEFAULT)
        parent = SpanContext(number, _first(trace_name), is_remote=True, trace_flags=flags)
        return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def _nano(milliseconds: float) -> int | None:
    return int(milliseconds * 1_000_000) or None


@contextmanager
def _running(span: trace.Span) -> Iterator[None]:
    """Ends it. Of an error only the kind is told: its words may be somebody's."""
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", str(getattr(error, "code", "")) or type(error).__name__)
            span.set_status(Status(StatusCode.ERROR))
            raise


class _Exporter(SpanExporter):
    """Works in the library's thread; says once that nothing arrives."""

    def __init__(self, url: str) -> None:
        self._url, self._failing = url, False
        pairs = (each.partition("=") for each in os.environ.get(_HEADERS, "").split(",") if "=" in each)
        self._headers = {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Raises nothing: what cannot be sent is lost."""
        try:
            status = asyncio.run(self._send(_body(spans)))
            why = f"HTTP {status}" if status >= 300 else ""
        except BifangError as error:
            why = error.message
        if why:
            log.log(
                logging.DEBUG if self._failing else logging.WARNING, "调用跟踪发不到 %s：%s", self._url, why
            )
        self._failing = bool(why)
        return SpanExportResult.FAILURE if why else SpanExportResult.SUCCESS

    async def _send(self, body: Any) -> int:
        client = HttpClient()
        try:
            answer = await client.request(
                "POST", self._url, json=body, headers=self._headers, timeout=_TIMEOUT_S
            )
            return answer.status
        finally:
            await client.close()


def _body(spans: Sequence[ReadableSpan]) -> Any:
    """As opentelemetry.proto's ExportTraceServiceRequest is written in JSON."""
    resource = {"attributes": _attributes(spans[0].resource.attributes)}
    told = {"scope": {"name": "bifang", "version": VERSION}, "spans": [_told(each) for each in spans]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [told]}]}


def _told(span: ReadableSpan) -> dict[str, Any]:
    context = span.get_span_context()
    assert context is not None
    parent = {"parentSpanId": f"{span.parent.span_id:016x}"} if span.parent else {}
    return {
        "traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}", **parent, "name": span.name, "kind": 1,
        "startTimeUnixNano": str(span.start_time), "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}), "status": {"code": span.status.status_code.value},
    }  # fmt: skip


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}
