"""OMA DM over HTTP and a real store: what proves a device, what the headers say, and what strangers cannot do."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from omadm_front import DEVINFO, PHONE, START, XML, Answer, Lab, message, nonce_of
from omadm_front import open_lab as lab_at

from adapters.omadm import codec
from adapters.omadm.auth import Account, body_digest, format_mac, mac_digest, parse_mac
from adapters.omadm.messages import Alert, AnyCommand, Command, Cred, Item, Results, Status
from gateway.awaited import Awaiting
from gateway.fleet.mirror import Mirror, Read
from gateway.fleet.operation import Operation
from gateway.observe import metrics
from gateway.sealing import Sealer
from gateway.status import StatusCode
from gateway.store.protocol import PutDevice, PutMirror
from gateway.tree.uri import Uri

Opening = Callable[..., Awaitable[Lab]]


@pytest.fixture
async def open_lab(tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens a front with other settings and another account."""
    async with AsyncExitStack() as stack:

        async def opened(account: dict[str, Any] | None = None, **settings: Any) -> Lab:
            return await stack.enter_async_context(lab_at(tmp_path, account, **settings))

        yield opened


async def test_a_session_with_macs_in_both_directions(open_lab: Opening) -> None:
    """Challenge, 200 with the next nonce, and a MAC over the very octets of each answer.

    OMA-TS-DM_Security-V1_2 5.4
    """
    lab = await open_lab({"auth": "mac", "server_auth": "mac"})
    device = await lab.device()
    assert device.omadm is not None
    assert device.omadm.server is not None
    server = replace(device.omadm.server, nonce=b"of the gateway")
    await lab.store.commit(PutDevice(replace(device, omadm=replace(device.omadm, server=server))))
    await lab.inventory.enqueue("ann", Operation(id="", verb="Get", uri="./DevDetail/FwV"))

    challenged = await lab.post(message(1, *START))
    assert (challenged.head, challenged.headers.get("x-syncml-hmac")) == ("407 chal", None)
    begun = await lab.signed(message(2, *START), nonce_of(challenged))
    assert begun.head == "200 chal"
    assert begun.message.header.cred is None
    mac = parse_mac(begun.headers["x-syncml-hmac"])
    digest = Sealer(bytes(32)).unseal(server.secret, "omadm-credential").decode()
    assert mac is not None
    assert (mac.username, mac.mac) == ("mogate", mac_digest(digest, b"of the gateway", body_digest(begun.octets)))
    (get,) = [command for command in begun.message.commands if isinstance(command, Command)]

    told = message(3, Status("1", "2", get.cmd_id, "Get", StatusCode(404)))
    assert (await lab.post(told)).head == "407 chal"
    assert (await lab.signed(told, b"another")).head == "401 chal"
    done = await lab.signed(message(4, *told.commands), nonce_of(begun))
    assert done.head == "200"
    assert [operation.status for operation in await lab.store.load_operations("ann.1", pending_only=False)] == [404]

    again = await lab.signed(message(4, *told.commands), nonce_of(begun))
    assert (again.octets, again.headers["x-syncml-hmac"]) == (done.octets, done.headers["x-syncml-hmac"])


async def test_a_phone_that_repeats_itself_is_served_as_one_that_does_not(open_lab: Opening) -> None:
    """Operations go out in a session that opens as the last did, other words are taken in, a trace shows them all."""
    lab = await open_lab()
    nonce = nonce_of(await lab.post(message(1, *START)))

    async def open_session(*commands: AnyCommand) -> Answer:
        nonlocal nonce
        begun = await lab.post(message(1, *commands, cred=lab.md5(nonce)))
        nonce = nonce_of(begun)
        assert begun.head == "212 chal"
        return begun

    async def opening() -> bytes:
        state = (await lab.device()).omadm
        assert state is not None
        return state.opening

    await open_session(*START)
    assert await opening() == b""
    plain = await open_session(*START)
    assert await opening()
    assert (await open_session(*START)).message.commands[1:] == plain.message.commands[1:]

    await lab.inventory.enqueue("ann", Operation(id="", verb="Get", uri="./A"))
    await lab.inventory.arm_trace("ann.1", 5)
    (get,) = [one for one in (await open_session(*START)).message.commands if isinstance(one, Command)]
    assert get.items[0].target == "./A"
    (traced,) = await lab.store.load_trace(["ann.1"], 5, lab.now)
    assert b"./DevInfo/Mod" in traced.request

    newer = tuple(replace(item, data="A2") if item.source == "./DevInfo/Mod" else item for item in DEVINFO)
    await open_session(START[0], replace(START[1], items=newer))
    assert (await lab.device()).model == "A2"
    await open_session(*START)
    assert (await lab.device()).model == "A1"


