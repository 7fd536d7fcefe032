"""Metrics in Prometheus form. Names and labels are a public contract; label values come from bounded sets only."""

from __future__ import annotations

import functools
import platform
from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.fleet.detection import SOURCES, Cause

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

# The time at which a series began is a series of its own in this format, and of no use to rates.
disable_created_metrics()  # type: ignore[no-untyped-call]

registry = CollectorRegistry()

_counted: defaultdict[tuple[Counter, tuple[str, ...]], int] = defaultdict(int)
"""What was counted since the last scrape: adding here costs a fifth of a counter with its lock."""


class _Counted(Collector):
    """Brings the counters up to date before a scrape reads them, and has no series of its own."""

    def collect(self) -> Iterable[Metric]:
        while _counted:
            (counter, values), number = _counted.popitem()
            counter.labels(*values).inc(number)
        return ()


registry.register(_Counted())

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
otp = Counter("mogate_otp", "One-time passwords by SMS, by what became of them.", ["stage"], registry=registry)
shed = Counter("mogate_requests_shed", "Requests turned away because of load.", ["frontend"], registry=registry)
in_flight = Gauge("mogate_http_requests_in_flight", "Requests of devices under way.", registry=registry)
loop_lag_seconds = Gauge("mogate_loop_lag_seconds", "How late the event loop last woke up.", registry=registry)
eap_aka = Counter(
    "mogate_eap_aka", "SIM authentications by EAP-AKA or EAP-AKA', by what came of them.", ["result"], registry=registry
)
push = Counter(
    "mogate_push", "Pushes by SMS, by what became of them.", ["channel", "kind", "result"], registry=registry
)
push_receipts = Counter(
    "mogate_push_receipts", "Delivery receipts: for a push, for nothing known, or not to be read.", ["result"],
    registry=registry,
)  # fmt: skip
push_seconds = Histogram(
    "mogate_push_latency_seconds",
    "Time from a message to its answer, from the order of a push to its receipt, and to the call it is for.",
    ["phase"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 7200, 86_400),
    registry=registry,
)
smpp_bound = Gauge("mogate_smpp_bound", "1 for a link that is bound to its SMSC.", ["link"], registry=registry)
smpp_window_used = Gauge(
    "mogate_smpp_window_used", "Messages that wait for an answer of the SMSC, on all links.", registry=registry
)
waiting = Gauge(
    "mogate_work_waiting", "Pieces of work in the background, due now or later, by kind.", ["kind"], registry=registry
)
sightings = Counter(
    "mogate_sightings", "Sightings of SIMs and phones, by where they come from and what they were worth.",
    ["source", "outcome"], registry=registry,
)  # fmt: skip
detections = Counter(
    "mogate_detections", "What was new in sightings, by where they come from and by cause.", ["source", "cause"],
    registry=registry,
)  # fmt: skip
traces = Counter(
    "mogate_traces", "Exchanges kept to be shown, or left out for want of room.", ["result"], registry=registry
)
build_info = Gauge("mogate_build_info", "The running build.", ["version", "python"], registry=registry)

KNOWN_LABELS: tuple[tuple[Counter | Histogram | Gauge, tuple[tuple[str, ...], ...]], ...] = (
    (waiting, (("push",),)),
    (
        sightings,
        tuple((source, outcome) for source in SOURCES for outcome in ("detected", "known", "stale", "unknown")),
    ),
    (detections, tuple((source, cause.value) for source in SOURCES for cause in Cause)),
    (traces, (("kept",), ("left_out",))),
    (http_requests, (("dm", "200"), ("acs", "200"), ("admin", "200"))),
    (http_seconds, (("dm",), ("acs",), ("admin",))),
    (dm_messages, (("xml",), ("wbxml",))),
    (dm_sessions, (("ok",), ("auth_failed",), ("aborted",))),
    (dm_status_codes, (("200",),)),
    (acs_documents, (("full",), ("unchanged",), ("disabled",), ("dormant",), ("reset",))),
    (
        acs_enrichment,
        (
            ("trusted",),
            ("missing",),
            ("untrusted_source",),
            ("malformed",),
            ("mismatch",),
            ("unknown_subscriber",),
        ),
    ),
    (otp, (("sent",), ("failed",), ("verified",), ("wrong",), ("expired",), ("throttled",))),
    (push_receipts, (("matched",), ("unknown",), ("unreadable",))),
    (push_seconds, (("submit",), ("dlr",), ("session",))),
    (
        push,
        tuple(
            (channel, kind, result)
            for channel in ("file", "http", "smpp")
            for kind in ("dm_notify", "dm_bootstrap", "cp", "rcscfg", "otp")
            for result in ("accepted", "delivered", "failed", "expired", "throttled")
        ),
    ),
    (shed, (("acs",),)),
    (eap_aka, (("ok",), ("sync_failure",), ("mac_failure",), ("reject",), ("backend_error",))),
    (tokens, (("issued",), ("accepted",), ("refused",))),
)
"""The series that are there from the first scrape, so that rates and absence alerts work. Other codes follow."""


def count(counter: Counter, *values: str) -> None:
    """Count one in the series of these label values."""
    _counted[counter, values] += 1


def observe_http(frontend: str, status: int, seconds: float) -> None:
    """Count one answered request of a front end."""
    _counted[http_requests, (frontend, str(status))] += 1
    _durations(frontend).observe(seconds)


@functools.cache
def _durations(frontend: str) -> Any:
    """The series of this front end: looking it up by its label costs more than counting in it."""
    return http_seconds.labels(frontend)


def render() -> bytes:
    """All metrics in the text exposition format."""
    return generate_latest(registry)


for _metric, _known in KNOWN_LABELS:
    for _values in _known:
        _metric.labels(*_values)
build_info.labels(version("mogate"), platform.python_version()).set(1)
