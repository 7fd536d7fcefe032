"""Beside another OMA DM server: what goes on to it and comes back, and what is found."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.test_utils import unused_port
from multidict import CIMultiDictProxy
from raw_servers import raw_server

from adapters.omadm.codec import Encoding, encode, encoding_of
from adapters.omadm.messages import Alert, AnyCommand, Command, Item, Results, Status, SyncHdr, SyncML
from adapters.omadm.shadow import OmaDmShadow
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.operation import Operation
from gateway.fleet.profile import ProfileSet, parse_profiles
from gateway.fleet.subscriber import Subscriber
from gateway.mo.catalogue import Catalogue
from gateway.observe import metrics
from gateway.service import Service
from gateway.serving import front
from gateway.serving.upstream import Upstream
from gateway.settings import OldDmServer, Shadow
from gateway.shadow import MAX_WAITING, Finding, Findings
from gateway.status import StatusCode
from gateway.store.protocol import PutDevice, PutOperation, PutSubscriber
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)
XML, WBXML = (encoding_of(f"application/vnd.syncml.dm+{form}") for form in ("xml", "wbxml"))
CATALOGUE = Catalogue.load(Path(__file__).parents[4] / "config" / "mo", identifiers={})
PROFILE = 'name = "x"\nlayer = "operator"\n[mo.ims]\nTimer_T1 = 2000\nTimer_T2 = 16000\n'
PHONE = "IMEI:004401020000017"
T1, T2 = "./IMS/Timer_T1", "./IMS/Timer_T2"
LOGIN = Credential(name="n", secret=b"s")
ANNS = Device(id="ann.1", omadm=OmaDmState(loc_uri=PHONE, client=LOGIN))
ANN = Subscriber(id="ann", imsis=("001010000000001",))

Answering = Callable[[bytes], web.StreamResponse]


def message(msg_id: int, *commands: AnyCommand, session: str = "1", source: str = PHONE) -> SyncML:
    return SyncML(SyncHdr(session_id=session, msg_id=msg_id, target="https://old.example/dm", source=source), commands)


def head(code: int = 212) -> Status:
    return Status("1", "1", "0", "SyncHdr", StatusCode(code))


def replaces(uri: str, text: str, *, more: bool = False) -> Command:
    return Command(verb="Replace", cmd_id="5", items=(Item(target=uri, data=text, more_data=more),))


def results(uri: str, text: str) -> Results:
    return Results("7", "1", "4", (Item(source=uri, data=text),))


class Site:
    """The other server, which says what ``answer`` is, and the front that stands before it."""

    def __init__(self, shadow: OmaDmShadow, findings: Findings, store: SqliteStore) -> None:
        self.shadow = shadow
        self.findings = findings
        self.store = store
        self.heard: list[tuple[web.BaseRequest, bytes]] = []
        self.answer: front.Response = front.Response(500)
        self.http: ClientSession
        self.url = ""

    async def post(self, body: bytes, **headers: str) -> tuple[int, CIMultiDictProxy[str], bytes]:
        """One request, whose comparison is over when this returns: status, headers and octets of the answer."""
        async with self.http.post(f"{self.url}/dm/x%2Fy?z=1", data=body, headers=headers) as response:
            answer = response.status, response.headers, await response.read()
        while not self.shadow._waiting.empty():
            await self.shadow.compare(self.shadow._waiting.get_nowait())
        return answer

    async def exchange(self, said: SyncML, answer: SyncML, encoding: Encoding = XML) -> None:
        """What the phone says, and what the other server answers to it."""
        octets, kind = encode(answer, encoding), {"Content-Type": encoding.media_type}
        self.answer = front.Response(200, octets, kind)
        assert (await self.post(encode(said, encoding), **kind))[2] == octets

    async def session(self, told: Sequence[AnyCommand], said: Sequence[AnyCommand] = (), **how: Encoding) -> Finding:
        """What is found of a session in which the phone was told and said that."""
        await self.findings.clear()
        await self.exchange(message(1, Alert("1", 1201)), message(1, head(), *told), **how)
        if told:
            await self.exchange(message(2, head(), *said), message(2, head()), **how)
        (found,) = await self.findings.list()
        return found


Opening = Callable[..., Awaitable[Site]]


@pytest.fixture
async def open_site(tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens a site with another server that is there, or not."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened(*, there: bool = True, profile: str = PROFILE) -> Site:
            store = SqliteStore.open(tmp_path / "store.sqlite")
            stack.push_async_callback(store.close)
            await store.commit(PutSubscriber(ANN), PutDevice(ANNS))

            async def handle(request: web.BaseRequest) -> web.StreamResponse:
                site.heard.append((request, await request.read()))
                return site.answer

            raw = await stack.enter_async_context(raw_server(handle))
            old = OldDmServer(url=raw if there else f"http://127.0.0.1:{unused_port()}", timeout_seconds=5)
            upstream = Upstream(old.url, old, backend="old_dm", key="omadm.old_server")
            stack.push_async_callback(upstream.close)
            profiles: ProfileSet = parse_profiles({"x.toml": profile}, CATALOGUE)
            service = Service(CATALOGUE, profiles, plmns=["00101"], roots={"ims": "./IMS"})
            findings = Findings(store, Shadow(), lambda: NOW)
            shadow = OmaDmShadow(store, service, findings, upstream=upstream, max_bytes=100_000, clock=lambda: NOW)
            site = Site(shadow, findings, store)
            site.url = await stack.enter_async_context(raw_server(shadow.handler((), secure=False), 100_000))
            site.http = await stack.enter_async_context(ClientSession(cookie_jar=DummyCookieJar()))
            return site

        yield opened


def differences(found: Finding) -> list[tuple[str, str, str, str]]:
    return [(one.kind, one.place, one.theirs, one.ours) for one in found.differences]


async def test_a_message_goes_on_as_it_is_and_its_answer_comes_back_so(open_site: Opening) -> None:
    """Target, headers and octets, whatever they say; the device's address is added. Nothing else is done about it."""
    site = await open_site()
    site.answer = front.Response(200, b"\x02\x00", {"Content-Type": "application/x", "X-Syncml-HMAC": "algorithm=MD5"})
    octets = b"\x02\xa4\x01\x6a\x00 no message"
    mac = "algorithm=MD5, username=ann, mac=XYZ"
    status, headers, body = await site.post(octets, **{"Content-Type": WBXML.media_type, "X-Syncml-HMAC": mac})
    assert (status, headers["Content-Type"], headers["X-Syncml-HMAC"], body) == (
        200, "application/x", "algorithm=MD5", b"\x02\x00",
    )  # fmt: skip
    ((request, heard),) = site.heard
    assert (request.method, request.raw_path, heard) == ("POST", "/dm/x%2Fy?z=1", octets)
    assert (request.headers["X-Syncml-HMAC"], request.headers["X-Forwarded-For"]) == (mac, "127.0.0.1")
    assert request.headers["Content-Type"] == WBXML.media_type
    assert await site.findings.list() == []