async def test_a_stranger_changes_nothing_and_learns_nothing(open_lab: Opening) -> None:
    """Who speaks in a device's name without its secret leaves device and session as they are, and hears what anybody
    would who names a device that does not exist."""
    lab = await open_lab()
    challenged = await lab.post(message(1, *START))
    await lab.inventory.enqueue("ann", Operation(id="", verb="Get", uri="./A"))
    begun = await lab.post(message(2, *START, cred=lab.md5(nonce_of(challenged))))
    assert begun.head == "212 chal"
    before = (await lab.device(), (await lab.store.load_contact(PHONE, lab.now)))

    wrong = Cred("syncml:auth-md5", "Zz6EivR3yeaaENcRN6lpAQ==")
    for msg_id, cred in ((1, None), (2, wrong), (3, wrong), (9, None)):
        known = await lab.post(message(msg_id, *START, cred=cred))
        unknown = await lab.post(message(msg_id, *START, cred=cred, source="IMEI:004400112233448"))
        assert known.head == unknown.head

        def shape(answer: Answer) -> tuple[object, ...]:
            header = replace(answer.message.header, target="")
            return header, [type(one) for one in answer.message.commands], len(answer.octets), sorted(answer.headers)

        assert shape(known) == shape(unknown)
    assert before == (await lab.device(), (await lab.store.load_contact(PHONE, lab.now)))
    (get,) = [command for command in begun.message.commands if isinstance(command, Command)]
    assert (await lab.post(message(3, Status("1", "2", get.cmd_id, "Get", StatusCode(200))))).head == "212"
    events = [event.kind for event in await lab.store.load_events(device_id="ann.1")]
    assert events.count("auth.failed") == 1


async def test_a_challenge_is_answered_once_and_in_time(open_lab: Opening) -> None:
    """After a success its nonce is void, and so it is after a while."""
    lab = await open_lab()
    nonce = nonce_of(await lab.post(message(1, *START)))
    assert (await lab.post(message(2, *START, cred=lab.md5(nonce)))).head == "212 chal"
    replayed = Alert("1", 1200)
    assert (await lab.post(message(1, replayed, cred=lab.md5(nonce)))).head == "401 chal"
    nonce = nonce_of(await lab.post(message(1, *START)))
    lab.now += timedelta(hours=1)
    assert (await lab.post(message(2, replayed, cred=lab.md5(nonce)))).head == "401 chal"


async def test_a_session_has_a_place_of_its_own(open_lab: Opening) -> None:
    """With ``resp_uri`` further messages are only taken where the device was told to send them."""
    lab = await open_lab(resp_uri="https://mdm.example.org/omadm")
    await lab.inventory.enqueue("ann", Operation(id="", verb="Get", uri="./A"))
    nonce = nonce_of(await lab.post(message(1, *START)))
    begun = await lab.post(message(2, *START, cred=lab.md5(nonce)))
    uri = begun.message.header.resp_uri
    assert uri.startswith("https://mdm.example.org/omadm?s=")
    told = message(3, Status("1", "2", "4", "Get", StatusCode(404)))
    assert (await lab.post(told)).head == "408"
    assert (await lab.post(told, uri.removeprefix("https://mdm.example.org"))).head == "212"


