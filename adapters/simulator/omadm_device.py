"""A simulated OMA DM phone: one session at a time, in lock step, over XML or WBXML, with a tree and nonces it keeps.

Deliberately plain and written apart from the gateway's own OMA DM code (it shares the WBXML codec, and the way messages
are shown to people), so that the two can disagree.

Spec: OMA-TS-DM_Protocol-V1_2 8 (packages), OMA-TS-DM_Security-V1_2 5.3 (md5)
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from lxml import etree

from adapters.simulator.memory import load_memory, save_memory
from adapters.simulator.objects import Objects
from adapters.simulator.transcript import Transcript
from adapters.syncml.readable import Conversation
from adapters.wbxml import codec as wbxml
from gateway.errors import Unavailable

TIMEOUT_SECONDS = 30
MAX_MESSAGES = 100

_NAMESPACE = {"SyncML": "SYNCML:SYNCML1.2", "MgmtTree": "syncml:dmddf1.2"}
_META = {"Format", "Type", "Size", "Mark", "NextNonce", "MaxMsgSize", "MaxObjSize"}

SECRETS = CLIENT_SECRET, SERVER_SECRET = "./DMAcc/mogate/AppAuth/1/AAuthSecret", "./DMAcc/mogate/AppAuth/2/AAuthSecret"

Markup = tuple[str, Any]


class Account(Protocol):
    """The phone, and both directions of its account with the gateway."""

    @property
    def loc_uri(self) -> str: ...
    @property
    def manufacturer(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def client_name(self) -> str: ...
    @property
    def client_password(self) -> str: ...
    @property
    def server_name(self) -> str: ...
    @property
    def server_password(self) -> str: ...
    @property
    def server_id(self) -> str: ...


async def run_session(
    account: Account,
    url: str,
    state_file: Path,
    *,
    wbxml_encoded: bool = False,
    refuse: Mapping[str, int] | None = None,
    misbehave: str | None = None,
    called_for: str = "",
) -> Transcript:
    """One session from package 1 to the end, as a transcript; the phone's tree and nonces are kept in ``state_file``.

    ``refuse`` is URI -> status the phone answers to writes of that node. ``misbehave`` is ``repeat`` (every message
    twice), ``reorder`` (a MsgID out of order), ``truncate`` (half a message) or ``wrong-nonce``. ``called_for`` is the
    SessionID of the notification that made the phone call, empty when it calls by itself.

    Raises: Unavailable when no gateway answers.
    """
    state = load_memory(state_file)
    phone = _Phone(account, state, dict(refuse or {}), misbehave, called_for)
    media_type = "application/vnd.syncml.dm+wbxml" if wbxml_encoded else "application/vnd.syncml.dm+xml"
    timeout, conversation = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS), Conversation()
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http:
            message: Markup | None = phone.package_1()
            while message is not None or await phone.goes_on(http):
                message = message or phone.package_1()
                if phone.msg_id > MAX_MESSAGES:
                    phone.transcript.result = f"no end after {MAX_MESSAGES} messages"
                    break
                octets = wbxml.encode(message) if wbxml_encoded else _encode_xml(message)
                if misbehave == "truncate" and phone.msg_id > 1:
                    octets = octets[: len(octets) // 2]
                phone.transcript.sent(
                    f"POST {url} {media_type}, {len(octets)} octets", *conversation.read(message, "device")
                )
                status, answer = await _post(http, url, media_type, octets)
                if misbehave == "repeat":
                    again = await _post(http, url, media_type, octets)
                    same = "identical" if again == (status, answer) else "different"
                    phone.transcript.facts.setdefault("repeats", []).append(same)
                if status != 200:
                    phone.transcript.received(f"HTTP {status}")
                    phone.transcript.result = f"gateway answered HTTP {status}"
                    break
                reply = wbxml.decode(answer)[1] if wbxml_encoded else _decode_xml(answer)
                phone.transcript.received(f"HTTP 200, {len(answer)} octets", *conversation.read(reply, "server"))
                message = phone.answer(reply)
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"no gateway answers at {url} ({reason}); start one with `mogate serve`") from None
    save_memory(state_file, phone.state)
    return phone.finished()


class _Phone:
    """The phone's side of one session."""

    def __init__(
        self, account: Account, state: dict[str, Any], refuse: dict[str, int], misbehave: str | None, called_for: str
    ) -> None:
        self.alert = "1200" if called_for else "1201"
        self.account = account
        self.state = state
        self.tree: dict[str, list[str | None]] = state.setdefault("tree", _fresh_tree(account))
        self.refuse = refuse
        self.misbehave = misbehave
        self.transcript = Transcript()
        self.commands: list[str] = []
        self.session_id = called_for or str(state.get("sessions", 0) + 1)
        state["sessions"] = state.get("sessions", 0) + 1
        self.msg_id = 0
        self.challenged = 0
        self.client_nonce = _unbase64(state.get("client_nonce", ""))
        if misbehave == "wrong-nonce":
            self.client_nonce = b"not the nonce"
        self.server_ok = False
        self.objects = Objects(self.tree, state)
        self._add_account()
        self._take_account()
        self.correlator = ""

    def _add_account(self) -> None:
        """The DMAcc subtree of the account the phone came with; it never tells the secrets."""
        root = "./DMAcc/mogate"
        for uri, (fmt, value) in {
            "./DMAcc": ("node", None),
            root: ("node", None),
            f"{root}/AppID": ("chr", "w7"),
            f"{root}/ServerID": ("chr", self.account.server_id),
            f"{root}/AppAuth": ("node", None),
            f"{root}/AppAuth/1": ("node", None),
            f"{root}/AppAuth/1/AAuthLevel": ("chr", "CLCRED"),
            f"{root}/AppAuth/1/AAuthName": ("chr", self.account.client_name),
            f"{root}/AppAuth/1/AAuthSecret": ("chr", self.account.client_password),
            f"{root}/AppAuth/2": ("node", None),
            f"{root}/AppAuth/2/AAuthLevel": ("chr", "SRVCRED"),
            f"{root}/AppAuth/2/AAuthName": ("chr", self.account.server_name),
            f"{root}/AppAuth/2/AAuthSecret": ("chr", self.account.server_password),
        }.items():
            self.tree.setdefault(uri, [fmt, value])

    def _take_account(self) -> None:
        """The passwords of this session: what is written during one holds from the next."""
        self.client_password = self.tree[CLIENT_SECRET][1] or ""
        self.server_password = self.tree[SERVER_SECRET][1] or ""

    async def goes_on(self, http: aiohttp.ClientSession) -> bool:
        """Whether the phone calls again, because something it was told to do has ended meanwhile."""
        if not self.objects.busy or self.transcript.result != "ok":
            return False
        await self.objects.work(http)
        if not self.objects.alerts:
            return False
        self.session_id = str(self.state["sessions"] + 1)
        self.state["sessions"] += 1
        self.msg_id, self.challenged, self.server_ok = 0, 0, False
        self._take_account()
        return True

    def package_1(self) -> Markup:
        """Credentials, the session alert and DevInfo."""
        items = [
            ("Item", [("Source", [("LocURI", uri)]), ("Meta", [("Format", "chr"), ("Type", "text/plain")]),
                      ("Data", self.tree[uri][1] or "")])
            for uri in self.tree if uri.startswith("./DevInfo/")
        ]  # fmt: skip
        return self._message(
            [
                ("Alert", [("CmdID", "1"), ("Data", self.alert)]),
                ("Replace", [("CmdID", "2"), *items]),
                *self._told(),
            ],
            with_cred=True,
        )

    def _told(self) -> list[Markup]:
        """A generic alert for each thing that has ended."""
        return [
            ("Alert", [("CmdID", str(3 + number)), ("Data", "1226"), ("Correlator", alert["correlator"]), ("Item", [
                ("Source", [("LocURI", alert["source"])]),
                ("Meta", [("Format", "chr"), ("Type", alert["type"]), ("Mark", "warning")]),
                ("Data", alert["data"]),
            ])])
            for number, alert in enumerate(self.objects.alerts)
        ]  # fmt: skip

    def answer(self, reply: Markup) -> Markup | None:
        """The next message to a reply of the gateway, None when the session is over."""
        header, body = _child(reply, "SyncHdr"), _child(reply, "SyncBody")
        msg_ref = _text(header, "MsgID")
        verdict = 0
        for status in _children(body, "Status"):
            if _text(status, "Cmd") == "SyncHdr":
                verdict = int(_text(status, "Data"))
                self._take_challenge(status)
        if verdict in (401, 407):
            self.challenged += 1
            challenge = any(_has(status, "Chal") for status in _children(body, "Status"))
            if self.challenged > 2 or not challenge or self.misbehave == "wrong-nonce":
                self.transcript.result = f"the gateway refused the phone: {verdict}"
                return None
            return self.package_1()
        if verdict not in (200, 212):
            self.transcript.result = f"the gateway answered SyncHdr with {verdict}"
            return None
        self.objects.alerts.clear()
        commands = [child for child in body[1] if child[0] not in ("Status", "Final")]
        if not commands:
            # Nothing is answered any more, so no new nonce can be told either.
            self.server_ok = self.server_ok or self._is_gateway(header)
            return None
        out: list[Markup] = []
        header_status, chal = self._judge_server(header)
        out.append(self._status(out, msg_ref, "0", "SyncHdr", header_status, chal=chal))
        for command in commands:
            if command[0] == "Alert" and _text(command, "Data") == "1223":
                self.transcript.result = "the gateway aborted the session"
                return None
            self._execute(command, msg_ref, out, allowed=header_status in (200, 212))
        return self._message(out)

    def finished(self) -> Transcript:
        """The transcript with what the phone holds now."""
        self.transcript.values = {
            uri: value or "" for uri, (fmt, value) in sorted(self.tree.items()) if fmt != "node" and uri not in SECRETS
        }
        self.transcript.facts |= {"commands": self.commands, "server_authenticated": self.server_ok}
        return self.transcript

    def _execute(self, command: Markup, msg_ref: str, out: list[Markup], *, allowed: bool) -> None:
        name, cmd_id = command[0], _text(command, "CmdID")
        if name in ("Atomic", "Sequence"):
            self._execute_group(command, msg_ref, out, allowed=allowed)
            return
        self.correlator = _text(command, "Correlator") if _has(command, "Correlator") else ""
        for item in _children(command, "Item"):
            uri = _text(_child(item, "Target"), "LocURI") if _has(item, "Target") else ""
            results: list[Markup] = []
            code = self._do(name, uri, item, results) if allowed else 401
            if allowed and name != "Alert":
                self.commands.append(f"{name} {uri} {code}")
            out.append(self._status(out, msg_ref, cmd_id, name, code, target=uri))
            if results:
                out.append(
                    ("Results", [("CmdID", str(len(out) + 1)), ("MsgRef", msg_ref), ("CmdRef", cmd_id), *results])
                )

    def _execute_group(self, group: Markup, msg_ref: str, out: list[Markup], *, allowed: bool) -> None:
        """All of an Atomic or none of it: what was carried out is undone when one member fails (216, and 507 for all).

        Spec: OMA-TS-DM_RepPro-V1_2 (Atomic, Sequence)
        """
        name, before = group[0], {uri: list(node) for uri, node in self.tree.items()}
        members = [child for child in group[1] if child[0] in ("Add", "Replace", "Delete", "Get", "Exec", "Alert")]
        answers: list[Markup] = []
        for member in members:
            self._execute(member, msg_ref, answers, allowed=allowed)
        codes = [int(_text(answer, "Data")) for answer in answers if answer[0] == "Status"]
        failed = name == "Atomic" and any(code >= 300 for code in codes)
        if failed:
            self.tree.clear()
            self.tree.update(before)
        out.append(self._status(out, msg_ref, _text(group, "CmdID"), name, 507 if failed else 200 if allowed else 401))
        for tag, content in answers:
            texts = dict(content)
            texts["CmdID"] = str(len(out) + 1)
            if failed and tag == "Status" and int(texts["Data"]) < 300:
                texts["Data"] = "216"
            out.append((tag, [(child, texts.get(child, value)) for child, value in content]))

    def _do(self, name: str, uri: str, item: Markup, results: list[Markup]) -> int:
        node, _, query = uri.partition("?")
        fmt = _text(_child(item, "Meta"), "Format") if _has(item, "Meta") else "chr"
        data = _text(item, "Data") if _has(item, "Data") else None
        if name == "Get":
            return self._get(node, query, results)
        if name in ("Add", "Replace", "Delete", "Exec") and node in self.refuse:
            return self.refuse[node]
        if name == "Exec":
            return self.objects.execute(node, self.correlator)
        if name == "Add":
            if node in self.tree:
                return 418
            parent = node.rpartition("/")[0]
            if parent != "." and parent not in self.tree:
                return 404
            self.tree[node] = [fmt, None if fmt == "node" else data or ""]
            return 200
        if node not in self.tree:
            return 404 if name in ("Replace", "Delete") else 405
        if name == "Replace":
            self.tree[node] = [self.tree[node][0] if fmt == "chr" else fmt, data or ""]
            return 200
        if name == "Delete":
            for below in [known for known in self.tree if known == node or known.startswith(node + "/")]:
                del self.tree[below]
            return 200
        return 200 if name == "Alert" else 406

    def _get(self, node: str, query: str, results: list[Markup]) -> int:
        if node not in self.tree:
            return 404
        if query and query != "list=StructData":
            return 406
        if node in SECRETS:
            return 405
        below = sorted(known for known in self.tree if query and known.startswith(node + "/") and known not in SECRETS)
        for uri in [node, *below]:
            fmt, value = self.tree[uri]
            content: list[Markup] = [("Source", [("LocURI", uri)]), ("Meta", [("Format", fmt or "chr")])]
            if fmt == "node" and not query:
                children = {known[len(node) + 1 :].split("/")[0] for known in self.tree if known.startswith(node + "/")}
                value = "/".join(sorted(children))
            if value is not None:
                content.append(("Data", value))
            results.append(("Item", content))
        return 200

    def _judge_server(self, header: Markup) -> tuple[int, list[Markup]]:
        """The status for the gateway's header, with a challenge: is this really the gateway?"""
        if self.server_ok:
            return 200, []
        self.server_ok = self._is_gateway(header)
        self.state["server_nonce"] = base64.b64encode(secrets.token_bytes(16)).decode()
        chal: list[Markup] = [("Chal", [("Meta", [
            ("Format", "b64"), ("Type", "syncml:auth-md5"), ("NextNonce", self.state["server_nonce"]),
        ])])]  # fmt: skip
        return 212 if self.server_ok else 401 if _has(header, "Cred") else 407, chal

    def _is_gateway(self, header: Markup) -> bool:
        nonce = _unbase64(self.state.get("server_nonce", ""))
        expected = _md5_credentials(self.account.server_name, self.server_password, nonce)
        return bool(nonce) and _has(header, "Cred") and _text(_child(header, "Cred"), "Data") == expected

    def _take_challenge(self, status: Markup) -> None:
        if _has(status, "Chal"):
            meta = _child(_child(status, "Chal"), "Meta")
            if _has(meta, "NextNonce"):
                self.state["client_nonce"] = _text(meta, "NextNonce")
                if self.misbehave != "wrong-nonce":
                    self.client_nonce = _unbase64(_text(meta, "NextNonce"))

    def _status(
        self,
        out: list[Markup],
        msg_ref: str,
        cmd_ref: str,
        cmd: str,
        code: int,
        *,
        target: str = "",
        chal: Iterable[Markup] = (),
    ) -> Markup:
        content: list[Markup] = [("CmdID", str(len(out) + 1)), ("MsgRef", msg_ref), ("CmdRef", cmd_ref), ("Cmd", cmd)]
        if target:
            content.append(("TargetRef", target))
        return ("Status", [*content, *chal, ("Data", str(code))])

    def _message(self, commands: list[Markup], *, with_cred: bool = False) -> Markup:
        self.msg_id += 5 if self.misbehave == "reorder" and self.msg_id else 1
        header: list[Markup] = [
            ("VerDTD", "1.2"),
            ("VerProto", "DM/1.2"),
            ("SessionID", self.session_id),
            ("MsgID", str(self.msg_id)),
            ("Target", [("LocURI", self.account.server_id)]),
            ("Source", [("LocURI", self.account.loc_uri), ("LocName", self.account.client_name)]),
        ]
        if with_cred and self.client_nonce:
            digest = _md5_credentials(self.account.client_name, self.client_password, self.client_nonce)
            header.append(("Cred", [("Meta", [("Format", "b64"), ("Type", "syncml:auth-md5")]), ("Data", digest)]))
        header.append(("Meta", [("MaxMsgSize", "16384")]))
        return ("SyncML", [("SyncHdr", header), ("SyncBody", [*commands, ("Final", "")])])


