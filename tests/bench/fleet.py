"""A fleet to measure with: subscribers with an OMA DM phone and an RCC.14 client each, enrolled over the admin API."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from bench.client import Lane, UnexpectedAnswer, request

from adapters.omadm.xml import encode_xml
from adapters.simulator.omadm_device import Auth
from adapters.simulator.syncml_proof import MAC_HEADER, TYPES, is_signed, mac_header, md5_credentials
from adapters.wbxml.codec import encode as encode_wbxml
from adapters.wbxml.element import AnyElement

HOST = "config.rcs.mnc001.mcc001.pub.3gppnetwork.org"
PLANS = ("premium", "basic")
MODEL = "B7"
VALUES = tuple(
    f"ims/{name}"
    for name in (
        "Timer_T1", "Timer_T2", "Timer_T4", "RegRetryBaseTime", "RegRetryMaxTime", "ICSI_List/1/ICSI",
        "Session_Timer_Policy/Session_Timer_Initial_Interval", "LBO_P-CSCF_Address/1/Address",
        "LBO_P-CSCF_Address/2/Address", "Ext/GSMA/endUserConfReqId",
    )
)  # fmt: skip
"""The nodes that a change changes, from the first: every phone has them in its tree, every client in its document."""
LARGE_GROUP = "large"
LARGE_PROFILE = f"""\
name = "large"
layer = "group"
[match]
group = "{LARGE_GROUP}"
[mo.ims]
""" + "".join(
    f'"PhoneContext_List/{number}/PhoneContext" = "context-{number}.example.net"\n'
    f'"PhoneContext_List/{number}/Public_user_identity" = "{{impu}}"\n'
    for number in range(2, 60)
)
"""A profile that makes documents of about 20 kB for a group of its own."""

_COOKIE = re.compile(rb"\r\nset-cookie: *([^;\r]+)", re.IGNORECASE)
_TOKEN = re.compile(rb'name="token" value="([^"]+)"')
_VERSION = re.compile(rb'name="version" value="(-?\d+)"')
_SESSION_SLOT, _MSG_SLOT, _CRED_SLOT = b"@SESSION@", b"@MSG@", b"@CRED@"
_NONCE_CHARACTERS = 24  # base64 of 16 octets
_SERVER_NONCE = b"nonce of the phone"
_ACCEPTED: dict[Auth, bytes] = {"md5": b"212", "mac": b"200"}  # the status of a SyncHdr whose sender is proven


class Speech(NamedTuple):
    """One encoding of OMA DM: its media type, how to write it, and what to look for in an answer.

    ``data`` is a Data with a slot for a status code; ``commands`` finds (verb, CmdID).
    """

    media_type: str
    encode: Callable[[AnyElement], bytes]
    data: bytes
    commands: re.Pattern[bytes]


XML = Speech(
    "application/vnd.syncml.dm+xml",
    encode_xml,
    b"<Data>%b</Data>",
    re.compile(rb"<(Add|Replace|Get|Delete)><CmdID>(\d+)</CmdID>"),
)
# Tags with the content bit, then an inline string: Data 4F, CmdID 4B; Add 45, Replace 60, Get 53, Delete 50.
WBXML = Speech(
    "application/vnd.syncml.dm+wbxml",
    encode_wbxml,
    b"\x4f\x03%b\x00",
    re.compile(rb"([\x45\x60\x53\x50])\x4b\x03(\d+)\x00"),
)
_VERBS = {
    b"Add": "Add", b"Replace": "Replace", b"Get": "Get", b"Delete": "Delete",
    b"\x45": "Add", b"\x60": "Replace", b"\x53": "Get", b"\x50": "Delete",
}  # fmt: skip


class Phone:
    """One OMA DM phone with what it keeps between sessions.

    ``auth`` is how it and the gateway prove themselves to each other: once by md5 credentials, or by a MAC for every
    message.
    """

    def __init__(self, number: int, auth: Auth = "md5") -> None:
        self.number = number
        self.auth: Auth = auth
        self.model = self.model_of(number)
        self.imei = self.imei_of(number)
        self.loc_uri = f"IMEI:{self.imei}"
        self.sessions = 0
        self.nonce = b""
        self.device_id = ""
        self._client = self._server = ("", "")
        self._challenges = False
        self._packages = {speech: self._package_1(speech) for speech in (XML, WBXML)}

    @staticmethod
    def imei_of(number: int) -> str:
        """The IMEI of the phone with that number."""
        return f"35000001{number:06d}0"

    @staticmethod
    def model_of(number: int) -> str:
        """The model of the phone with that number."""
        return MODEL

    def take_account(self, answer: dict[str, str]) -> None:
        """Keep what the admin API said of the new account."""
        self.device_id = answer["device_id"]
        self._client = answer["client_name"], answer["client_password"]
        self._server = answer["server_name"], answer["server_password"]

    def package_1(self, speech: Speech, msg_id: int) -> bytes:
        """The POST that opens a session, with proof for the nonce last received."""
        package = self._packages[speech].replace(_SESSION_SLOT, b"%d" % self.sessions)
        package = package.replace(_MSG_SLOT, b"%d" % msg_id)
        if self.auth == "md5":
            package = package.replace(_CRED_SLOT, md5_credentials(*self._client, self.nonce).encode())
        return self._post(speech, package)

    def package_3(self, speech: Speech, msg_id: int, msg_ref: int, commands: list[tuple[bytes, bytes]]) -> bytes:
        """The POST that answers each command: what is to be read is not there, what is to be written is written."""
        challenge: AnyElement = ("Chal", [("Meta", [
            ("Format", "b64"), ("Type", TYPES[self.auth]), ("NextNonce", base64.b64encode(_SERVER_NONCE).decode()),
        ])])  # fmt: skip
        statuses = [_status(1, msg_ref, "0", "SyncHdr", _ACCEPTED[self.auth].decode(), challenge)]
        self._challenges = True
        for number, (verb, cmd_id) in enumerate(commands, 2):
            name = _VERBS[verb]
            statuses.append(_status(number, msg_ref, cmd_id.decode(), name, "404" if name == "Get" else "200"))
        return self._post(speech, speech.encode(self._message(str(self.sessions), str(msg_id), (), statuses)))

    def check_signature(self, head: bytes, body: bytes) -> None:
        """Hold an answer to the MAC that has to come with it, once the gateway was given a nonce.

        Raises: UnexpectedAnswer.
        """
        if self.auth == "mac" and self._challenges and not is_signed(head.decode(), *self._server, _SERVER_NONCE, body):
            raise UnexpectedAnswer(f"not signed by the gateway: {head!r}")

    @property
    def about(self) -> dict[str, str]:
        """What it says of itself, by URI."""
        about = {"DevId": self.loc_uri, "Man": "Acme", "Mod": self.model, "DmV": "1.2", "Lang": "en"}
        return {f"./DevInfo/{name}": text for name, text in about.items()}

    def _package_1(self, speech: Speech) -> bytes:
        items: list[AnyElement] = [
            ("Item", [
                ("Source", [("LocURI", uri)]),
                ("Meta", [("Format", "chr"), ("Type", "text/plain")]),
                ("Data", value),
            ])
            for uri, value in self.about.items()
        ]  # fmt: skip
        cred: AnyElement = (
            "Cred", [("Meta", [("Format", "b64"), ("Type", TYPES["md5"])]), ("Data", _CRED_SLOT.decode())]
        )  # fmt: skip
        creds = (cred,) if self.auth == "md5" else ()
        commands: list[AnyElement] = [
            ("Alert", [("CmdID", "1"), ("Data", "1201")]), ("Replace", [("CmdID", "2"), *items])
        ]  # fmt: skip
        return speech.encode(self._message(_SESSION_SLOT.decode(), _MSG_SLOT.decode(), creds, commands))

    def _message(
        self, session: str, msg_id: str, cred: Sequence[AnyElement], commands: Sequence[AnyElement]
    ) -> AnyElement:
        header: list[AnyElement] = [
            ("VerDTD", "1.2"),
            ("VerProto", "DM/1.2"),
            ("SessionID", session),
            ("MsgID", msg_id),
            ("Target", [("LocURI", "mogate")]),
            ("Source", [("LocURI", self.loc_uri), ("LocName", self.loc_uri)]),
            *cred,
            ("Meta", [("MaxMsgSize", "16384")]),
        ]
        return ("SyncML", [("SyncHdr", header), ("SyncBody", [*commands, ("Final", "")])])

    def _post(self, speech: Speech, body: bytes) -> bytes:
        headers = {"Host": HOST, "User-Agent": "Acme-B7 DM/1.2", "Accept": speech.media_type}
        if self.auth == "mac":
            headers[MAC_HEADER] = mac_header(*self._client, self.nonce, body)
        return request("POST", "/omadm", headers | {"Content-Type": speech.media_type}, body)


class DmSession:
    """One OMA DM session from package 1 to the end; ``commands`` is how many it must bring, None for any number."""

    def __init__(self, phone: Phone, speech: Speech, commands: int | None) -> None:
        self._phone = phone
        self._speech = speech
        self._expected = commands
        self._carried_out = 0
        self._msg_id = 1
        self._challenged = False
        self._proven = False

    def first(self) -> bytes:
        self._phone.sessions += 1
        return self._phone.package_1(self._speech, self._msg_id)

    def answer(self, head: bytes, body: bytes) -> bytes | None:
        phone, speech, msg_ref = self._phone, self._speech, self._msg_id
        accepted = speech.data % _ACCEPTED[phone.auth] in body
        if not self._proven:
            # The NextNonce is the last thing in a reply that is padded base64.
            end = body.rindex(b"==") + 2
            phone.nonce = base64.b64decode(body[end - _NONCE_CHARACTERS : end])
        self._msg_id += 1
        self._proven = accepted
        if not accepted:
            if self._challenged:
                raise UnexpectedAnswer(f"credentials refused: {body!r}")
            self._challenged = True
            return phone.package_1(speech, self._msg_id)
        phone.check_signature(head, body)
        commands = speech.commands.findall(body)
        if commands:
            self._carried_out += len(commands)
            return phone.package_3(speech, self._msg_id, msg_ref, commands)
        if self._expected not in (None, self._carried_out):
            raise UnexpectedAnswer(f"{self._carried_out} commands instead of {self._expected}: {body!r}")
        return None


class Client:
    """One RCC.14 client with what it keeps between queries."""

    def __init__(self, number: int) -> None:
        self.model = MODEL
        self.imsi = _imsi(number)
        self.msisdn = _msisdn(number)
        self.imei = f"35000002{number:06d}0"
        self.device_id = f"{subscriber_of(number)}.2"
        self.cookie = ""
        self.token = ""
        self.version = 0
        self.k, self.opc = number.to_bytes(16), number.to_bytes(16, "little")
        self.sim_memory: dict[str, Any] = {}


class Introduction:
    """The plain leg: an enriched request, answered with a cookie."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def first(self) -> bytes:
        return request("GET", "/", {"Host": HOST, "X-IMSI": self._client.imsi})

    def answer(self, head: bytes, body: bytes) -> None:
        cookie = _COOKIE.search(head)
        if cookie is None:
            raise UnexpectedAnswer(f"no cookie: {head!r}")
        self._client.cookie = cookie[1].decode()