@pytest.mark.parametrize(("resync_nonce", "nonce"), [("octets", bytes(4)), ("text", b"0x00000000")])
async def test_nonces_are_agreed_on_anew_when_the_device_was_called_for_it(
    open_lab: Opening, resync_nonce: str, nonce: bytes
) -> None:
    """The nonce of zeros counts for a while after such a call, once, and never else.

    OMA-TS-DM_Notification-V1_2 6.2
    """
    lab = await open_lab(resync_nonce=resync_nonce)
    start = message(1, *START, cred=lab.md5(nonce))
    assert (await lab.post(start)).head == "401 chal"
    device = await lab.device()
    assert device.omadm is not None
    await lab.store.commit(PutDevice(replace(device, omadm=replace(device.omadm, resync_at=lab.now))))
    assert (await lab.post(start)).head == "212 chal"
    again = message(1, Alert("1", 1200), cred=lab.md5(nonce))
    assert (await lab.post(again)).head == "401 chal"


@pytest.mark.parametrize("known", [True, False], ids=["a device", "a stranger"])
async def test_a_forged_body_is_never_parsed(open_lab: Opening, *, known: bool) -> None:
    """With a MAC that is not right the body may be anything: the header is answered, with a challenge for a MAC.

    What does not decode behind a right MAC is an error; so it is the MAC that is looked at first.

    Spec: OMA-TS-DM_Security-V1_2 5.4
    """
    lab = await open_lab({"auth": "mac"}, auth="mac")
    challenged = await lab.post(message(1, *START))
    said = message(2, *START)
    octets = codec.encode(said if known else replace(said, header=replace(said.header, source="IMEI:2")), XML)
    broken = octets[: octets.index(b"<SyncBody>")] + b"<SyncBody><<< no XML"
    signed = format_mac(Account(PHONE, lab.digest, nonce_of(challenged)), broken)
    headers = {"Content-Type": XML.media_type}
    for mac, status in ((format_mac(Account(PHONE, lab.digest, b"another"), broken), 200), (signed, 400)):
        async with lab.http.post("/omadm", data=broken, headers={**headers, "x-syncml-hmac": mac}) as response:
            assert response.status == (status if known else 200)
            if response.status == 200:
                answer, _ = codec.decode(await response.read(), XML)
                (refusal,) = answer.commands
                assert isinstance(refusal, Status)
                assert (refusal.cmd, refusal.code) == ("SyncHdr", 401)
                assert refusal.chal is not None
                assert refusal.chal.type == "syncml:auth-MAC"
    assert (await lab.signed(said, nonce_of(challenged))).head == "200 chal"


def ends() -> dict[tuple[str, str], float]:
    """How many sessions have ended so far, by how the device proves itself and how they ended."""
    metrics.render()  # brings the counters up to date
    return {
        (sample.labels["auth"], sample.labels["result"]): sample.value
        for family in metrics.dm_sessions.collect()
        for sample in family.samples
        if sample.value
    }


async def test_how_a_session_ends_is_counted(open_lab: Opening) -> None:
    """Each way in which a session ends is told from the others, with how the device proves itself. DM_Protocol 8"""
    lab = await open_lab(max_message_bytes=4000)
    before = ends()
    nonce = nonce_of(await lab.post(message(1, *START)))

    async def begin(nonce: bytes) -> bytes:
        return nonce_of(await lab.post(message(2, *START, cred=lab.md5(nonce))))

    def grown() -> dict[tuple[str, str], float]:
        return {one: count - before.get(one, 0) for one, count in ends().items() if count > before.get(one, 0)}

    nonce = await begin(nonce)
    assert grown() == {("md5", "ok"): 1}
    await lab.inventory.enqueue("ann", Operation(id="", verb="Get", uri="./DevDetail/FwV"))
    nonce = await begin(nonce)
    await lab.post(message(3, Status("1", "2", "0", "SyncHdr", StatusCode(212)), Alert("2", 1223)))
    assert grown()["md5", "aborted"] == 1
    await lab.post(message(4, Command("Get", "1", (Item(target="./DevInfo/Man"),))))
    assert grown()["md5", "timeout"] == 1
    other = message(1, *START)
    await lab.post(replace(other, header=replace(other.header, ver_dtd="1.9")))
    assert grown()["md5", "protocol_error"] == 1
    for number in range(1, 8):
        await lab.post(message(number, *START, cred=lab.md5(b"never given")))
    assert grown()["md5", "auth_failed"] >= 1
    for octets, status, result in ((b"<SyncML", 400, "protocol_error"), (b" " * 4001, 413, "too_large")):
        async with lab.http.post("/omadm", data=octets, headers={"Content-Type": XML.media_type}) as response:
            assert response.status == status
        assert grown()["none", result] == 1


