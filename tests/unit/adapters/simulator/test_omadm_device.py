"""The simulated OMA DM phone, against a server that says what a script says and remembers what it heard."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import json
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from lxml import etree

from adapters.simulator import omadm_device
from adapters.simulator.omadm_device import run_session
from gateway.errors import Unavailable

SYNCML = "{SYNCML:SYNCML1.2}"
METINF = "{syncml:metinf}"
NONCE = b"nonce of the server"


@dataclasses.dataclass(frozen=True)
class Account:
    loc_uri: str = "IMEI:001015000000015"
    manufacturer: str = "Acme"
    model: str = "B7"
    client_name: str = "phone"
    client_password: str = "secret"
    server_name: str = "gateway"
    server_password: str = "hidden"
    server_id: str = "mogate"


class Script:
    """The octets heard, and the next answer to give: HTTP status and the body of a SyncML message."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.answers: list[tuple[int, str]] = []
        self.url = ""

    def message(self, number: int) -> etree._Element:
        return etree.fromstring(self.heard[number])

    def statuses(self, number: int) -> list[tuple[str, str]]:
        """(Cmd, code) of each Status the phone sent in that message."""
        return [
            (str(status.findtext(f"{SYNCML}Cmd")), str(status.findtext(f"{SYNCML}Data")))
            for status in self.message(number).iter(f"{SYNCML}Status")
        ]


def reply(*commands: str, header: int = 212, chal: bytes = b"", cred: str = "") -> tuple[int, str]:
    """A server message: its verdict on the phone, then commands."""
    challenge = ""
    if chal:
        challenge = (
            '<Chal><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">syncml:auth-md5</Type>'
            f'<NextNonce xmlns="syncml:metinf">{base64.b64encode(chal).decode()}</NextNonce></Meta></Chal>'
        )
    return 200, (
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>"
        "<SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>IMEI:001015000000015</LocURI></Target>"
        f"<Source><LocURI>mogate</LocURI></Source>{cred}</SyncHdr><SyncBody>"
        f"<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>{challenge}"
        f"<Data>{header}</Data></Status>{''.join(commands)}<Final/></SyncBody></SyncML>"
    )


def command(verb: str, uri: str, data: str = "", fmt: str = "chr") -> str:
    value = f'<Meta><Format xmlns="syncml:metinf">{fmt}</Format></Meta><Data>{data}</Data>' if data else ""
    return f"<{verb}><CmdID>5</CmdID><Item><Target><LocURI>{uri}</LocURI></Target>{value}</Item></{verb}>"


END = reply(header=200)


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    said = Script()

    async def answer(request: web.Request) -> web.Response:
        """The next answer, or the last one again when the message is a repeated one."""
        body = await request.read()
        if said.heard and said.heard[-1] != body:
            said.answers.pop(0)
        said.heard.append(body)
        status, text = said.answers[0]
        return web.Response(status=status, text=text, content_type="application/vnd.syncml.dm+xml")

    app = web.Application()
    app.router.add_post("/", answer)
    async with TestServer(app) as server:
        said.url = str(server.make_url("/"))
        yield said


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The phone's memory: it has spoken before, so that both sides hold a nonce."""
    file = tmp_path / "phone.json"
    encoded = base64.b64encode(NONCE).decode()
    file.write_text(json.dumps({"client_nonce": encoded, "server_nonce": encoded, "sessions": 4}))
    return file


def md5_cred(name: str, password: str, nonce: bytes) -> str:
    """B64(MD5(B64(MD5(name:password)):nonce)).

    Spec: OMA-TS-DM_Security-V1_2 5.3.2
    """
    inner = base64.b64encode(hashlib.md5(f"{name}:{password}".encode()).digest())
    return base64.b64encode(hashlib.md5(inner + b":" + nonce).digest()).decode()


SERVER_CRED = (
    '<Cred><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">syncml:auth-md5</Type></Meta>'
    f"<Data>{md5_cred('gateway', 'hidden', NONCE)}</Data></Cred>"
)


