"""Beside another server: what goes on to it and comes back, and what is found."""

from __future__ import annotations

import contextlib
import gzip
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.test_utils import unused_port
from msgspec.structs import replace
from multidict import CIMultiDict, CIMultiDictProxy
from raw_servers import raw_server

from adapters.rcc14.documents import Documents
from adapters.rcc14.handlers import Leg
from adapters.rcc14.shadow import Rcc14Shadow
from gateway.fleet.device import Device
from gateway.fleet.subscriber import ServiceState, Subscriber
from gateway.serving import front
from gateway.serving.upstream import Upstream
from gateway.settings import OldServer, Rcc14, Shadow
from gateway.shadow import MAX_WAITING, Finding, Findings
from gateway.store.protocol import PutDevice, PutSubscriber
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ANN = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001")
PHONE = Device(id="ann.1", imei="004401020000017")
ASKED = f"IMSI=001010000000001&IMEI={PHONE.imei}&rcs_profile=UP_2.4&provisioning_version=5.0"
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
OFF = b"<wap-provisioningdoc><characteristic type='VERS'><parm name='version' value='-1'/></characteristic></wap-provisioningdoc>"  # noqa: E501

Answering = Callable[[web.BaseRequest], web.StreamResponse]


class Site:
    """The other server, which answers as ``answer`` says, and the front that stands before it."""

    def __init__(self, shadow: Rcc14Shadow, findings: Findings, store: SqliteStore, documents: Documents) -> None:
        self.shadow = shadow
        self.findings = findings
        self.store = store
        self.documents = documents
        self.heard: list[web.BaseRequest] = []
        self.answer: Answering = lambda _: web.Response(status=511)
        self.http: ClientSession
        self.url = ""

    def ours(self) -> bytes:
        """The document that this gateway would hand out."""
        return self.documents.preview(ANN, PHONE, "B")

    async def ask(self, target: str, **headers: str) -> tuple[int, CIMultiDictProxy[str], bytes]:
        """One request, whose comparison is over when this returns: status, headers and octets of the answer."""
        async with self.http.get(self.url + target, headers=headers, allow_redirects=False) as response:
            answer = response.status, response.headers, await response.read()
        while not self.shadow._waiting.empty():
            await self.shadow.compare(self.shadow._waiting.get_nowait())
        return answer

    async def found(self) -> list[Finding]:
        return list(await self.findings.list())


Opening = Callable[..., Awaitable[Site]]