def parameters_of(client: Client, vers: int) -> dict[str, str]:
    """What the client asks with while it holds that version."""
    return {
        "vers": str(vers),
        "rcs_profile": "UP_2.4",
        "rcs_version": "11.0",
        "provisioning_version": "5.0",
        "rcs_state": str(vers),
        "client_vendor": "SIM",
        "client_version": "MOGbench-1.0",
        "default_sms_app": "1",
        "terminal_vendor": "Acme",
        "terminal_model": client.model,
        "terminal_sw_version": "1.0",
        "IMSI": client.imsi,
        "IMEI": client.imei,
    }


class Query:
    """The TLS leg. ``document`` says whether the answer must carry the configuration; None for either."""

    def __init__(self, client: Client, *, document: bool | None, afresh: bool = False) -> None:
        """``afresh`` asks as a client that holds nothing, whatever it was given."""
        self._client = client
        self._document = document
        self._vers = 0 if afresh else client.version

    def first(self) -> bytes:
        client = self._client
        parameters = parameters_of(client, self._vers)
        headers = {"Host": HOST, "User-Agent": "IM-client/OMA1.0 Acme/B7", "Accept-Encoding": "identity"}
        if client.token:
            parameters["token"] = client.token
        else:
            headers["Cookie"] = client.cookie
        return request("GET", f"/?{urlencode(parameters)}", headers)

    def answer(self, head: bytes, body: bytes) -> None:
        version, token = _VERSION.search(body), _TOKEN.search(body)
        if version is None or self._document not in (None, b"APPLICATION" in body):
            raise UnexpectedAnswer(f"wanted {'a' if self._document else 'no'} document: {body!r}")
        self._client.version = int(version[1])
        if token:
            self._client.token = token[1].decode()


