"""Metrics in Prometheus form. Names and labels are a public contract; label values come from bounded sets only."""

from __future__ import annotations

import platform
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

registry = CollectorRegistry()

http_requests = Counter("mogate_http_requests", "HTTP requests answered.", ["frontend", "code"], registry=registry)
http_seconds = Histogram(
    "mogate_http_request_duration_seconds",
    "Time from a parsed request to its answer.",
    ["frontend"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
    registry=registry,
)
dm_messages = Counter("mogate_dm_messages", "OMA DM messages answered.", ["encoding"], registry=registry)
dm_sessions = Counter("mogate_dm_sessions", "OMA DM sessions by how they ended.", ["result"], registry=registry)
dm_status_codes = Counter(
    "mogate_dm_status_codes", "Codes with which devices answered the gateway's commands.", ["code"], registry=registry
)
acs_documents = Counter("mogate_acs_documents", "RCC.14 documents handed out.", ["kind"], registry=registry)
acs_enrichment = Counter(
    "mogate_acs_header_enrichment",
    "Plain-leg requests by what their headers were worth.",
    ["result"],
    registry=registry,
)
tokens = Counter("mogate_tokens", "RCC.14 tokens.", ["event"], registry=registry)
build_info = Gauge("mogate_build_info", "The running build.", ["version", "python"], registry=registry)

_KNOWN_LABELS: tuple[tuple[Counter, tuple[str, ...]], ...] = (
    (dm_messages, ("xml", "wbxml")),
    (dm_sessions, ("ok", "auth_failed", "aborted")),
    (acs_documents, ("full", "unchanged", "disabled", "dormant", "reset")),
    (acs_enrichment, ("trusted", "missing", "untrusted_source", "malformed", "unknown_subscriber")),
    (tokens, ("issued", "accepted", "refused")),
)


def observe_http(frontend: str, status: int, seconds: float) -> None:
    """Count one answered request of a front end."""
    http_requests.labels(frontend, status).inc()
    http_seconds.labels(frontend).observe(seconds)


def render() -> bytes:
    """All metrics in the text exposition format."""
    return generate_latest(registry)


# Every known series starts at zero, so that rates and absence alerts work from the first scrape.
for _counter, _values in _KNOWN_LABELS:
    for _value in _values:
        _counter.labels(_value)
build_info.labels(version("mogate"), platform.python_version()).set(1)
