"""Spans: what is wrapped, and what becomes of the wrapped when things go wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from otlp_peer import Collector, attributes, collecting

from gateway.assembly.state import open_spans
from gateway.errors import ConfigError, Unavailable
from gateway.fleet.push import Submission
from gateway.observe import metrics
from gateway.observe.around import bare
from gateway.observe.spans import Spans
from gateway.outreach.deliveries import Bearer
from gateway.settings import OpenTelemetry, Settings
from gateway.store.protocol import Store


def spans_to(url: str, **settings: Any) -> Spans:
    return Spans(OpenTelemetry(endpoint=url, **settings), sqlite=False)


async def ask(spans: Spans, answer: Any) -> Any:
    """What a device gets whose request is answered by that."""

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        return cast("web.StreamResponse", await answer())

    wrapped = spans.request(handle, "GET", "/config", "plain", ())
    return await wrapped(make_mocked_request("GET", "/config?IMSI=001010000000001"))


async def test_what_a_device_is_refused_is_an_error() -> None:
    """An answer of 500 and above is an error of its status; one below is the device's own fault, and none."""
    with collecting() as collector:
        spans = spans_to(collector.url)
        for status in (503, 403):

            async def answer(status: int = status) -> web.Response:
                return web.Response(status=status)

            await ask(spans, answer)
        await spans.close()
        failed, refused = collector.spans
        assert failed.status.code == Status.STATUS_CODE_ERROR
        assert attributes(failed)["error.type"] == "503"
        assert refused.status.code == Status.STATUS_CODE_UNSET
        assert attributes(refused)["http.response.status_code"] == 403


async def test_an_exception_is_told_by_its_class_alone() -> None:
    """Its message may say who asked, and does not leave the gateway; whoever called gets the exception all the same."""
    with collecting() as collector:
        spans = spans_to(collector.url)

        async def step() -> None:
            raise Unavailable("no answer for 001010000000001")

        with pytest.raises(Unavailable):
            await ask(spans, spans.around("a step", step))
        await spans.close()
        assert {attributes(span)["error.type"] for span in collector.spans} == {"Unavailable"}
        assert len(collector.spans) == 2
        assert b"00101" not in b"".join(collector.exports)


async def test_nothing_outside_of_a_trace_begins_one() -> None:
    """What the gateway asks its store by itself, again and again, is no trace; a push is."""

    class Known:
        channel = "smpp"

        async def load_owned(self, device_id: str) -> str:
            return device_id

        async def send(self, message: Submission, validity_seconds: int, *, receipt: bool = False) -> str:
            return message.to

        def touch(self, device_id: str) -> str:
            return device_id

        async def scan_households(self, after: str = "") -> AsyncIterator[str]:
            yield "alice"

        def __getattr__(self, name: str) -> None:
            """Other questions, which nobody asks here."""

    with collecting() as collector:
        spans = spans_to(collector.url)
        store = spans.store(cast("Store", Known()))
        assert cast("str", await store.load_owned("alice.1")) == "alice.1"
        assert [cast("str", found) async for found in store.scan_households()] == ["alice"]
        assert cast("Any", store).touch("alice.1") == "alice.1"
        bearer = spans.bearer(cast("Bearer", Known()))
        assert await bearer.send(Submission("+15550100001", 4, b"", b"octets"), 60) == "+15550100001"
        await spans.close()
        (push,) = collector.spans
        assert push.name == "push smpp"
        assert attributes(push) == {"mogate.push.channel": "smpp", "mogate.push.octets": 6}

        async def walked() -> web.Response:
            assert [cast("str", found) async for found in store.scan_households()] == ["alice"]
            return web.Response()

    with collecting() as collector:
        spans = spans_to(collector.url)
        store = spans.store(cast("Store", Known()))
        await ask(spans, walked)
        await spans.close()
        assert [span.name for span in collector.spans] == ["store scan_households", "GET /config"]
        assert attributes(collector.spans[0])["db.system.name"] == "redis"


async def test_a_share_of_nothing_sends_nothing() -> None:
    """With no share of the requests nothing is sent, and they are answered."""
    with collecting() as collector:
        spans = spans_to(collector.url, share_percent=0)

        async def answer() -> web.Response:
            return web.Response(status=204)

        assert (await ask(spans, answer)).status == 204
        await spans.close()
        assert collector.exports == []


async def test_spans_that_nobody_takes_are_counted() -> None:
    """A collector that is away costs its spans and nothing else, and the gateway says how many."""
    before = metrics.registry.get_sample_value("mogate_spans_total", {"result": "lost"}) or 0
    with collecting() as gone:
        pass
    spans = spans_to(gone.url, timeout_seconds=1)

    async def answer() -> web.Response:
        return web.Response()

    assert (await ask(spans, answer)).status == 200
    await asyncio.wait_for(spans.close(), 30)
    assert metrics.registry.get_sample_value("mogate_spans_total", {"result": "lost"}) == before + 1


def test_without_a_collector_nothing_is_in_the_way() -> None:
    """A step that nobody watches is the step itself, and what would watch is not even loaded."""
    assert open_spans(Settings()) is None

    async def step() -> None:
        """Nothing."""

    assert bare("a step", step) is step
    loaded = "import sys, gateway.app; sys.exit('gateway.observe.spans' in sys.modules)"
    subprocess.run([sys.executable, "-c", loaded], check=True, timeout=60)


def test_a_collector_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets one without the libraries is told which command brings them."""
    monkeypatch.setitem(sys.modules, "gateway.observe.spans", None)
    with pytest.raises(ConfigError, match=r"pip install 'mogate\[otel\]'"):
        open_spans(Settings(opentelemetry=OpenTelemetry(endpoint="http://127.0.0.1:4318/v1/traces")))


def test_collectors_are_held_apart() -> None:
    """Two gateways in one process tell each their own."""
    with collecting() as first, collecting() as second:

        async def both() -> None:
            one, other = spans_to(first.url), spans_to(second.url, service_name="other")

            async def answer() -> web.Response:
                return web.Response()

            await ask(one, answer)
            await one.close()
            await other.close()

        asyncio.run(both())
        assert told_by(first) == ["GET /config"]
        assert told_by(second) == []


def told_by(collector: Collector) -> list[str]:
    return [span.name for span in collector.spans]
