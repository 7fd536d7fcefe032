"""A simulated OMA DM phone: one session at a time, in lock step, over XML or WBXML, with a tree and nonces it keeps.

Deliberately plain and written apart from the gateway's own OMA DM code (it shares the WBXML codec, and the way messages
are shown to people), so that the two can disagree.

Spec: OMA-TS-DM_Protocol-V1_2 6, 8 (packages), OMA-TS-DM_Security-V1_2 5.3 (md5), 5.4 (MAC)
"""

from __future__ import annotations

import base64
import functools
import secrets
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import aiohttp

from adapters.simulator import phone_tree
from adapters.simulator.acl import Acls
from adapters.simulator.ddf import Ddf
from adapters.simulator.large_objects import fill
from adapters.simulator.memory import load_memory, save_memory
from adapters.simulator.objects import Objects, Tree
from adapters.simulator.phone_commands import BUFFERED, NEXT_MESSAGE, NO_END_OF_DATA, Commands
from adapters.simulator.phone_tree import LIMITS, Account, add_account, fresh_tree
from adapters.simulator.prompts import User
from adapters.simulator.syncml_markup import (
    LATEST,
    VERSIONS,
    Markup,
    Version,
    child,
    children,
    decode_xml,
    encode_wbxml,
    encode_xml,
    has,
    text,
    unbase64,
)
from adapters.simulator.syncml_proof import MAC_HEADER, TYPES, is_signed, mac_header, md5_credentials
from adapters.simulator.transcript import Transcript
from adapters.syncml.readable import Conversation
from adapters.wbxml import codec as wbxml
from gateway.errors import Unavailable

TIMEOUT_SECONDS = 30
MAX_MESSAGES = 100
MAX_MESSAGE_BYTES = 16_384
"""Largest message the phone takes, unless it is told otherwise."""

RESTARTED = "the phone restarted"

Auth = Literal["md5", "mac"]

_NEXT_MESSAGE: Markup = ("Alert", [("CmdID", ""), ("Data", NEXT_MESSAGE)])


