"""OpenTelemetry: requests, steps of sessions, questions to the store and pushes as spans, sent to a collector.

It needs the libraries of the extra ``otel``, so it is imported only where a collector is set. Whatever is watched is
wrapped once, when the gateway is put together: without a collector there is nothing on the way of a request.

No attribute has an identity or a device's own words in it; an exception is told by its class, never by its message.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from importlib.metadata import version
from typing import Any, ParamSpec, TypeVar, cast

from aiohttp import web
from aiohttp.typedefs import Middleware
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.fleet.push import Submission
from gateway.observe import metrics
from gateway.observe.around import Attributes
from gateway.observe.requests import METHODS, OTHER
from gateway.outreach.deliveries import Bearer
from gateway.peers import Network, is_trusted
from gateway.settings import OpenTelemetry, read_password
from gateway.store.protocol import Store

UNWATCHED = frozenset({"/metrics", "/livez", "/readyz"})
"""Asked again and again by machines, with an answer that nobody looks into."""

P = ParamSpec("P")
T = TypeVar("T")
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
AdminHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Spans:
    """Wraps what is to be watched. Of device requests and pushes a share begins a trace, and all else follows those."""

    def __init__(self, settings: OpenTelemetry, *, sqlite: bool) -> None:
        authorization = read_password(
            settings.authorization, settings.authorization_file, "opentelemetry.authorization_file"
        )
        exporter = OTLPSpanExporter(
            endpoint=settings.endpoint,
            certificate_file=str(settings.authority) if settings.authority else None,
            headers={"authorization": authorization} if authorization else None,
            timeout=settings.timeout_seconds,
            compression=Compression.Gzip,
        )
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.share_percent / 100)),
            resource=Resource.create(
                {
                    "service.name": settings.service_name,
                    "service.version": version("mogate"),
                    "service.instance.id": secrets.token_hex(8),
                }
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(_Counted(exporter)))
        self._tracer = self._provider.get_tracer("mogate", version("mogate"))
        self._database = "sqlite" if sqlite else "redis"

    async def close(self) -> None:
        """Send what waits."""
        await asyncio.to_thread(self._provider.shutdown)

    def around(
        self, name: str, step: Callable[P, Awaitable[T]], told: Callable[[T], Attributes] | None = None
    ) -> Callable[P, Awaitable[T]]:
        """The step as a span of the trace in which it is taken; outside of one it is the step alone."""
        return self._within(name, step, SpanKind.INTERNAL, {}, told)

    def request(
        self, handler: Handler, method: str, route: str, listener: str, proxies: tuple[Network, ...]
    ) -> Handler:
        """The handler of a route for devices; whose trace a request is part of is believed of these proxies alone."""
        attributes = {"http.request.method": method, "http.route": route, "mogate.listener": listener}

        @functools.wraps(handler)
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            context = _context(request) if proxies and is_trusted(request.remote or "", proxies) else None
            scheme = "https" if request.secure else "http"
            return await self._served(
                f"{method} {route}", attributes | {"url.scheme": scheme}, context, handler, request
            )

        return handle

    @property
    def middleware(self) -> Middleware:
        """What goes around everything that the admin API answers; whoever may call it may say of what trace it is."""

        @web.middleware
        async def watch(request: web.Request, handler: AdminHandler) -> web.StreamResponse:
            resource = request.match_info.route.resource
            route = resource.canonical if resource else OTHER
            if route in UNWATCHED:
                return await handler(request)
            method = request.method if request.method in METHODS else OTHER
            attributes = {
                "http.request.method": method,
                "http.route": route,
                "mogate.listener": "admin",
                "url.scheme": request.scheme,
            }
            return await self._served(f"{method} {route}", attributes, _context(request), handler, request)

        return watch

    def store(self, store: Store) -> Store:
        """The store, each question to which is a span of the trace in which it is asked."""
        wrapped: dict[str, Callable[..., Any]] = {}
        for name, declared in vars(Store).items():
            attributes = {"db.system.name": self._database, "db.operation.name": name}
            if inspect.iscoroutinefunction(declared):
                wrapped[name] = self._within(f"store {name}", getattr(store, name), SpanKind.CLIENT, attributes)
            elif declared in (Store.scan_households, Store.search):
                wrapped[name] = self._walked(f"store {name}", getattr(store, name), attributes)
        return cast("Store", _Wrapped(store, wrapped))

    def bearer(self, bearer: Bearer) -> Bearer:
        """The bearer, each message of which is a span."""

        async def send(message: Submission, validity_seconds: int, *, receipt: bool = False) -> str:
            attributes: Attributes = {"mogate.push.channel": bearer.channel, "mogate.push.octets": len(message.body)}
            with self._tracer.start_as_current_span(
                f"push {bearer.channel}",
                kind=SpanKind.CLIENT,
                attributes=attributes,
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                try:
                    return await bearer.send(message, validity_seconds, receipt=receipt)
                except BaseException as error:
                    _failed(span, error)
                    raise

        return cast("Bearer", _Wrapped(bearer, {"send": send}))

    async def _served(
        self,
        name: str,
        attributes: dict[str, str],
        context: Context | None,
        handler: Callable[[Any], Awaitable[web.StreamResponse]],
        request: web.BaseRequest,
    ) -> web.StreamResponse:
        with self._tracer.start_as_current_span(
            name,
            context if context is not None else Context(),
            SpanKind.SERVER,
            attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                response = await handler(request)
            except BaseException as error:
                _failed(span, error)
                raise
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= 500:
                span.set_attribute("error.type", str(response.status))
                span.set_status(StatusCode.ERROR)
            return response

    def _within(
        self,
        name: str,
        step: Callable[P, Awaitable[T]],
        kind: SpanKind,
        attributes: Attributes,
        told: Callable[[T], Attributes] | None = None,
    ) -> Callable[P, Awaitable[T]]:
        async def watched(*args: P.args, **kwargs: P.kwargs) -> T:
            if not get_current_span().is_recording():
                return await step(*args, **kwargs)
            with self._tracer.start_as_current_span(
                name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
            ) as span:
                try:
                    given = await step(*args, **kwargs)
                except BaseException as error:
                    _failed(span, error)
                    raise
                if told is not None:
                    span.set_attributes(told(given))
                return given

        return watched

    def _walked(
        self, name: str, walk: Callable[P, AsyncIterator[T]], attributes: Attributes
    ) -> Callable[P, AsyncIterator[T]]:
        """The walk as one span; what is done with each of its finds meanwhile is no part of it."""

        async def watched(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
            if not get_current_span().is_recording():
                async for found in walk(*args, **kwargs):
                    yield found
                return
            span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
            try:
                async for found in walk(*args, **kwargs):
                    yield found
            finally:
                span.end()

        return watched


class _Wrapped:
    """Something with other methods in place of some of its own."""

    def __init__(self, inner: object, wrapped: dict[str, Callable[..., Any]]) -> None:
        self._inner = inner
        vars(self).update(wrapped)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Counted(SpanExporter):
    """An exporter that counts what the collector took, and what it did not."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        metrics.spans.labels("sent" if result is SpanExportResult.SUCCESS else "lost").inc(len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _context(request: web.BaseRequest) -> Context:
    """The trace that the request says it is part of. Spec: W3C Trace Context 3"""
    headers = request.headers
    carrier = {name: headers.getall(name) for name in ("traceparent", "tracestate") if name in headers}
    return TraceContextTextMapPropagator().extract(carrier, Context()) if carrier else Context()


def _failed(span: Span, error: BaseException) -> None:
    """Say that it failed, and with what class of error."""
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(StatusCode.ERROR)