def _fresh_tree(account: Account) -> dict[str, list[str | None]]:
    leaves = {
        "./DevInfo/DevId": account.loc_uri,
        "./DevInfo/Man": account.manufacturer,
        "./DevInfo/Mod": account.model,
        "./DevInfo/DmV": "1.2",
        "./DevInfo/Lang": "en",
    }
    return {"./DevInfo": ["node", None], **{uri: ["chr", value] for uri, value in leaves.items()}}


async def _post(http: aiohttp.ClientSession, url: str, media_type: str, octets: bytes) -> tuple[int, bytes]:
    async with http.post(url, data=octets, headers={"Content-Type": media_type}) as response:
        return response.status, await response.read()


def _md5_credentials(name: str, password: str, nonce: bytes) -> str:
    def digest(octets: bytes) -> bytes:
        return base64.b64encode(hashlib.md5(octets, usedforsecurity=False).digest())

    return digest(digest(f"{name}:{password}".encode()) + b":" + nonce).decode()


def _unbase64(text: str) -> bytes:
    return base64.b64decode("".join(text.split()))


def _encode_xml(message: Markup) -> bytes:
    def build(markup: Markup, namespace: str) -> Any:
        tag, content = markup
        element = etree.Element(f"{{{namespace}}}{tag}", nsmap={None: namespace})
        if isinstance(content, str):
            element.text = content or None
        else:
            below = "syncml:metinf" if tag == "Meta" else _NAMESPACE.get(tag, namespace)
            element.extend(build(child, below) for child in content)
        return element

    return bytes(etree.tostring(build(message, _NAMESPACE["SyncML"]), encoding="UTF-8", xml_declaration=True))


def _decode_xml(octets: bytes) -> Markup:
    def read(element: Any) -> Markup:
        children = [read(child) for child in element]
        return (etree.QName(element).localname, children or (element.text or ""))

    return read(etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True)))


def _children(markup: Markup, tag: str) -> list[Markup]:
    return [child for child in markup[1] if child[0] == tag] if not isinstance(markup[1], str | bytes) else []


def _child(markup: Markup, tag: str) -> Markup:
    return _children(markup, tag)[0]


def _has(markup: Markup, tag: str) -> bool:
    return bool(_children(markup, tag))


def _text(markup: Markup, tag: str) -> str:
    content = _child(markup, tag)[1]
    return base64.b64encode(content).decode() if isinstance(content, bytes) else str(content or "")