async def run_session(
    account: Account,
    url: str,
    state_file: Path,
    *,
    wbxml_encoded: bool = False,
    refuse: Mapping[str, int] | None = None,
    lacks: Collection[str] = (),
    misbehave: str | None = None,
    called_for: str = "",
    auth: Auth = "md5",
    max_message_bytes: int = MAX_MESSAGE_BYTES,
    user: User | None = None,
    uri_limits: tuple[int, int, int] | None = None,
    tls: ssl.SSLContext | None = None,
    asks: Sequence[str] = (),
    acls: Mapping[str, str] | None = None,
    ddf: Ddf | None = None,
    version: str = LATEST.dtd,
    transcript: Transcript | None = None,
) -> Transcript:
    """One session from package 1 to the end, as a transcript; the phone's tree and nonces are kept in ``state_file``.

    ``refuse`` is URI -> status the phone answers to writes of that node, ``lacks`` what it cannot do (verbs, ``list``
    for the Get of a whole subtree, ``TNDS`` for the Add of one). ``misbehave`` is ``repeat`` (every message twice),
    ``reorder`` (a MsgID out of order), ``truncate`` (half a message), ``wrong-nonce``, ``restart-in-atomic`` (it
    goes down before all of one is done, and has undone that when it is up) or ``restart-after-atomic`` (it goes down
    when all is done, before it answers). ``called_for`` is the SessionID of the notification that made the phone call,
    empty when it calls by itself. ``auth`` is how it proves itself and what it asks of the gateway. No message in
    either direction is to be over ``max_message_bytes``. Prompts are for the ``user``. With ``uri_limits`` the phone
    takes only URIs of so many segments, characters, and characters in a segment. ``tls`` has what it trusts and the
    certificate that it shows; credentials it keeps to itself until it is asked for them. ``asks`` are nodes that the
    phone asks the gateway for. ``acls`` is URI -> the ACL that the node has from now on. Without a ``ddf`` the phone
    takes any node that has a parent. ``version`` 1.1 is a phone of OMA DM 1.1.2: with accounts as they were then,
    without objects that tell of their end, and without serialized subtrees.
    A ``transcript`` that is given is written while the session runs.

    Raises: Unavailable when no gateway answers.
    """
    state = load_memory(state_file)
    spoken = VERSIONS[version]
    encode = functools.partial(encode_wbxml if wbxml_encoded else encode_xml, version=spoken)

    def fits(message: Markup) -> bool:
        return len(encode(message)) <= max_message_bytes

    user = user or User()
    phone = _Phone(account, state, misbehave, called_for, auth, max_message_bytes, fits, ddf, spoken)
    phone.transcript = transcript or phone.transcript
    for limit, most in zip(LIMITS, uri_limits or (), strict=False):
        phone.tree[limit] = ["chr", str(most)]
    phone.asks = asks
    lists = Acls(state.setdefault("acls", {}), phone.tree, account.server_id)
    lists.own.update(acls or {})
    older = spoken is not LATEST
    lacks = {*lacks, "TNDS"} if older else lacks
    phone.commands = Commands(
        phone.tree, phone.objects, user, dict(refuse or {}), lacks, phone.types, lists, ddf, older=older
    )
    media_type = "application/vnd.syncml.dm+wbxml" if wbxml_encoded else "application/vnd.syncml.dm+xml"
    timeout, conversation = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS), Conversation()
    try:
        connector = aiohttp.TCPConnector(ssl=tls) if tls else None
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
            message: Markup | None = phone.package_1()
            while message is not None or await phone.goes_on(http):
                message = message or phone.package_1()
                if message is None:
                    break
                if phone.msg_id > MAX_MESSAGES:
                    phone.transcript.result = f"no end after {MAX_MESSAGES} messages"
                    break
                octets = encode(message)
                if misbehave == "truncate" and phone.msg_id > 1:
                    octets = octets[: len(octets) // 2]
                headers = {"Content-Type": media_type, **phone.signature(octets)}
                signed = ", signed" if MAC_HEADER in headers else ""
                phone.transcript.sent(
                    f"POST {phone.address or url} {media_type}, {len(octets)} octets{signed}",
                    *conversation.read(message, "device"),
                )
                try:
                    status, answer, signature = await _post(http, phone.address or url, headers, octets)
                except aiohttp.ClientConnectorError:
                    if not phone.falls_back():
                        raise
                    phone.transcript.received("no answer: the phone goes back to its old account")
                    message = phone.package_1()
                    continue
                if misbehave == "repeat":
                    again = await _post(http, phone.address or url, headers, octets)
                    same = "identical" if again == (status, answer, signature) else "different"
                    phone.transcript.facts.setdefault("repeats", []).append(same)
                if status != 200:
                    phone.transcript.received(f"HTTP {status}")
                    phone.transcript.result = f"gateway answered HTTP {status}"
                    break
                reply = wbxml.decode(answer)[1] if wbxml_encoded else decode_xml(answer)
                signed = ", signed" if signature else ""
                phone.transcript.received(
                    f"HTTP 200, {len(answer)} octets{signed}", *conversation.read(reply, "server")
                )
                message = phone.answer(reply, answer, signature)
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"no gateway answers at {url} ({reason}); start one with `mogate serve`") from None
    save_memory(state_file, phone.state)
    transcript = phone.finished()
    if user.seen:
        transcript.facts["prompts"] = user.seen
    return transcript