class AdminCall:
    """One call of the admin API; ``took`` is given the answer's value."""

    def __init__(
        self, token: str, method: str, path: str, body: Any, took: Callable[[Any], None] = lambda _: None
    ) -> None:
        headers = {"Host": "127.0.0.1", "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._octets = request(method, f"/api/v1{path}", headers, json.dumps(body).encode())
        self._took = took

    def first(self) -> bytes:
        return self._octets

    def answer(self, head: bytes, body: bytes) -> None:
        self._took(json.loads(body) if body else None)


class Fleet:
    """Phones and clients, one of each for every subscriber; and subscribers with a large document, with a client.

    ``signing`` are those of the phones that prove themselves by MACs, and ``phones`` the others.
    """

    def __init__(self, size: int, large: int, admin: Lane, admin_token: str, signing: int = 0) -> None:
        self.phones = [Phone(number) for number in range(size - signing)]
        self.signing = [Phone(number, "mac") for number in range(size - signing, size)]
        self.clients = [Client(number) for number in range(size)]
        self.proving = self.clients[2::3]
        self.large = [Client(number) for number in range(size, size + large)]
        self._admin = admin
        self._token = admin_token
        self._changes = 0

    async def create(self) -> None:
        """Create every subscriber, and an account for every phone."""
        subscribers = [
            {
                "id": subscriber_of(number),
                "imsis": [_imsi(number)],
                "msisdn": _msisdn(number),
                "plan": PLANS[number % len(PLANS)],
                "groups": [] if number < len(self.clients) else [LARGE_GROUP],
            }
            for number in range(len(self.clients) + len(self.large))
        ]
        await self._admin.run(AdminCall(self._token, "POST", "/subscribers", body) for body in subscribers)
        await self._admin.run(
            AdminCall(
                self._token,
                "POST",
                f"/subscribers/{subscriber_of(phone.number)}/devices",
                {"loc_uri": phone.loc_uri, "imei": phone.imei, "manufacturer": "Acme", "model": MODEL}
                | {"auth": phone.auth, "server_auth": phone.auth},
                phone.take_account,
            )
            for phone in self.phones + self.signing
        )

    async def give_keys(self, clients: Sequence[Client]) -> None:
        """Tell the gateway the keys of the clients' SIMs."""
        await self._admin.run(
            AdminCall(
                self._token,
                "PUT",
                f"/subscribers/{client.imsi}/sims/{client.imsi}",
                {"k": client.k.hex(), "opc": client.opc.hex(), "sqn": 0},
            )
            for client in clients
        )

    async def provision(self, plain: Lane, tls: Lane) -> None:
        """Let every phone and client call for the first time, and take all it is given."""
        await plain.run(DmSession(phone, XML, None) for phone in self.phones + self.signing)
        clients = self.clients + self.large
        await plain.run(Introduction(client) for client in clients)
        await tls.run(Query(client, document=True) for client in clients)

    async def change(self, devices: Sequence[Phone | Client], values: int) -> None:
        """Give that many nodes of each of these devices another value."""
        self._changes += 1
        body = {"set": dict.fromkeys(VALUES[:values], str(3000 + self._changes))}
        await self._admin.run(
            AdminCall(self._token, "PATCH", f"/subscribers/{device.device_id}/values", body) for device in devices
        )


def subscriber_of(number: int) -> str:
    """The id of the subscriber with that number."""
    return f"s{number:06d}"


def _msisdn(number: int) -> str:
    return f"+1556{number:07d}"


def _imsi(number: int) -> str:
    return f"001012{number:09d}"


def _status(number: int, msg_ref: int, cmd_ref: str, cmd: str, code: str, *more: AnyElement) -> AnyElement:
    references: list[AnyElement] = [
        ("CmdID", str(number)), ("MsgRef", str(msg_ref)), ("CmdRef", cmd_ref), ("Cmd", cmd)
    ]  # fmt: skip
    return ("Status", [*references, *more, ("Data", code)])