@pytest.fixture
async def open_site(documents: Documents, tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens a site whose peers are believed, or not."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened(*, secure: bool = True, believed: bool = True, there: bool = True) -> Site:
            store = SqliteStore.open(tmp_path / "store.sqlite")
            stack.push_async_callback(store.close)
            await store.commit(PutSubscriber(ANN), PutDevice(PHONE))

            async def handle(request: web.BaseRequest) -> web.StreamResponse:
                site.heard.append(request)
                return site.answer(request)

            raw = await stack.enter_async_context(raw_server(handle))
            old = OldServer(http=raw if there else f"http://127.0.0.1:{unused_port()}", timeout_seconds=5)
            findings = Findings(store, Shadow(), lambda: NOW)
            upstream = Upstream(old.http, old)
            stack.push_async_callback(upstream.close)
            shadow = Rcc14Shadow(store, documents, Rcc14(), findings, upstreams={secure: upstream}, clock=lambda: NOW)
            site = Site(shadow, findings, store, documents)
            leg = Leg(secure, LOOPBACK if believed and not secure else (), LOOPBACK)
            site.url = await stack.enter_async_context(raw_server(shadow.handler(leg)))
            jar = DummyCookieJar()
            site.http = await stack.enter_async_context(ClientSession(cookie_jar=jar, auto_decompress=False))
            return site

        yield opened


def _says(status: int, body: bytes = b"", **headers: str) -> Answering:
    return lambda _: front.Response(status, body, {name.replace("_", "-"): text for name, text in headers.items()})


async def test_a_request_goes_on_as_it_is_and_its_answer_comes_back_so(open_site: Opening) -> None:
    """Target, headers and cookies, several of a name too; the client's address is added. Nothing is followed."""
    site = await open_site()
    cookies = CIMultiDict([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Location", "https://elsewhere.example/")])
    site.answer = lambda _: front.Response(302, b"moved", cookies)
    status, headers, body = await site.ask(f"/old%2Fpath?{ASKED}&app=x+y", User_Agent="IM-client", Cookie="acs=1")
    assert (status, body, headers["Location"]) == (302, b"moved", "https://elsewhere.example/")
    assert headers.getall("Set-Cookie") == ["a=1", "b=2"]
    (heard,) = site.heard
    assert heard.raw_path == f"/old%2Fpath?{ASKED}&app=x+y"
    assert (heard.headers["Cookie"], heard.headers["X-Forwarded-For"]) == ("acs=1", "127.0.0.1")
    assert await site.found() == []


@pytest.mark.parametrize(
    ("secure", "believed", "heard"), [(False, True, True), (False, False, False), (True, True, False)]
)
async def test_only_the_operators_gateway_can_say_who_calls(
    open_site: Opening, secure: bool, believed: bool, heard: bool
) -> None:
    """The other server takes what comes from here for the operator's word: a phone's own never goes along.

    Spec: RCC.14 2.2.1
    """
    site = await open_site(secure=secure, believed=believed)
    await site.ask("/", **{"X-MSISDN": ANN.msisdn, "x-imsi": ANN.imsi, "X_MSISDN": ANN.msisdn})
    named = {name.lower() for name in site.heard[0].headers}
    assert ("x-msisdn" in named, "x-imsi" in named) == (heard, heard)


async def test_the_same_document_is_no_difference(open_site: Opening) -> None:
    """However it is packed, and whatever version and token it has; no device is touched by it."""
    site = await open_site()
    document = site.ours().replace(b'name="version" value="1"', b'name="version" value="77"')
    site.answer = _says(200, gzip.compress(document), Content_Encoding="gzip")
    before = await site.store.load_owned(PHONE.id)
    _, headers, body = await site.ask(f"/?{ASKED}")
    assert (headers["Content-Encoding"], gzip.decompress(body)) == ("gzip", document)
    (found,) = await site.found()
    assert (found.outcome, found.subscriber, found.device, found.differences) == ("same", "ann", "ann.1", ())
    assert await site.store.load_owned(PHONE.id) == before
    assert await site.store.load_events() == []


async def test_differences_name_place_and_values(open_site: Opening) -> None:
    """One parameter that differs is told with both values, and gone once it differs no more."""
    site = await open_site()
    site.answer = _says(200, site.ours().replace(b'value="2000"', b'value="2500"'))
    await site.ask(f"/?{ASKED}")
    (found,) = await site.found()
    assert [(one.kind, one.theirs, one.ours) for one in found.differences] == [("changed", "2500", "2000")]
    outcomes, places = await site.findings.sum_up()
    assert (outcomes["differing"], [one.clients for one in places]) == (1, [1])
    site.answer = _says(200, site.ours())
    await site.ask(f"/?{ASKED}")
    assert [one.outcome for one in await site.found()] == ["same"]


@pytest.mark.parametrize(
    ("state", "status", "body", "outcome", "told"),
    [
        (ServiceState.ACTIVE, 200, OFF, "differing", [("state", "-1", "active")]),
        (ServiceState.DISABLED_PERMANENTLY, 200, OFF, "unchanged", []),
        (ServiceState.ACTIVE, 403, b"", "differing", [("status", "403", "200")]),
        (ServiceState.ACTIVE, 200, b"<html>no", "not_compared", []),
        (ServiceState.ACTIVE, 200, OFF.replace(b"-1", b"7"), "unchanged", []),
        (ServiceState.DORMANT, 200, OFF.replace(b"-1", b"7"), "differing", [("state", "active", "dormant")]),
    ],
)
async def test_what_the_answer_is_counts_too(
    open_site: Opening, state: ServiceState, status: int, body: bytes, outcome: str, told: list[tuple[str, str, str]]
) -> None:
    """A service that is on with one and off with the other, a refusal, and what cannot be read (RCC.14 VERS)."""
    site = await open_site()
    await site.store.commit(PutSubscriber(replace(ANN, state=state, revision=1)))
    site.answer = _says(status, body)
    assert (await site.ask(f"/?{ASKED}"))[0] == status
    (found,) = await site.found()
    assert found.outcome == outcome
    assert [(one.kind, one.theirs, one.ours) for one in found.differences] == told


async def test_a_client_is_known_by_the_token_it_was_given(open_site: Opening) -> None:
    """A request that names nobody belongs to whom the other server gave its token; secrets are not kept."""
    site = await open_site()
    token = b'<characteristic type="TOKEN"><parm name="token" value="s3cret"/></characteristic>'
    document = site.ours().replace(b"</wap-provisioningdoc>", token + b"</wap-provisioningdoc>")
    site.answer = _says(200, document)
    await site.ask(f"/?IMEI={PHONE.imei}&token=unheard")
    assert [one.why for one in await site.found()] == ["names nobody"]
    await site.ask(f"/?{ASKED}")
    await site.findings.clear()
    await site.ask(f"/?IMEI={PHONE.imei}&rcs_profile=UP_2.4&provisioning_version=5.0&token=s3cret")
    assert [(one.subscriber, one.outcome) for one in await site.found()] == [("ann", "same")]
    assert "s3cret" not in repr(await site.found())


async def test_a_stranger_is_told_as_such(open_site: Opening) -> None:
    """Somebody whom the other server serves and the gateway does not know is to be brought over yet."""
    site = await open_site()
    site.answer = _says(200, site.ours())
    await site.ask("/?IMSI=001010000000777")
    assert [(one.outcome, one.subscriber) for one in await site.found()] == [("unknown", "001010000000777")]


async def test_without_the_other_server_clients_are_told_to_come_again(open_site: Opening) -> None:
    """503 with a time, without a body."""
    site = await open_site(there=False)
    status, headers, body = await site.ask(f"/?{ASKED}")
    assert (status, body) == (503, b"")
    assert int(headers["Retry-After"]) > 0


async def test_a_storm_leaves_comparisons_out_and_no_answer(open_site: Opening) -> None:
    """What cannot wait is not compared; its client is served all the same."""
    site = await open_site()
    site.answer = _says(200, site.ours())
    for _ in range(MAX_WAITING):
        site.shadow._waiting.put_nowait(None)  # type: ignore[arg-type]
    async with site.http.get(f"{site.url}/?{ASKED}") as response:
        assert (response.status, await response.read()) == (200, site.ours())
    assert await site.found() == []