class _Phone:
    """The phone's side of one session."""

    commands: Commands

    def __init__(
        self,
        account: Account,
        state: dict[str, Any],
        misbehave: str | None,
        called_for: str,
        auth: Auth,
        max_message_bytes: int,
        fits: Callable[[Markup], bool],
        ddf: Ddf | None,
        version: Version,
    ) -> None:
        self.version = version
        self.alert = "1200" if called_for else "1201"
        self.account = account
        self.state = state
        self.tree: Tree = state.setdefault("tree", fresh_tree(account, version.dtd))
        self.types: dict[str, str] = state.setdefault("types", {})
        self.misbehave = misbehave
        self.auth: Auth = auth
        self.max_message_bytes = max_message_bytes
        self.fits = fits
        self.transcript = Transcript()
        self.session_id = called_for or str(state.get("sessions", 0) + 1)
        state["sessions"] = state.get("sessions", 0) + 1
        self.msg_id = 0
        self.challenged = 0
        self.rest: list[Markup] = []
        self.cut = False
        self.parts_sent = 0
        self.client_nonce = unbase64(state.get("client_nonce", ""))
        if misbehave == "wrong-nonce":
            self.client_nonce = b"not the nonce"
        self.server_ok = False
        self.asks: Sequence[str] = ()
        # Without the alert by which such an object tells of its end there is none.
        is_latest = version is LATEST
        carries: Callable[[str], bool] = ddf.carries if ddf and is_latest else lambda _: is_latest
        self.objects = Objects(self.tree, self.types, state, carries)
        add_account(self.tree, account, version.dtd)
        self.accounts = phone_tree.accounts_of(self.tree, account.server_id)
        self.used = self.accounts[0]
        self._take_account()

    @property
    def address(self) -> str:
        """Where the account says that its server is, if it says so."""
        return phone_tree.address_of(self.tree, self.used)

    def _take_account(self) -> None:
        """The passwords of this session: what is written during one holds from the next."""
        self.client_password = phone_tree.secret_of(self.tree, self.used, "CLCRED")
        self.server_password = phone_tree.secret_of(self.tree, self.used, "SRVCRED")

    def falls_back(self) -> bool:
        """Whether there is another account to try, when the server of this one cannot be reached."""
        self.accounts = self.accounts[1:]
        if not self.accounts or self.msg_id > 1:
            return False
        self.used, self.msg_id = self.accounts[0], 0
        self._take_account()
        return True

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

    def package_1(self) -> Markup | None:
        """Credentials, the session alert and DevInfo."""
        items = [
            ("Item", [("Source", [("LocURI", uri)]), ("Meta", [("Format", "chr"), ("Type", "text/plain")]),
                      ("Data", self.tree[uri][1] or "")])
            for uri in self.tree if uri.startswith("./DevInfo/")
        ]  # fmt: skip
        self.cut = False
        return self._message(
            [
                ("Alert", [("CmdID", ""), ("Data", self.alert)]),
                ("Replace", [("CmdID", ""), *items]),
                *self._told(),
                *(("Get", [("CmdID", ""), ("Item", [("Target", [("LocURI", uri)])])]) for uri in self.asks),
            ],
            with_cred=True,
        )

    def _told(self) -> list[Markup]:
        """A generic alert for each thing that has ended."""
        return [
            ("Alert", [("CmdID", ""), ("Data", "1226"), ("Correlator", alert["correlator"]), ("Item", [
                ("Source", [("LocURI", alert["source"])]),
                ("Meta", [("Format", "chr"), ("Type", alert["type"]), ("Mark", "warning")]),
                ("Data", alert["data"]),
            ])])
            for alert in self.objects.alerts
        ]  # fmt: skip

    def answer(self, reply: Markup, octets: bytes, signature: str) -> Markup | None:
        """The next message to a reply of the gateway, None when the session is over."""
        header, body = child(reply, "SyncHdr"), child(reply, "SyncBody")
        msg_ref = text(header, "MsgID")
        verdict = 0
        for status in children(body, "Status"):
            if text(status, "Cmd") == "SyncHdr":
                verdict = int(text(status, "Data"))
                self._take_challenge(status)
        if verdict in (401, 407):
            self.challenged += 1
            challenge = any(has(status, "Chal") for status in children(body, "Status"))
            if self.challenged > 2 or not challenge or self.misbehave == "wrong-nonce":
                self.transcript.result = f"the gateway refused the phone: {verdict}"
                return None
            return self.package_1()
        if verdict not in (200, 212):
            self.transcript.result = f"the gateway answered SyncHdr with {verdict}"
            return None
        for item in [item for results in children(body, "Results") for item in children(results, "Item")]:
            told = text(item, "Data") if has(item, "Data") else ""
            self.transcript.facts.setdefault("told", {})[text(child(item, "Source"), "LocURI")] = told
        commands = [one for one in body[1] if one[0] not in ("Status", "Results", "Final")]
        alerts = [text(command, "Data").strip() for command in commands if command[0] == "Alert"]
        if not self.rest:
            self.objects.alerts.clear()
        is_gateway = self._is_gateway(header, octets, signature)
        if not commands and has(body, "Final"):
            # Nothing is answered any more, so no new nonce can be told either.
            self.server_ok = is_gateway or (self.server_ok and self.auth == "md5")
            return None
        header_status = self._judge_server(header, msg_ref, is_gateway, signed=bool(signature))
        if "1223" in alerts:
            self.transcript.result = "the gateway aborted the session"
            return None
        allowed = text(header_status, "Data") in ("200", "212")
        if allowed and self.commands.goes_down(commands, msg_ref, self.misbehave):
            self.transcript.result = RESTARTED
            return None
        answers = self.commands.carry_out(commands, msg_ref, allowed=allowed)
        if NO_END_OF_DATA in alerts:
            # What the gateway has lost of a value is not taken up again.
            self.rest, self.cut = self.rest[1:], False
        more = not has(body, "Final")
        buffered = any(text(one, "Data") == str(BUFFERED) for one in answers if one[0] == "Status")
        if (more or buffered) and not self.rest and NEXT_MESSAGE not in alerts:
            return self._message([header_status, *answers, _NEXT_MESSAGE], final=False)
        before = 1 + len(answers) if self.rest else 1
        return self._message([header_status, *answers, *self.rest], before=before)

    def finished(self) -> Transcript:
        """The transcript with what the phone holds now."""
        self.transcript.values = {
            uri: value or ""
            for uri, (fmt, value) in sorted(self.tree.items())
            if fmt != "node" and not phone_tree.is_secret(uri)
        }
        self.transcript.facts |= {"commands": self.commands.done, "server_authenticated": self.server_ok}
        if self.parts_sent or self.commands.assembly.received:
            self.transcript.facts |= {
                "parts_sent": self.parts_sent,
                "parts_received": self.commands.assembly.received,
            }
        return self.transcript

    def signature(self, octets: bytes) -> dict[str, str]:
        """The header that proves the phone for these octets, where it does so by a MAC."""
        if self.auth != "mac" or not self.client_nonce:
            return {}
        return {MAC_HEADER: mac_header(self.account.client_name, self.client_password, self.client_nonce, octets)}

    def _judge_server(self, header: Markup, msg_ref: str, is_gateway: bool, *, signed: bool) -> Markup:
        """The status for the gateway's header, with a challenge: is this really the gateway?

        Credentials count for the session, a MAC for its message.
        """
        status: list[Markup] = [("CmdID", ""), ("MsgRef", msg_ref), ("CmdRef", "0"), ("Cmd", "SyncHdr")]
        if self.server_ok and (is_gateway or self.auth == "md5"):
            return "Status", [*status, ("Data", "200")]
        self.server_ok = is_gateway
        self.state["server_nonce"] = base64.b64encode(secrets.token_bytes(16)).decode()
        challenge: Markup = ("Chal", [("Meta", [
            ("Format", "b64"), ("Type", TYPES[self.auth]), ("NextNonce", self.state["server_nonce"]),
        ])])  # fmt: skip
        accepted = 200 if self.auth == "mac" else 212
        code = accepted if is_gateway else 401 if signed or has(header, "Cred") else 407
        return "Status", [*status, challenge, ("Data", str(code))]

    def _is_gateway(self, header: Markup, octets: bytes, signature: str) -> bool:
        nonce = unbase64(self.state.get("server_nonce", ""))
        name, password = self.account.server_name, self.server_password
        if not nonce:
            return False
        if self.auth == "mac":
            return is_signed(signature, name, password, nonce, octets)
        return has(header, "Cred") and text(child(header, "Cred"), "Data") == md5_credentials(name, password, nonce)

    def _take_challenge(self, status: Markup) -> None:
        if not has(status, "Chal"):
            return
        meta = child(child(status, "Chal"), "Meta")
        if has(meta, "Type") and text(meta, "Type") == TYPES["mac"]:
            self.auth = "mac"
        if has(meta, "NextNonce"):
            self.state["client_nonce"] = text(meta, "NextNonce")
            if self.misbehave != "wrong-nonce":
                self.client_nonce = unbase64(text(meta, "NextNonce"))

    def _message(
        self, commands: list[Markup], *, with_cred: bool = False, final: bool = True, before: int = 0
    ) -> Markup | None:
        """The next message with as many of the commands as have room; the others are the rest of the package.

        ``before`` is how many have to be in it, because they come before what was left of the last message.
        """
        self.msg_id += 5 if self.misbehave == "reorder" and self.msg_id else 1
        header: list[Markup] = [
            ("VerDTD", self.version.dtd),
            ("VerProto", self.version.protocol),
            ("SessionID", self.session_id),
            ("MsgID", str(self.msg_id)),
            ("Target", [("LocURI", self.account.server_id)]),
            ("Source", [("LocURI", self.account.loc_uri), ("LocName", self.account.client_name)]),
        ]
        if with_cred and self.client_nonce and self.auth == "md5":
            digest = md5_credentials(self.account.client_name, self.client_password, self.client_nonce)
            header.append(("Cred", [("Meta", [("Format", "b64"), ("Type", TYPES["md5"])]), ("Data", digest)]))
        header.append(("Meta", [("MaxMsgSize", str(self.max_message_bytes))]))

        def message(taken: list[Markup], *, complete: bool) -> Markup:
            numbered = [(tag, [("CmdID", str(number)), *content[1:]]) for number, (tag, content) in enumerate(taken, 1)]
            body = [*numbered, ("Final", "")] if complete else numbered
            return "SyncML", [("SyncHdr", header), ("SyncBody", body)]

        try:
            head, tail = commands[:before], commands[before:]
            load = fill(tail, lambda taken: self.fits(message([*head, *taken], complete=True)), continued=self.cut)
        except ValueError as error:
            self.transcript.result = f"{error} of {self.max_message_bytes} octets"
            return None
        self.parts_sent += load.cut or self.cut
        self.rest, self.cut = load.rest, load.cut
        return message([*head, *load.commands], complete=final and not load.rest)


async def _post(
    http: aiohttp.ClientSession, url: str, headers: Mapping[str, str], octets: bytes
) -> tuple[int, bytes, str]:
    async with http.post(url, data=octets, headers=headers) as response:
        return response.status, await response.read(), response.headers.get(MAC_HEADER, "")
