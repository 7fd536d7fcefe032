"""A collector of OpenTelemetry: takes spans by OTLP over HTTP, as the protocol's own messages, and keeps them."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

CONTENT_TYPE = "application/x-protobuf"


class Collector:
    """What came: each export as its octets, and the headers it came with."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.exports: list[bytes] = []
        self.authorizations: set[str] = set()

    @property
    def spans(self) -> list[Span]:
        """All spans, in the order in which they came."""
        return [
            span
            for octets in self.exports
            for resource in ExportTraceServiceRequest.FromString(octets).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resources(self) -> list[dict[str, str]]:
        """Who sent each export."""
        return [
            {one.key: one.value.string_value for one in resource.resource.attributes}
            for octets in self.exports
            for resource in ExportTraceServiceRequest.FromString(octets).resource_spans
        ]


def attributes(span: Span) -> dict[str, Any]:
    """What is said of a span."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """A collector, for as long as the context is open."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            octets = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == CONTENT_TYPE
            if self.headers["Content-Encoding"] == "gzip":
                octets = gzip.decompress(octets)
            collector.exports.append(octets)
            collector.authorizations.add(self.headers.get("Authorization", ""))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}/v1/traces")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