async def test_package_1_has_credentials_alert_and_devinfo(script: Script, state: Path) -> None:
    """The first message proves the phone with the nonce it holds, starts the session and says what it is.

    Spec: OMA-TS-DM_Protocol-V1_2 8.2
    """
    script.answers = [END]
    transcript = await run_session(Account(), script.url, state)
    assert transcript.result == "ok"
    message = script.message(0)
    assert [element.text for element in message.iter(f"{SYNCML}SessionID")] == ["5"]
    header = message.find(f"{SYNCML}SyncHdr")
    assert header is not None
    assert header.findtext(f"{SYNCML}Cred/{SYNCML}Data") == md5_cred("phone", "secret", NONCE)
    assert message.findtext(f".//{SYNCML}Alert/{SYNCML}Data") == "1201"
    uris = [element.text for element in message.findall(f".//{SYNCML}Replace//{SYNCML}LocURI")]
    assert {"./DevInfo/DevId", "./DevInfo/Man", "./DevInfo/Mod", "./DevInfo/DmV", "./DevInfo/Lang"} == set(uris)


async def test_a_phone_of_1_1_2(script: Script, state: Path) -> None:
    """It speaks of its own version, has its account where that was then, and makes what a Replace does not find.

    Spec: OMA-TS-DM_Protocol-V1_2 (VerDTD, VerProto); SyncML Device Management 1.1.2 (DMAcc)
    """
    ask = command("Get", "./SyncML/DMAcc/mogate")
    commands = (command("Replace", "./SyncML/New", "1"), command("Get", "./DevInfo?list=TNDS"), ask)
    script.answers = [reply(*commands, cred=SERVER_CRED), END]
    transcript = await run_session(Account(), script.url, state, version="1.1")
    older = "{SYNCML:SYNCML1.1}"
    said = script.message(0)
    assert said.tag == f"{older}SyncML"
    assert [said.findtext(f"{older}SyncHdr/{older}{name}") for name in ("VerDTD", "VerProto")] == ["1.1", "DM/1.1"]
    assert transcript.facts["commands"] == [
        "Replace ./SyncML/New 200",
        "Get ./DevInfo?list=TNDS 406",
        "Get ./SyncML/DMAcc/mogate 200",
    ]
    values = transcript.values
    assert (values["./DevInfo/DmV"], values["./SyncML/DMAcc/mogate/UserName"]) == ("1.1", "phone")
    assert not any(uri.endswith("PW") or uri.startswith(("./DMAcc", "./FUMO")) for uri in values)


async def test_a_phone_of_1_1_2_says_so_before_its_wbxml(script: Script, state: Path) -> None:
    """The public identifier is that of SyncML 1.1 (WBXML 0x0FD3)."""
    script.answers = [(500, "")]
    await run_session(Account(), script.url, state, version="1.1", wbxml_encoded=True)
    assert script.heard[0][:5].hex() == "029f536a00"


async def test_a_fresh_phone_answers_the_challenge(script: Script, tmp_path: Path) -> None:
    """Without a nonce it comes without credentials, and again with the nonce of the challenge."""
    script.answers = [reply(header=407, chal=b"fresh"), END]
    transcript = await run_session(Account(), script.url, tmp_path / "new" / "phone.json")
    assert transcript.result == "ok"
    assert script.message(0).find(f".//{SYNCML}Cred") is None
    assert script.message(1).findtext(f".//{SYNCML}Cred/{SYNCML}Data") == md5_cred("phone", "secret", b"fresh")
    assert stat.S_IMODE((tmp_path / "new" / "phone.json").stat().st_mode) == 0o600


async def test_commands_of_the_gateway_change_the_tree(script: Script, state: Path) -> None:
    """Each command gets the status the tree demands, and the tree is kept between sessions.

    Spec: OMA-TS-DM_Protocol-V1_2 8.4, OMA-TS-DM_RepPro-V1_2 6.6
    """
    commands = [
        command("Add", "./A/B", "1"),
        command("Add", "./A", "", "node"),
        command("Add", "./A/B", "1"),
        command("Add", "./A/B", "2"),
        command("Replace", "./A/B", "3"),
        command("Replace", "./A/C", "3"),
        command("Replace", "./A/R", "3"),
        command("Get", "./A/B"),
        command("Get", "./A/C"),
        command("Exec", "./A/B"),
        command("Delete", "./DevInfo/Lang"),
    ]
    script.answers = [reply(*commands, cred=SERVER_CRED), END]
    transcript = await run_session(Account(), script.url, state, refuse={"./A/R": 425})
    codes = [code for _, code in script.statuses(1)]
    assert codes == ["212", "404", "200", "200", "418", "200", "404", "425", "200", "404", "406", "200"]
    assert script.message(1).findtext(f".//{SYNCML}Results/{SYNCML}Item/{SYNCML}Data") == "3"
    assert transcript.facts["server_authenticated"] is True
    assert transcript.facts["commands"][4] == "Replace ./A/B 200"
    script.answers, script.heard = [END], []
    again = await run_session(Account(), script.url, state)
    assert again.values["./A/B"] == "3"
    assert "./DevInfo/Lang" not in again.values