async def test_a_device_that_waits_to_be_invited_is(open_site: Opening) -> None:
    """Its body comes after ``100 Continue``, and arrives (RFC 9110 10.1.1)."""
    site = await open_site()
    site.answer = front.Response(200, b"ok")
    async with site.http.post(site.url, data=b"body", expect100=True) as response:
        assert await response.read() == b"ok"
    assert [heard for _, heard in site.heard] == [b"body"]


@pytest.mark.parametrize("encoding", [XML, WBXML])
async def test_values_that_differ_are_told_by_node(open_site: Opening, encoding: Encoding) -> None:
    """What only one of the two tells, and what both tell otherwise, in either encoding; nothing else is written."""
    site = await open_site()
    before = await site.store.load_mirror("ann.1"), await site.store.load_owned("ann.1")
    found = await site.session(
        [replaces(T1, "3000"), replaces("./Old/Node", "x"), Command("Exec", "9", (Item(target="./Old/Reboot"),))],
        [results(T2, "17000")],
        encoding=encoding,
    )
    assert (found.protocol, found.outcome, found.subscriber, found.device) == ("omadm", "differing", "ann", "ann.1")
    assert differences(found) == [
        ("changed", T1, "3000", "2000"),
        ("added", T2, "", "16000"),
        ("missing", "./Old/Node", "x", ""),
        ("missing", "Exec ./Old/Reboot", "", ""),
    ]
    assert (await site.store.load_mirror("ann.1"), await site.store.load_owned("ann.1")) == before
    assert await site.store.load_events() == []


async def test_the_same_values_are_no_difference(open_site: Opening) -> None:
    """However a number is written; what nobody told or said is counted by object, and makes no device different."""
    site = await open_site()
    found = await site.session([replaces(T1, "02000")])
    assert (found.outcome, differences(found)) == ("same", [("unseen", "./IMS", "", "1 values")])
    found = await site.session([replaces(T1, "2000")], [results(T2, "16000")])
    assert (found.outcome, differences(found)) == ("same", [])


async def test_a_device_that_is_told_nothing_is_up_to_date_there(open_site: Opening) -> None:
    """Of what it holds, such a session says nothing."""
    site = await open_site()
    found = await site.session([])
    assert (found.outcome, differences(found)) == ("unchanged", [("unseen", "./IMS", "", "2 values")])


async def test_what_waits_for_the_device_here_counts(open_site: Opening) -> None:
    """An operation in its queue is what this gateway would tell it."""
    site = await open_site()
    await site.store.commit(PutOperation("ann.1", Operation(id="1", verb="Exec", uri="./Here/Reboot")))
    found = await site.session([replaces(T1, "2000")], [results(T2, "16000")])
    assert differences(found) == [("added", "Exec ./Here/Reboot", "", "")]


