"""Metrics in Prometheus form. Names and labels are a public contract; label values come from bounded sets only."""

from __future__ import annotations

import contextlib
import platform
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from importlib.metadata import version

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.errors import Unavailable
from gateway.fleet.detection import SOURCES, Cause
from gateway.observe.acs_steps import AcsSteps
from gateway.observe.build import commit
from gateway.observe.requests import requests
from gateway.observe.under_way import UnderWay

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
            (counter.labels(*values) if values else counter).inc(number)
        return ()


registry.register(_Counted())
ProcessCollector(namespace="mogate", registry=registry)

registry.register(requests)
dm_messages = Counter(
    "mogate_dm_messages", "OMA DM messages that could be read, and those sent in answer.", ["direction", "encoding"],
    registry=registry,
)  # fmt: skip
dm_sessions = Counter(
    "mogate_dm_sessions",
    "OMA DM sessions by how the device proves itself and how they ended; a message that cannot be read ends one.",
    ["auth", "result"],
    registry=registry,
)
dm_sessions_started = Counter(
    "mogate_dm_sessions_started",
    "OMA DM sessions that began, by who asked for them.",
    ["initiator"],
    registry=registry,
)
dm_sessions_active = UnderWay(
    "mogate_dm_sessions_active",
    "OMA DM sessions that began in the last 15 minutes and have not ended; the sum over all workers and gateways.",
)
registry.register(dm_sessions_active)
dm_session_seconds = Histogram(
    "mogate_dm_session_duration_seconds",
    "Time from the first message of an OMA DM session that a device proved itself in to its last.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900),
    registry=registry,
)
dm_commands = Counter(
    "mogate_dm_commands",
    "Commands that devices answered, by the first digit of the code.",
    ["verb", "status_class"],
    registry=registry,
)
dm_alerts = Counter(
    "mogate_dm_alerts", "Alerts of devices that are no part of the protocol itself.", ["type"], registry=registry
)
dm_nonce_resync = Counter(
    "mogate_dm_nonce_resync",
    "Devices that were called to agree on nonces anew, and came.",
    registry=registry,
)
dm_status_codes = Counter(
    "mogate_dm_status_codes", "Codes with which devices answered the gateway's commands.", ["code"], registry=registry
)
acs_documents = Counter("mogate_acs_documents", "RCC.14 documents handed out.", ["kind"], registry=registry)
acs_proofs = Counter(
    "mogate_acs_proofs",
    "Proofs of identity of RCC.14 clients, by what came of them.",
    ["method", "result"],
    registry=registry,
)
acs_enrichment = Counter(
    "mogate_acs_header_enrichment",
    "Plain-leg requests by what their headers were worth.",
    ["result"],
    registry=registry,
)
acs_elsewhere = Counter(
    "mogate_acs_elsewhere", "RCC.14 requests that another server answers, by how they got there.", ["by"],
    registry=registry,
)  # fmt: skip
registry.register(AcsSteps(acs_enrichment, acs_proofs))
shadow = Counter(
    "mogate_shadow", "Answers of the server before, by how they compare with what the gateway would have said.",
    ["protocol", "outcome"], registry=registry,
)  # fmt: skip
shadow_differences = Counter(
    "mogate_shadow_differences", "Places in which such answers differ, by how.", ["protocol", "kind"],
    registry=registry,
)  # fmt: skip
acs_reconfig_lag_seconds = Histogram(
    "mogate_acs_reconfig_lag_seconds",
    "Time from the order that makes a client of RCC.14 call until it has its new document.",
    buckets=(1, 5, 10, 30, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200, 604_800),
    registry=registry,
)
tokens = Counter("mogate_tokens", "RCC.14 tokens.", ["event"], registry=registry)
otp = Counter("mogate_otp", "One-time passwords by SMS, by what became of them.", ["stage"], registry=registry)
otp_verify_seconds = Histogram(
    "mogate_otp_verify_seconds",
    "Time from sending a one-time password to its coming back.",
    buckets=(1, 2.5, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600),
    registry=registry,
)
acs_devices = Gauge(
    "mogate_acs_devices_by_config_version",
    "RCC.14 devices by the version that they last said to hold: the one due, an older, a newer, none, or nothing said.",
    ["version"],
    registry=registry,
)
devices_heard_of = Gauge(
    "mogate_devices_by_last_contact",
    "Devices by the time within which they were last heard of, over any protocol: each once, for the shortest.",
    ["within"],
    registry=registry,
)
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
reach = Counter(
    "mogate_reach", "Devices that should call, by the way they were last pushed to and what came of it.",
    ["way", "result"], registry=registry,
)  # fmt: skip
activation = Counter(
    "mogate_activation_steps", "Steps of devices on the way to their services, as the events tell them.", ["step"],
    registry=registry,
)  # fmt: skip
registrations = Counter(
    "mogate_registrations", "Words of the IMS core on services, by what they say and what they were worth.",
    ["state", "outcome"], registry=registry,
)  # fmt: skip
campaign_devices = Counter(
    "mogate_campaign_devices", "Devices of campaigns by the state they came to.", ["state"], registry=registry
)
campaign_members = Gauge(
    "mogate_campaign_members", "Devices of a campaign that has not ended, by the state each is in.",
    ["campaign", "state"], registry=registry,
)  # fmt: skip
campaign_state = Gauge(
    "mogate_campaign_state", "1 for the state that a campaign is in, as long as it has not ended.",
    ["campaign", "state"], registry=registry,
)  # fmt: skip
campaign_error_ratio = Gauge(
    "mogate_campaign_error_ratio",
    "Share of failed devices of those with an outcome, of a campaign that has not ended.",
    ["campaign"],
    registry=registry,
)
campaign_ends = Counter(
    "mogate_campaign_turns", "Campaigns by the state they came to by themselves.", ["state"], registry=registry
)
campaign_paused = Counter(
    "mogate_campaign_paused", "Campaigns that were paused, by what for.", ["reason"], registry=registry
)
webhook_deliveries = Counter(
    "mogate_webhook_deliveries", "Attempts to deliver events to webhooks, by what came of them.", ["result"],
    registry=registry,
)  # fmt: skip
event_stream_lag = Gauge(
    "mogate_event_stream_lag",
    "Events that the webhook which is furthest behind has not looked at yet; disabled ones do not count.",
    registry=registry,
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
detection_rules = Counter(
    "mogate_detection_rules", "Detections that a rule was for, by rule.", ["rule"], registry=registry
)
s13_requests = Counter(
    "mogate_s13_requests", "ME-Identity-Checks, by the list that the phone is on.", ["result"], registry=registry
)
spool_files = Counter("mogate_spool_files", "Files of sightings taken from the spool.", ["result"], registry=registry)
spans = Counter(
    "mogate_spans", "Spans of OpenTelemetry: taken by the collector, or lost.", ["result"], registry=registry
)
traces = Counter(
    "mogate_traces", "Exchanges kept to be shown, or left out for want of room.", ["result"], registry=registry
)
jobs_ended = Counter("mogate_jobs_ended", "Jobs of devices by how they ended.", ["kind", "state"], registry=registry)
backend_requests = Counter(
    "mogate_backend_requests", "Questions to other servers of the operator.", ["backend", "result"], registry=registry
)
backend_seconds = Histogram(
    "mogate_backend_duration_seconds",
    "Time until another server of the operator answered, or did not.",
    ["backend"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)
store_commit_seconds = Histogram(
    "mogate_store_commit_seconds",
    "Time to commit a group of writes to the embedded store.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
    registry=registry,
)
store_failures = Counter(
    "mogate_store_failures",
    "Times that the store failed: a group of writes was not committed, a connection was lost or not made.",
    ["store"],
    registry=registry,
)
config_hash = Gauge(
    "mogate_config_hash",
    "Identifies the profiles, mappings and DDFs that are served: equal where the files are.",
    registry=registry,
)
config_reloads = Counter(
    "mogate_config_reloads", "Times that the files were read anew, and taken or refused.", ["result"], registry=registry
)
config_last_reload_success = Gauge(
    "mogate_config_last_reload_success", "1 unless the files were refused when last read.", registry=registry
)
config_last_reload_at = Gauge(
    "mogate_config_last_reload_timestamp_seconds", "When the files that are served were read.", registry=registry
)
tls_expires_at = Gauge(
    "mogate_tls_cert_expiry_timestamp_seconds",
    "When the certificate of a listener ends.",
    ["listener"],
    registry=registry,
)
housekeeping_at = Gauge(
    "mogate_housekeeping_timestamp_seconds",
    "When what ended was last dropped from the store by this process; 0 for never.",
    registry=registry,
)
expired = Counter("mogate_expired", "Records that were dropped from the store at their end.", registry=registry)
admin_logins = Counter("mogate_admin_logins", "Log-ins of people at the admin API.", ["result"], registry=registry)
audit_write_failures = Counter(
    "mogate_audit_write_failures", "Changes by the admin API that the audit log did not take.", registry=registry
)
build_info = Gauge("mogate_build_info", "The running build.", ["version", "commit", "python"], registry=registry)

VERSIONS = ("current", "behind", "ahead", "none", "unreported")
CONTACTS = ("hour", "day", "week", "month", "older", "never")
JOB_KINDS = ("firmware", "software", "lock", "capability", "diagnostics", "inventory", "account", "wlan")
BACKENDS = ("aaa", "openid", "bsf", "confirmation", "old_acs", "old_dm")
OTP_STAGES = ("sent", "delivered", "failed", "verified", "wrong", "expired", "denied", "throttled")
KNOWN_LABELS: tuple[tuple[Counter | Histogram | Gauge, tuple[tuple[str, ...], ...]], ...] = (
    (
        sightings,
        tuple((source, outcome) for source in SOURCES for outcome in ("detected", "known", "stale", "unknown")),
    ),
    (s13_requests, (("white",), ("grey",), ("black",), ("unknown",), ("refused",), ("lost",))),
    (spool_files, (("done",), ("failed",))),
    (detections, tuple((source, cause.value) for source in SOURCES for cause in Cause)),
    (waiting, (("push",), ("reach",), ("campaign",), ("webhook",))),
    (webhook_deliveries, (("delivered",), ("retried",), ("failed",))),
    (
        activation,
        tuple(
            (step,)
            for step in (
                "requested",
                "reached",
                "configured",
                "registered",
                "deregistered",
                "failed",
                "cancelled",
            )
        ),
    ),
    (
        registrations,
        tuple(
            (state, outcome)
            for state in ("registered", "deregistered", "failed")
            for outcome in ("changed", "known", "stale", "unknown")
        ),
    ),
    (campaign_devices, (("started",), ("ok",), ("failed",), ("skipped",), ("undone",))),
    (campaign_paused, (("errors",), ("operator",), ("success",))),
    (campaign_ends, (("finished",), ("paused",), ("stopped",), ("undoing",), ("undone",))),
    (
        reach,
        tuple(
            (way, result)
            for way in ("rcscfg", "dm_notify", "bootstrap", "cp", "wait")
            for result in ("pushed", "configured", "failed")
        ),
    ),
    (spans, (("sent",), ("lost",))),
    (traces, (("kept",), ("left_out",))),
    (dm_messages, tuple((way, encoding) for way in ("received", "sent") for encoding in ("xml", "wbxml"))),
    (
        dm_sessions,
        (
            *(
                (auth, result)
                for auth in ("basic", "md5", "mac", "certificate")
                for result in ("ok", "auth_failed", "aborted", "replaced", "timeout", "protocol_error", "too_large")
            ),
            ("none", "protocol_error"),
            ("none", "too_large"),
        ),
    ),
    (dm_sessions_started, (("server",), ("client",))),
    (
        dm_commands,
        tuple(
            (verb, status_class)
            for verb in ("Get", "Add", "Replace", "Delete", "Copy", "Exec", "Atomic", "Sequence", "Alert")
            for status_class in ("2xx", "4xx", "5xx")
        ),
    ),
    (dm_alerts, (("generic",), ("client_event",))),
    (dm_status_codes, (("200",),)),
    (acs_documents, (("full",), ("unchanged",), ("disabled",), ("dormant",), ("reset",))),
    (
        acs_proofs,
        (
            *((method, result) for method in ("cookie", "token", "old_token") for result in ("accepted", "refused")),
            *(
                (method, result)
                for method in ("otp", "eap", "oidc", "gba")
                for result in ("challenged", "accepted", "refused")
            ),
        ),
    ),
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
    (acs_elsewhere, (("redirect",), ("proxy",))),
    (
        shadow,
        tuple(
            (protocol, outcome)
            for protocol in ("rcc14", "omadm")
            for outcome in ("same", "differing", "unknown", "unchanged", "not_compared", "left_out")
        ),
    ),
    (
        shadow_differences,
        (
            *(("rcc14", kind) for kind in ("missing", "added", "changed", "order", "case", "state", "status")),
            *(("omadm", kind) for kind in ("missing", "added", "changed", "unseen")),
        ),
    ),
    (otp, tuple((stage,) for stage in OTP_STAGES)),
    (acs_devices, tuple((version,) for version in VERSIONS)),
    (devices_heard_of, tuple((within,) for within in CONTACTS)),
    (push_receipts, (("matched",), ("unknown",), ("unreadable",))),
    (push_seconds, (("submit",), ("dlr",), ("session",))),
    (
        push,
        tuple(
            (channel, kind, result)
            for channel in ("file", "console", "http", "smpp")
            for kind in ("dm_notify", "dm_bootstrap", "cp", "rcscfg", "otp")
            for result in ("accepted", "delivered", "failed", "expired", "throttled")
        ),
    ),
    (shed, (("acs",), ("dm",))),
    (
        jobs_ended,
        tuple((kind, state) for kind in JOB_KINDS for state in ("done", "failed", "expired", "cancelled")),
    ),
    (backend_requests, tuple((name, result) for name in BACKENDS for result in ("ok", "failed"))),
    (backend_seconds, tuple((name,) for name in BACKENDS)),
    (store_failures, (("sqlite",), ("redis",))),
    (config_reloads, (("taken",), ("refused",))),
    (eap_aka, (("ok",), ("sync_failure",), ("mac_failure",), ("reject",), ("backend_error",))),
    (admin_logins, (("ok",), ("refused",), ("throttled",))),
    (tokens, (("issued",), ("accepted",), ("refused",), ("expired",), ("revoked",))),
)
"""The series that are there from the first scrape, so that rates and absence alerts work. Other codes follow."""


def count(counter: Counter, *values: str, number: int = 1) -> None:
    """Count one, or so many, in the series of these label values."""
    _counted[counter, values] += number


@contextlib.contextmanager
def asking(backend: str) -> Iterator[None]:
    """Count and time a question to another server; it failed when the context ends in Unavailable."""
    started = time.perf_counter()
    result = "ok"
    try:
        yield
    except Unavailable:
        result = "failed"
        raise
    finally:
        count(backend_requests, backend, result)
        backend_seconds.labels(backend).observe(time.perf_counter() - started)


def render() -> bytes:
    """All metrics in the text exposition format."""
    return generate_latest(registry)


async def scrape(refresh: Callable[[], Awaitable[None]] | None = None) -> bytes:
    """The same, after what has gauges that are read from the store has read them."""
    if refresh is not None:
        await refresh()
    return render()


for _metric, _known in KNOWN_LABELS:
    for _values in _known:
        _metric.labels(*_values)
build_info.labels(version("mogate"), commit(), platform.python_version()).set(1)