async def test_a_leaf_is_copied(script: Script, state: Path) -> None:
    """Over another leaf or to make one; what is no leaf, or stays secret, is 403, and what an ACL forbids is 425.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Copy)
    """

    def copy(source: str, target: str) -> str:
        item = f"<Target><LocURI>{target}</LocURI></Target><Source><LocURI>{source}</LocURI></Source>"
        return f"<Copy><CmdID>5</CmdID><Item>{item}</Item></Copy>"

    commands = [
        command("Add", "./A", "-", "node"),
        command("Add", "./A/B", "1", "int"),
        command("Add", "./A/D", "2"),
        copy("./A/B", "./A/C"),
        copy("./A/B", "./A/D"),
        copy("./A/X", "./A/D"),
        copy("./A/B", "./A"),
        copy("./A", "./A/E"),
        copy("./A/B", "./X/Y"),
        copy("./DMAcc/mogate/AppAuth/1/AAuthSecret", "./A/E"),
        copy("./A/B", "./DevInfo/Lang"),
        command("Get", "./A/C"),
    ]
    script.answers = [reply(*commands, cred=SERVER_CRED), END]
    transcript = await run_session(Account(), script.url, state, acls={"./DevInfo": "Get=*"})
    codes = [code for _, code in script.statuses(1)]
    assert codes[4:] == ["200", "200", "403", "403", "403", "403", "403", "425", "200"]
    assert {uri: transcript.values[uri] for uri in ("./A/C", "./A/D")} == {"./A/C": "1", "./A/D": "1"}
    assert script.message(1).findtext(f".//{SYNCML}Results//{{syncml:metinf}}Format") == "int"


async def test_a_node_is_renamed(script: Script, state: Path) -> None:
    """All below goes along; a name that is taken, none at all, and a node that came with the phone are refused.

    Spec: OMA-TS-DM_TND-V1_2 7.7 (Name)
    """
    commands = [
        command("Add", "./A", "-", "node"),
        command("Add", "./A/B", "1"),
        command("Add", "./A/D", "2"),
        command("Replace", "./A/B?prop=Name", "C"),
        command("Replace", "./A/C?prop=Name", "D"),
        command("Replace", "./A/X?prop=Name", "Y"),
        command("Replace", "./A/C?prop=Name", "E/F"),
        command("Replace", "./A/C?prop=Name"),
        command("Replace", "./DevInfo?prop=Name", "Info"),
        command("Replace", "./A?prop=Name", "Z"),
        command("Get", "./Z/C?prop=Name"),
    ]
    script.answers = [reply(*commands, cred=SERVER_CRED), END]
    transcript = await run_session(Account(), script.url, state)
    codes = [code for _, code in script.statuses(1)]
    assert codes[4:] == ["200", "418", "404", "405", "405", "405", "200", "200"]
    assert script.message(1).findtext(f".//{SYNCML}Results/{SYNCML}Item/{SYNCML}Data") == "C"
    assert (transcript.values["./Z/C"], transcript.values["./Z/D"]) == ("1", "2")
    assert not any(uri.startswith("./A") for uri in transcript.values)


async def test_a_gateway_that_does_not_prove_itself_changes_nothing(script: Script, state: Path) -> None:
    """Wrong credentials: 401 to all, with a challenge; the tree stays."""
    wrong = SERVER_CRED.replace(md5_cred("gateway", "hidden", NONCE), md5_cred("gateway", "guess", NONCE))
    script.answers = [reply(command("Add", "./A", "1"), cred=wrong), END]
    transcript = await run_session(Account(), script.url, state)
    assert script.statuses(1) == [("SyncHdr", "401"), ("Add", "401")]
    assert script.message(1).find(f".//{METINF}NextNonce") is not None
    assert "./A" not in transcript.values
    assert transcript.facts["server_authenticated"] is False