async def test_no_secret_is_kept(open_site: Opening) -> None:
    """Neither by its node's name nor in markup that is not understood."""
    site = await open_site()
    secret, markup = "./SyncML/DMAcc/x/AppAuth/1/AAuthSecret", "<Old><Password>s3cret</Password></Old>"
    found = await site.session([replaces(secret, "s3cret"), replaces("./Old/Doc", markup)])
    assert [one.place for one in found.differences if one.kind == "missing"] == ["./Old/Doc", secret]
    assert "s3cret" not in repr(found)


async def test_a_value_in_parts_is_not_compared(open_site: Opening) -> None:
    """Only a part of it is in each message."""
    site = await open_site()
    await site.exchange(message(1, Alert("1", 1201)), message(1, head(), replaces(T1, "20", more=True)))
    await site.exchange(message(2, head()), message(2, head(), replaces(T1, "17")))
    await site.exchange(message(3, head()), message(3, head()))
    (found,) = await site.findings.list()
    assert (found.outcome, [one.kind for one in found.differences]) == ("unchanged", ["unseen"])


async def test_whoever_is_not_believed_there_says_nothing(open_site: Opening) -> None:
    """A device that the other server challenges or refuses may be anybody."""
    site = await open_site()
    for code in (401, 407, 404):
        await site.exchange(message(1, results(T1, "9")), message(1, head(code)))
    assert await site.findings.list() == []


async def test_devices_are_known_by_name_or_imei(open_site: Opening) -> None:
    """A stranger is to be brought over yet."""
    site = await open_site()
    await site.store.commit(PutDevice(Device(id="ann.2", imei="490154203237518")))
    for source, outcome in (("IMEI:490154203237518", "same"), ("IMEI:35", "unknown"), ("x" * 300, "unknown")):
        await site.findings.clear()
        await site.exchange(message(1, results(T1, "2000"), source=source), message(1, head()))
        (found,) = await site.findings.list()
        assert (found.outcome, found.subscriber) == (outcome, "ann" if outcome == "same" else "")


async def test_a_session_that_breaks_off_is_told_as_such(open_site: Opening) -> None:
    """When the next one begins, even under the same SessionID; that one counts."""
    site = await open_site()
    await site.exchange(message(1, Alert("1", 1201)), message(1, head(), replaces(T1, "3000")))
    await site.exchange(message(1, Alert("1", 1201)), message(1, head(), replaces(T1, "2000")))
    (broken,) = await site.findings.list()
    assert (broken.outcome, broken.why) == ("not_compared", "its session broke off")
    await site.exchange(message(2, head(), results(T2, "16000")), message(2, head()))
    assert [one.outcome for one in await site.findings.list()] == ["same"]


async def test_a_session_has_bounds(open_site: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one about more nodes than that nothing is kept, to its end."""
    monkeypatch.setattr("adapters.omadm.shadow.MAX_NODES", 2)
    site = await open_site()
    many = [replaces(f"./Old/{n}", "x") for n in range(3)]
    await site.exchange(message(1, Alert("1", 1201)), message(1, head(), *many))
    await site.exchange(message(2, head()), message(2, head(), replaces(T1, "3000")))
    await site.exchange(message(3, head()), message(3, head()))
    (found,) = await site.findings.list()
    assert (found.outcome, found.why, found.differences) == ("not_compared", "more than 2 nodes", ())


async def test_what_cannot_be_read_is_passed_on_and_counted(open_site: Opening) -> None:
    """A comparison that fails is no device's concern."""
    site = await open_site()

    def counted() -> float:
        labels = {"protocol": "omadm", "outcome": "not_compared"}
        return metrics.registry.get_sample_value("mogate_shadow_total", labels) or 0

    before = counted()
    kind = {"Content-Type": XML.media_type}
    site.answer = front.Response(200, b"<html>", kind)
    assert (await site.post(b"<SyncML>", **kind))[2] == b"<html>"
    assert (await site.post(b"x", **{"Content-Type": "text/plain"}))[2] == b"<html>"
    assert counted() == before + 2


async def test_without_the_other_server_devices_are_told_to_come_again(open_site: Opening) -> None:
    """503 with a time, without a body; its own refusals come back as they are, and what is too long is refused."""
    site = await open_site(there=False)
    status, headers, body = await site.post(b"x")
    assert (status, body) == (503, b"")
    assert int(headers["Retry-After"]) > 0
    assert (await site.post(b"x" * 100_001))[0] == 413


async def test_refusals_of_the_other_server_come_back(open_site: Opening) -> None:
    """As they are."""
    site = await open_site()
    site.answer = front.Response(502, b"bad gateway", {"Retry-After": "7"})
    status, headers, body = await site.post(b"x")
    assert (status, headers["Retry-After"], body) == (502, "7", b"bad gateway")


async def test_a_storm_leaves_comparisons_out_and_no_answer(open_site: Opening) -> None:
    """What cannot wait is not compared; its device is served all the same."""
    site = await open_site()
    site.answer = front.Response(200, b"served")
    for _ in range(MAX_WAITING):
        site.shadow._waiting.put_nowait(None)  # type: ignore[arg-type]
    async with site.http.post(site.url, data=b"x") as response:
        assert (response.status, await response.read()) == (200, b"served")
