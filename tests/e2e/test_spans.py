"""What a gateway tells a collector of OpenTelemetry, as a collector takes it."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request

import pytest
from live_gateway import serving
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otlp_peer import Collector, attributes, collecting

CALLERS_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{CALLERS_TRACE}-00f067aa0ba902b7-01"


def ask(url: str, **headers: str) -> None:
    """Ask for it as part of a trace of the caller's, whatever the answer."""
    request = urllib.request.Request(url, headers={"traceparent": TRACEPARENT} | headers)
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(request, timeout=30).close()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Collector, str]:
    """What came of phones of both kinds, a push and operators; and the gateway's log."""
    with collecting() as collector:
        watched = {
            "MOGATE_OPENTELEMETRY__ENDPOINT": collector.url,
            "MOGATE_OPENTELEMETRY__AUTHORIZATION": "Bearer of-the-collector",
            "MOGATE_OPENTELEMETRY__SERVICE_NAME": "mogate-north",
            "MOGATE_LISTENERS__0__TRUSTED_PROXIES": '["127.0.0.1"]',
        }
        with serving(tmp_path_factory.mktemp("spans"), **watched) as one:
            one.run("simulate", "omadm")
            one.run("simulate", "rcc14", "--access", "wifi", "--by", "otp", "--state", str(one.folder / "wifi.json"))
            ask(one.url("plain", "/config?IMSI=001010000000001"), **{"X-MSISDN": "+15550100001"})
            ask(one.url("internet", "/config?msisdn=%2B15550100001"))
            ask(one.url("admin", "/api/v1/subscribers/%2B15550100001"), Authorization=f"Bearer {one.token}")
            ask(one.url("admin", "/readyz"))
            one.stop()
            return collector, one.log()


def named(collector: Collector, name: str) -> list[Span]:
    return [span for span in collector.spans if span.name == name]


def test_a_message_of_a_device_is_a_trace(told: tuple[Collector, str]) -> None:
    """Each POST is a span with its route and status, in it the session's step, and in that what the store was asked."""
    posts = named(told[0], "POST /omadm")
    assert posts
    for post in posts:
        assert post.kind == Span.SPAN_KIND_SERVER
        assert attributes(post) == {
            "http.request.method": "POST",
            "http.route": "/omadm",
            "url.scheme": "http",
            "mogate.listener": "plain",
            "http.response.status_code": 200,
        }
        (step,) = [span for span in told[0].spans if span.parent_span_id == post.span_id]
        assert step.name == "omadm step"
        assert step.trace_id == post.trace_id
        asked = [span for span in told[0].spans if span.parent_span_id == step.span_id]
        assert asked[0].name == "store load_contact"
        assert attributes(asked[0]) == {"db.system.name": "sqlite", "db.operation.name": "load_contact"}
        assert post.start_time_unix_nano <= step.start_time_unix_nano <= asked[0].start_time_unix_nano
        assert asked[0].end_time_unix_nano <= step.end_time_unix_nano <= post.end_time_unix_nano
    turns = [attributes(step)["mogate.omadm.turn"] for step in named(told[0], "omadm step")]
    assert "commands" in turns
    assert set(turns) <= {"challenge", "commands", "repeated", "stranger", "abort", "end"}


def test_a_request_of_a_client_is_a_trace(told: tuple[Collector, str]) -> None:
    """Both legs of RCC.14 are seen, each with its step, and a document with its size."""
    introduced, decided = (named(told[0], name) for name in ("rcc14 introduce", "rcc14 decide"))
    assert any(attributes(one) == {"mogate.rcc14.status": 200, "mogate.rcc14.octets": 0} for one in introduced)
    assert any(attributes(one)["mogate.rcc14.octets"] > 1000 for one in decided)
    parents = {span.span_id: span.name for span in told[0].spans}
    assert {parents[one.parent_span_id] for one in (*introduced, *decided)} <= {"GET /", "GET /config"}


def test_a_push_is_a_span_where_it_came_from(told: tuple[Collector, str]) -> None:
    """The message with a one-time password goes out within the request for it."""
    (push,) = named(told[0], "push file")
    assert push.kind == Span.SPAN_KIND_CLIENT
    (asked,) = [span for span in told[0].spans if span.span_id == push.parent_span_id]
    assert asked.name == "rcc14 decide"
    assert attributes(push)["mogate.push.channel"] == "file"


def test_a_trace_is_taken_over_from_proxies_and_on_the_admin_side_alone(told: tuple[Collector, str]) -> None:
    """What a stranger says of the trace that it is in counts for nothing. Spec: W3C Trace Context 3.2"""
    callers = [span for span in told[0].spans if span.trace_id.hex() == CALLERS_TRACE]
    assert {(span.name, attributes(span)["mogate.listener"]) for span in callers if "mogate.listener" in str(span)} == {
        ("GET /config", "plain"),
        ("GET /api/v1/subscribers/{ref}", "admin"),
    }
    strangers = [span for span in told[0].spans if attributes(span).get("mogate.listener") == "internet"]
    assert strangers
    assert not any(span.parent_span_id for span in strangers)


def test_spans_name_nobody(told: tuple[Collector, str]) -> None:
    """No identity is in what leaves for the collector, nor a word of a device or an error; probes are no spans."""
    for octets in told[0].exports:
        for identity in (b"00101", b"1555010", b"alice", b"001015", b"device", b"IMSI"):
            assert identity not in octets
    assert not any("readyz" in span.name or span.events for span in told[0].spans)


def test_the_collector_knows_who_sends(told: tuple[Collector, str]) -> None:
    """Exports carry the credentials and the name that the settings give, and the log has nothing to complain of."""
    assert told[0].authorizations == {"Bearer of-the-collector"}
    assert {one["service.name"] for one in told[0].resources} == {"mogate-north"}
    assert "of-the-collector" not in told[1]
    assert "library_said" not in told[1]