@pytest.mark.parametrize(
    ("answers", "result"),
    [
        ([reply(header=401, chal=b"1"), reply(header=401, chal=b"2"), reply(header=401, chal=b"3")], "refused.*401"),
        ([reply(header=401)], "refused.*401"),
        ([reply(header=500)], "SyncHdr with 500"),
        ([reply("<Alert><CmdID>2</CmdID><Data>1223</Data></Alert>", cred=SERVER_CRED)], "aborted"),
        ([(503, "")], "HTTP 503"),
    ],
)
async def test_a_session_that_fails_says_how(
    script: Script, state: Path, answers: list[tuple[int, str]], result: str
) -> None:
    """The phone gives up after three refusals, and tells an abort from a refusal and from a broken server."""
    script.answers = answers
    transcript = await run_session(Account(), script.url, state)
    assert re.search(result, transcript.result)
    assert result.split(".*")[0] in transcript.text()


async def test_repeat_sends_every_message_twice(script: Script, state: Path) -> None:
    """The same octets again, and whether the answer was the same."""
    script.answers = [reply(command("Get", "./DevInfo/Man"), cred=SERVER_CRED), END]
    transcript = await run_session(Account(), script.url, state, misbehave="repeat")
    assert script.heard[0::2] == script.heard[1::2]
    assert len(script.heard) == 4
    assert transcript.facts["repeats"] == ["identical", "identical"]


async def test_reorder_skips_message_numbers(script: Script, state: Path) -> None:
    """The second message is not number 2."""
    script.answers = [reply(command("Get", "./DevInfo/Man"), cred=SERVER_CRED), END]
    await run_session(Account(), script.url, state, misbehave="reorder")
    numbers = [script.message(number).findtext(f".//{SYNCML}MsgID") for number in range(2)]
    assert numbers == ["1", "6"]


async def test_truncate_cuts_the_second_message_in_half(script: Script, state: Path) -> None:
    """The first is whole, the second is no XML."""
    script.answers = [reply(command("Get", "./DevInfo/Man"), cred=SERVER_CRED), (400, "")]
    transcript = await run_session(Account(), script.url, state, misbehave="truncate")
    assert script.message(0) is not None
    with pytest.raises(etree.XMLSyntaxError):
        script.message(1)
    assert transcript.result == "gateway answered HTTP 400"


async def test_wrong_nonce_never_uses_the_right_one(script: Script, state: Path) -> None:
    """Its credentials are of another nonce; it gives up at the challenge, and the next session is right again."""
    script.answers = [reply(header=401, chal=b"fresh")]
    await run_session(Account(), script.url, state, misbehave="wrong-nonce")
    given = script.message(0).findtext(f".//{SYNCML}Cred/{SYNCML}Data")
    assert given not in (None, md5_cred("phone", "secret", NONCE), md5_cred("phone", "secret", b"fresh"))
    script.answers, script.heard = [END], []
    await run_session(Account(), script.url, state)
    assert script.message(0).findtext(f".//{SYNCML}Cred/{SYNCML}Data") == md5_cred("phone", "secret", b"fresh")


async def test_a_gateway_without_end_is_left(script: Script, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many messages the phone stops, and does not call it a success."""
    monkeypatch.setattr(omadm_device, "MAX_MESSAGES", 3)
    script.answers = [reply(command("Get", "./DevInfo/Man"), cred=SERVER_CRED)] * 9
    transcript = await run_session(Account(), script.url, state)
    assert transcript.result == "no end after 3 messages"
    assert len(script.heard) == 3


def test_nobody_there_is_said(state: Path) -> None:
    """The message names the address and the mend, and the phone's memory stays."""
    before = state.read_bytes()
    with pytest.raises(Unavailable, match="mogate serve"):
        asyncio.run(run_session(Account(), f"http://127.0.0.1:{unused_port()}/", state))
    assert state.read_bytes() == before