@pytest.mark.parametrize("code", [200, 405])
@pytest.mark.parametrize("meanwhile", ["3000", ""])
async def test_a_value_that_changes_while_it_is_sent_goes_out_in_the_same_session(
    open_lab: Opening, code: int, meanwhile: str
) -> None:
    """What was planned is no reason not to look again; without a change the session ends, whatever the device said."""
    lab = await open_lab()

    async def want(value: str) -> None:
        device = await lab.device()
        assert device.omadm is not None
        state = replace(device.omadm, roots={"ims": "./3GPP_IMS"})
        values, revision = {"ims": {"Timer_T1": value}}, device.content_revision + 1
        await lab.store.commit(PutDevice(replace(device, omadm=state, overrides=values, content_revision=revision)))

    async def tell(number: int, *commands: AnyCommand, cred: Cred | None = None) -> tuple[Answer, list[Command]]:
        answer = await lab.post(message(number, *commands, cred=cred))
        return answer, [one for one in answer.message.commands if isinstance(one, Command)]

    def done(number: int, answer: Answer, command: Command) -> tuple[AnyCommand, ...]:
        msg_id = str(answer.message.header.msg_id)
        return (
            Status("1", msg_id, "0", "SyncHdr", StatusCode.AUTHENTICATED),
            Status("2", msg_id, command.cmd_id, "Replace", StatusCode(number)),
        )

    root = Uri(("3GPP_IMS",))
    reads = [Read(str(root), "node"), Read(f"{root}/Timer_T1", "int", value="1000")]
    await lab.store.commit(PutMirror(Mirror(device_id="ann.1").read(reads, lab.now, complete_root=root)))
    lab.now += timedelta(minutes=1)
    await want("2000")
    nonce = nonce_of(await lab.post(message(1, *START)))
    answer, (first,) = await tell(2, *START, cred=lab.md5(nonce))
    assert (first.verb, first.items[0].target, first.items[0].data) == ("Replace", f"{root}/Timer_T1", "2000")
    if meanwhile:
        await want(meanwhile)
    answer, then = await tell(3, *done(code, answer, first))
    assert [command.items[0].data for command in then] == ([meanwhile] if meanwhile else [])
    for second in then:
        assert (await tell(4, *done(200, answer, second)))[1] == []
    fact = (await lab.store.load_mirror("ann.1")).facts[f"{root}/Timer_T1"]
    assert (fact.effective, fact.refused) == (
        meanwhile or ("2000" if code == 200 else "1000"),
        code != 200 and not meanwhile,
    )
    state = (await lab.device()).omadm
    assert state is not None
    assert state.synced


async def test_what_a_device_did_not_say_of_itself_is_asked_for_once(open_lab: Opening) -> None:
    """DevInfo without the model is taken with 200, and the model is read in the same session; no later one asks again.

    Spec: OMA-TS-DM_StdObj-V1_2 5.1 (DevInfo)
    """
    lab = await open_lab()
    start, about = START[0], Command("Replace", "2", tuple(one for one in DEVINFO if one.data != "A1"))
    nonce = nonce_of(await lab.post(message(1, start, about)))
    answer = await lab.post(message(2, start, about, cred=lab.md5(nonce)))
    (get,) = [one for one in answer.message.commands if isinstance(one, Command)]
    assert (get.verb, [item.target for item in get.items]) == ("Get", ["./DevInfo/Mod"])
    number = str(answer.message.header.msg_id)
    await lab.post(
        message(
            3,
            Status("1", number, "0", "SyncHdr", StatusCode.AUTHENTICATED),
            Status("2", number, get.cmd_id, "Get", StatusCode.OK),
            Results("3", number, get.cmd_id, (Item(source="./DevInfo/Mod", data="A1"),)),
        )
    )
    assert (await lab.device()).model == "A1"


@pytest.mark.parametrize("family", ["vnd.syncml.dm", "vnd.syncml"])
@pytest.mark.parametrize("form", ["xml", "wbxml"])
async def test_an_answer_is_of_the_type_of_the_request(open_lab: Opening, family: str, form: str) -> None:
    """Whichever type and parameters the request has, in whatever case; it is kept by no cache and wants no cookie.

    Spec: OMA-TS-SyncML_HTTPBinding-V1_2
    """
    lab = await open_lab()
    encoding = codec.encoding_of(f"application/{family}+{form}")
    headers = {"Content-Type": f"Application/{family.upper()}+{form}; charset=UTF-8"}
    async with lab.http.post("/omadm", data=codec.encode(message(1, *START), encoding), headers=headers) as response:
        body = await response.read()
        assert (response.status, response.headers["Content-Type"]) == (200, f"application/{family}+{form}")
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Length"] == str(len(body))
        assert "Set-Cookie" not in response.headers
    first = codec.decode(body, encoding)[0].commands[0]
    assert isinstance(first, Status)
    assert first.code == StatusCode.MISSING_CREDENTIALS


async def test_a_type_that_is_none_of_syncml_is_refused(open_lab: Opening) -> None:
    """415, and nothing is guessed from the octets. Spec: OMA-TS-SyncML_HTTPBinding-V1_2"""
    lab = await open_lab()
    octets = codec.encode(message(1, *START), XML)
    async with lab.http.post("/omadm", data=octets, headers={"Content-Type": "text/xml"}) as response:
        assert response.status == 415


async def test_a_phone_that_nobody_knows_is_traced_if_it_is_waited_for(open_lab: Opening) -> None:
    """Its first message and the challenge are kept with the secrets covered, and what came to nothing too; once it is
    waited for no longer, nothing is.
    """
    lab = await open_lab()
    awaiting = Awaiting(lab.store, lab.tracer, lambda: lab.now)
    wait = await awaiting.begin("imei", "35123456000001", 60, "user:eve")
    source = "IMEI:351234560000017"
    answer = await lab.post(message(1, *START, source=source, cred=lab.md5(b"a nonce")))
    async with lab.http.post("/omadm", data=b"<SyncML", headers={"Content-Type": XML.media_type}) as refused:
        assert refused.status == 400
    (kept,) = await lab.store.load_trace([wait.owner], 10, lab.now)
    assert kept.decisions == (f"nobody is known as {source!r}", "stranger")
    assert not kept.proven
    assert source.encode() in kept.request
    assert lab.md5(b"a nonce").data.encode() not in kept.request  # type: ignore[union-attr]
    assert base64.b64encode(nonce_of(answer)) not in kept.answer
    await awaiting.end(wait.id)
    await lab.post(message(1, *START, source=source))
    assert len(await lab.store.load_trace([wait.owner], 10, lab.now)) == 1


async def test_what_cannot_be_read_from_an_awaited_address_is_kept_without_its_octets(open_lab: Opening) -> None:
    """Why it was refused is told."""
    lab = await open_lab()
    awaiting = Awaiting(lab.store, lab.tracer, lambda: lab.now)
    wait = await awaiting.begin("address", "127.0.0.0/8", 60, "user:eve")
    async with lab.http.post("/omadm", data=b"<SyncML", headers={"Content-Type": XML.media_type}) as refused:
        why = await refused.text()
    (kept,) = await lab.store.load_trace([wait.owner], 10, lab.now)
    assert (kept.request, kept.answer) == (b"", b"")
    assert kept.decisions[1] == why
