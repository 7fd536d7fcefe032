"""A simulated RCC.14 client: asks over both legs as a phone on its operator's network does, and keeps what it is given.

Deliberately plain and written apart from the gateway's own RCC.14 code, so that the two can disagree.

Spec: RCC.14 2.2 (client procedure over 3GPP access), 2.3 (other accesses); GSMA TS.43 (reactions to statuses)
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp

from adapters.aka.packet import Type
from adapters.simulator.confirming_phone import Phone, Question
from adapters.simulator.memory import load_memory, save_memory
from adapters.simulator.rcc14_document import Document, Elsewhere, Reader, Unreadable, read_document
from adapters.simulator.rcc14_wire import Reply, Servers, Wire
from adapters.simulator.sms_inbox import Inbox
from adapters.simulator.soft_sim import SoftSim
from adapters.simulator.transcript import Transcript
from gateway.errors import Unavailable

TIMEOUT_SECONDS = 30
QUESTION_SECONDS = 10
SMS_PORT = 37273
MAX_STEPS = 20
MAX_RESTARTS = 5
RELEASES = ("5.0", "4.0", "2.0")
TAC = "00101502"
EAP_TYPE = "application/vnd.gsma.eap-relay.v1.0+json"
DORMANT = -3
_MOVED = (301, 307, 308)


class Subscription(Protocol):
    """The SIM and the phone the client runs on."""

    @property
    def imsi(self) -> str: ...
    @property
    def msisdn(self) -> str: ...
    @property
    def imei(self) -> str: ...
    @property
    def terminal_vendor(self) -> str: ...
    @property
    def terminal_model(self) -> str: ...
    @property
    def k(self) -> str: ...
    @property
    def opc(self) -> str: ...


_PROFILES: dict[str, dict[str, str]] = {
    "joyn_blackbird": {"rcs_version": "5.1B"},
    "UP_1.0": {"rcs_version": "6.0", "provisioning_version": "2.0"},
    "UP_2.4": {"rcs_version": "11.0", "provisioning_version": "5.0"},
}


class Wifi(NamedTuple):
    """A network on which nobody vouches for the client.

    ``by`` is how it would prove itself: ``otp`` reads the code out of ``inbox``, the file of the gateway's bearer for
    labs, or off the ``phone`` that has the SIM; ``eap`` and ``eap-prime`` use the SIM's keys; ``oidc`` leaves it to the
    gateway to redirect it.
    """

    by: Literal["otp", "eap", "eap-prime", "oidc"]
    inbox: Path
    phone: Phone | None = None


class _Habits(NamedTuple):
    """What kind of client it is, and what its user does; see ``run_query``."""

    profile: str
    misbehave: str | None
    wifi: Wifi | None
    is_additional: bool
    accept: bool | None
    reader: Reader
    apps: tuple[str, ...] = ()
    msisdn: str = ""
    inbox: Path | None = None


class _Gone(Exception):
    """The conversation is over without a document; says why in a word."""


async def run_query(
    subscription: Subscription,
    servers: Servers,
    state_file: Path,
    *,
    profile: str = "UP_2.4",
    misbehave: str | None = None,
    wifi: Wifi | None = None,
    additional: bool = False,
    accept: bool | None = None,
    reader: Reader = "strict",
    elsewhere: Mapping[str, Servers] = {},
    apps: tuple[str, ...] = (),
    inbox: Path | None = None,
    transcript: Transcript | None = None,
) -> Transcript:
    """One configuration query: the enriched plain leg, then the TLS leg with its cookie; later queries use the token.

    With ``wifi`` the TLS leg is all there is, and the client proves itself by what it is asked for; with an ``inbox``
    it does so by a code where the plain leg answers that nobody vouches for it. ``additional`` is a device without a
    SIM, whose user reads the code on the phone that has it: it needs ``wifi`` by ``otp``.

    The operator's gateway, which adds the identity headers on the way, is played here too. ``misbehave`` is ``repeat``
    (the TLS leg twice with one cookie), ``wrong-cookie`` or ``truncate`` (a query string that ends in the middle); such
    a client does not try again.

    ``accept`` is what the user does with a dialog, None for OK; who rejected is asked no more, and comes back by
    accepting, as does a user who has to ask for RCS.
    ``apps`` are the AppIDs it asks for, none for those of ACCESS-CONTROL, or else all. ``elsewhere`` are the
    additional servers by the name under which a document may send the client there; others are not asked. A
    ``transcript`` that is given is written while the query runs.

    Raises: Unavailable when no gateway answers.
    """
    state = load_memory(state_file)
    transcript = transcript or Transcript()
    habits = _Habits(profile, misbehave, wifi, additional, accept, reader, apps, inbox=inbox)
    if accept:
        state.pop("rejected", None)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
            sim = SoftSim(subscription.imsi, bytes.fromhex(subscription.k), bytes.fromhex(subscription.opc), state)
            client = _Client(http, servers, subscription, sim, state, transcript, habits)
            await client.run()
            await _ask_elsewhere(http, elsewhere, subscription, sim, state, transcript, habits)
    except _Gone as gone:
        transcript.result = str(gone)
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"no gateway answers ({reason}); start one with `mogate serve`") from None
    save_memory(state_file, state)
    transcript.values = dict(state.get("values", {}))
    for other in state.get("servers", {}).values():
        transcript.values |= other.get("values", {})
    return transcript


async def _ask_elsewhere(
    http: aiohttp.ClientSession,
    elsewhere: Mapping[str, Servers],
    subscription: Subscription,
    sim: SoftSim,
    state: dict[str, Any],
    transcript: Transcript,
    habits: _Habits,
) -> None:
    """Ask each server that the default one named, with a version and token for each; those it no longer names go.

    Spec: RCC.14 2.2.2 (additional servers)
    """
    named = [Elsewhere(fqdn, tuple(apps), provider) for fqdn, apps, provider in state.get("elsewhere", [])]
    memories = state.get("servers", {})
    state["servers"] = {one.fqdn: memories.get(one.fqdn, {}) for one in named}
    versions = {}
    for one in named:
        if one.fqdn not in elsewhere:
            transcript.received(f"ACCESS-CONTROL names {one.fqdn}", "not asked: it is not said where that is")
            continue
        memory = state["servers"][one.fqdn]
        wish = habits._replace(apps=one.app_ids, misbehave=None)
        client = _Client(http, elsewhere[one.fqdn], subscription, sim, memory, transcript, wish, device=state)
        try:
            document = await client.run()
        except _Gone as gone:
            transcript.received(f"{one.fqdn} gives nothing", str(gone))
            continue
        versions[one.fqdn] = memory["version"]
        if one.is_id_provider:
            habits = habits._replace(msisdn=document.values.get("User/msisdn", ""))
    if versions:
        transcript.facts["elsewhere"] = versions


class _Client:
    """One query of one client to one server, step by step; ``device`` is the memory that all its servers share."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        servers: Servers,
        subscription: Subscription,
        sim: SoftSim,
        state: dict[str, Any],
        transcript: Transcript,
        habits: _Habits,
        device: dict[str, Any] | None = None,
    ) -> None:
        self._servers = servers
        self._wire = Wire(http, ssl.create_default_context(cafile=str(servers.ca_file)), servers)
        self._subscription = subscription
        self._state = state
        self._is_default = device is None
        self._device = state if device is None else device
        self._transcript = transcript
        self._habits = habits
        self._wifi = habits.wifi
        inbox = self._wifi.inbox if self._wifi else habits.inbox
        self._inbox = Inbox(inbox, subscription.msisdn) if inbox else None
        self._names_its_number = self._wifi is not None and self._wifi.by == "otp"
        self._sim = sim
        self._release = _PROFILES.get(habits.profile, {}).get("provisioning_version", "")
        self._offers_sim = self._wifi is not None and self._wifi.by.startswith("eap")
        self._port = "0" if habits.is_additional else str(SMS_PORT)

    async def run(self) -> Document:
        """The whole query, begun again for each 511 as long as a client does. Raises: _Gone without a document."""
        for _ in range(1 if self._habits.misbehave else 1 + MAX_RESTARTS):
            found = await self._query()
            if found is not None:
                return found
            # Without the token that was no good, and without the SIM that did not agree with the network.
            self._state.pop("token", None)
            self._wire.cookie = ""
            self._names_its_number |= self._offers_sim
            self._offers_sim = False
            self._sim.forget_names()
        raise _Gone("TLS leg answered 511")

    async def _query(self) -> Document | None:
        """Both legs once; None for 511 on the TLS leg."""
        misbehave = self._habits.misbehave
        if self._wifi is None and (not self._state.get("token") or misbehave in ("repeat", "wrong-cookie")):
            await self._plain_leg()
        if misbehave == "wrong-cookie":
            name, _, value = self._wire.cookie.partition("=")
            self._wire.cookie = f"{name}={value[::-1]}"
        document = None
        for _ in range(2 if misbehave == "repeat" else 1):
            document = await self._secure_leg()
        return document

    async def _plain_leg(self) -> None:
        subscription = self._subscription
        headers = {"X-MSISDN": subscription.msisdn.removeprefix("+"), "X-IMSI": subscription.imsi}
        self._transcript.sent(f"GET {self._servers.plain_url}/", "identity headers added by the operator's gateway")
        reply = await self._wire.ask("GET", f"{self._servers.plain_url}/", headers)
        for _ in range(MAX_STEPS):
            if reply.status not in _MOVED:
                break
            reply = await self._moved(reply, headers)
        if reply.status == 511 and self._habits.inbox is not None:
            self._transcript.received(reply.line, "nobody vouches for the client here: it proves itself by a code")
            self._wifi, self._names_its_number = Wifi("otp", self._habits.inbox), True
            return
        self._transcript.received(reply.line, "cookie for the TLS leg" if self._wire.cookie else "no cookie")
        if reply.status != 200 or not self._wire.cookie:
            self._give_up(reply, "plain leg")

    async def _secure_leg(self) -> Document | None:
        """Ask, and do what the answers ask for until one is a document; None for 511."""
        reply = await self._ask()
        for _ in range(MAX_STEPS):
            # Some take a request that timed out for one that was not proven.
            if reply.status == 511 or (reply.status == 408 and self._habits.reader == "sloppy"):
                again = ("tries again without its token",) if self._state.get("token") else ()
                self._transcript.received(reply.line, *again)
                return None
            found = await self._next(reply)
            if isinstance(found, Document):
                return found
            reply = found
        raise _Gone("the TLS leg goes on and on")

    async def _ask(self) -> Reply:
        """The configuration request."""
        parameters = self._parameters()
        query = urlencode(parameters)
        if self._habits.misbehave == "truncate":
            query = query[: len(query) // 2] + "%"
        version = self._state.get("version", 0)
        self._transcript.sent(f"GET {self._servers.secure_url}/?vers={version}&…", self._proof(dict(parameters)))
        return await self._wire.ask("GET", f"{self._servers.secure_url}/?{query}")

    async def _next(self, reply: Reply) -> Reply | Document:
        """The reply to what a reply asks for, or the document that it is, which is taken. Raises: _Gone."""
        if reply.status in _MOVED:
            return await self._moved(reply)
        if reply.status in (302, 303) and self._wifi:
            return await self._redirected(reply)
        if reply.status == 406:
            return await self._in_another_release(reply)
        if reply.status == 200 and reply.headers.get("Content-Type", "").startswith(EAP_TYPE):
            return await self._eap(reply)
        if reply.status == 200 and not reply.body and self._wire.cookie and self._wifi:
            return await self._otp(reply)
        if reply.status == 403 and self._wifi and not self._names_its_number:
            self._transcript.received(reply.line, "asks its user for the number")
            self._names_its_number, self._offers_sim, self._wire.cookie = True, False, ""
            return await self._ask()
        if reply.status != 200 or not reply.body:
            self._transcript.received(reply.line)
            self._give_up(reply, "TLS leg")
        try:
            document = read_document(reply.body, self._habits.reader)
        except Unreadable as error:
            self._transcript.received(reply.line, str(error))
            raise _Gone("a document that cannot be read") from None
        if document.version is None:
            if self._wire.cookie and self._wifi:
                self._port = document.sms_port or str(SMS_PORT)
                return await self._otp(reply)
            raise _Gone("a document without VERS")
        self._take(document, document.version, reply)
        return document

    def _give_up(self, reply: Reply, leg: str) -> None:
        """Do what a client does on a status that ends its query. Raises: _Gone, always.

        Spec: RCC.14 2.2 (responses)
        """
        if reply.status == 403 and self._wifi is None:
            self._state.update(version=0, values={})
            self._state.pop("token", None)
            self._transcript.facts["then"] = "configuration removed; asks no more until its next start or another SIM"
        elif reply.status == 403:
            self._transcript.facts["then"] = "asks its user for the number again, five times at most"
        elif reply.status == 503 and reply.headers.get("Retry-After", "").isdecimal():
            self._transcript.facts["then"] = f"would retry in {reply.headers['Retry-After']} s"
        elif reply.status in (500, 503) and self._habits.profile.startswith("UP_"):
            self._transcript.facts["then"] = "keeps its configuration; tries five times more, ever more rarely"
        elif reply.status >= 400 and reply.status != 511:
            self._transcript.facts["then"] = "keeps its configuration; asks no more until its next start"
        elif reply.status < 300:
            self._transcript.facts["then"] = "takes it for an error; tries again later"
        raise _Gone(f"{leg} answered {reply.status}")

    async def _moved(self, reply: Reply, headers: Mapping[str, str] = {}) -> Reply:
        """Go where the server says it has gone, with the same parameters and cookie; from TLS to TLS only."""
        location = urljoin(reply.url, reply.headers.get("Location", ""))
        if urlsplit(location).scheme != urlsplit(reply.url).scheme:
            raise _Gone(f"sent to {urlsplit(location).scheme or 'nowhere'}")
        if not urlsplit(location).query and urlsplit(reply.url).query:
            location += f"?{urlsplit(reply.url).query}"
        short = location.partition("?")[0]
        self._transcript.received(reply.line, f"the server is at {short}")
        self._transcript.sent(f"GET {short}?…")
        self._wire.move(location)
        return await self._wire.ask("GET", location, headers)

    async def _in_another_release(self, reply: Reply) -> Reply:
        """Ask again in the newest release that both know. Raises: _Gone when there is none."""
        spoken = [release.strip() for release in reply.headers.get("Supported-Versions", "").split(",")]
        common = [release for release in RELEASES if release in spoken and release != self._release]
        self._transcript.received(reply.line, f"the server speaks {', '.join(spoken)}")
        if not common:
            self._give_up(reply, "TLS leg")
        self._release = common[0]
        return await self._ask()

    async def _otp(self, reply: Reply) -> Reply:
        """Bring back the code that comes by SMS, or in a question on the phone that has the SIM. Raises: _Gone."""
        self._transcript.received(reply.line, "a cookie, and no configuration: a code comes")
        phone = self._wifi.phone if self._wifi else None
        code = await self._read_sms() if phone is None else await self._read_question(phone)
        self._transcript.sent(f"GET {self._servers.secure_url}/?OTP=…", "identity proven by cookie and code")
        return await self._wire.ask("GET", f"{self._servers.secure_url}/?{urlencode({'OTP': code})}")

    async def _read_sms(self) -> str:
        message = await self._inbox.receive() if self._inbox else None
        if message is None:
            raise _Gone("no SMS came")
        shown = "the code" if self._port != "0" else "text with the code, on the phone with the SIM"
        self._transcript.received(f"SMS to port {message['port']}", shown)
        code = str(message["text"])
        digits = re.search("[0-9]{4,}", code) if self._port == "0" else None
        return digits[0] if digits else code

    async def _read_question(self, phone: Phone) -> str:
        """What the phone shows, answered there as the user does. Raises: _Gone when the user declines, or none came."""
        try:
            question: Question = await asyncio.wait_for(phone.questions.get(), QUESTION_SECONDS)
        except TimeoutError:
            raise _Gone("no question came") from None
        buttons = f"[{question.accept} | {question.reject}]"
        shown = f"shown on the phone with the SIM: {question.subject!r}: {question.text!r} {buttons}"
        accepts = self._habits.accept is not False
        self._transcript.received("End User Confirmation Request", shown)
        await phone.answer(question, accepts=accepts)
        self._transcript.sent("the phone's answer", "the user has accepted" if accepts else "the user has declined")
        if not accepts:
            raise _Gone("declined on the phone")
        return question.code

    async def _eap(self, reply: Reply) -> Reply:
        """Let the SIM answer, and send that back."""
        packet, what = self._sim.answer(base64.b64decode(json.loads(reply.body)["eap-relay-packet"]))
        self._transcript.received(reply.line, "an EAP request")
        self._transcript.sent(f"POST {self._servers.secure_url}/", f"EAP response: {what}")
        body = json.dumps({"eap-relay-packet": base64.b64encode(packet).decode()}).encode()
        return await self._wire.ask("POST", f"{self._servers.secure_url}/", {"Content-Type": EAP_TYPE}, body)

    async def _redirected(self, reply: Reply) -> Reply:
        """Go where the reply sends the client, as one without a browser does, and over TLS alone. Raises: _Gone."""
        location = reply.headers.get("Location", "")
        if urlsplit(location).scheme != "https":
            raise _Gone(f"sent to {urlsplit(location).scheme or 'nowhere'}")
        self._transcript.received(reply.line, f"to {location.partition('?')[0]}")
        self._transcript.sent(f"GET {location.partition('?')[0]}?…")
        return await self._wire.ask("GET", location)

    def _parameters(self) -> list[tuple[str, str]]:
        subscription, state, habits = self._subscription, self._state, self._habits
        parameters = {
            "vers": str(state.get("version", 0)),
            "rcs_profile": habits.profile,
            **_PROFILES.get(habits.profile, {}),
            **({"provisioning_version": self._release} if self._release else {}),
            "rcs_state": self._rcs_state(),
            "client_vendor": "SIM",
            "client_version": "MOGsim-1.0",
            "default_sms_app": "1",
            "terminal_vendor": subscription.terminal_vendor,
            "terminal_model": subscription.terminal_model,
            "terminal_sw_version": "1.0",
        }
        if habits.is_additional:
            imei = self._device.setdefault("imei", f"{TAC}{secrets.randbelow(10**6):06}0")
            parameters |= {"IMEI": imei, "friendly_device_name": "Simulated tablet"}
        else:
            parameters |= {"IMSI": subscription.imsi, "IMEI": subscription.imei}
        if not self._wire.cookie and state.get("token"):
            parameters["token"] = state["token"]
        elif self._wifi and self._offers_sim:
            parameters["EAP_ID"] = self._sim.identity(Type.AKA_PRIME if self._wifi.by == "eap-prime" else Type.AKA)
        if self._names_its_number:
            parameters |= {"msisdn": subscription.msisdn, "SMS_port": self._port}
        if habits.msisdn:
            parameters["msisdn"] = habits.msisdn
        apps = habits.apps or state.get("apps", ())
        return [*parameters.items(), *(("app", app) for app in apps)]

    def _rcs_state(self) -> str:
        if self._device.get("rejected"):
            return "-4"
        held = self._state.get("values", {})
        disabled = next((value for path, value in held.items() if path.endswith("/rcsDisabledState")), "")
        if disabled:
            # Told by the document that RCS is off, it says so until its user switches RCS on.
            return "0" if self._habits.accept else disabled
        return str(self._state.get("rcs_state", max(self._state.get("version", 0), 0)))

    def _proof(self, parameters: Mapping[str, str]) -> str:
        if self._wire.cookie:
            return "identity proven by cookie"
        if "token" in parameters:
            return "identity proven by token"
        return "SIM authentication offered" if "EAP_ID" in parameters else "nobody vouches for the client"

    def _take(self, document: Document, version: int, reply: Reply) -> None:
        """Take the document as a client does: a higher version replaces everything, an equal one only renews.

        Spec: RCC.14 VERS
        """
        state, transcript = self._state, self._transcript
        held = state.get("version", 0)
        values = document.values
        if document.token:
            state["token"] = document.token
        if version == DORMANT:
            state["rcs_state"] = DORMANT
            says = "the service sleeps; the configuration stays"
        else:
            state.pop("rcs_state", None)
        if version <= 0 and version != DORMANT:
            state.pop("token", None)
            state.update(version=version, values={})
            says = f"configuration withdrawn ({version})"
        elif version > held:
            values = self._allowed(values)
            ignored = sorted({path.partition("/")[0] for path in document.values.keys() - values.keys()} - {"User"})
            changed = {path: value for path, value in values.items() if state.get("values", {}).get(path) != value}
            gone = state.get("values", {}).keys() - values.keys()
            says = f"new configuration: {len(values)} parameters, {len(changed)} new or changed, {len(gone)} gone"
            says += f"; not for this server to say: {', '.join(ignored)}" if ignored else ""
            if self._is_default:
                transcript.facts["changed"] = changed if held > 0 else len(changed)
                state["apps"] = document.app_ids
                state["elsewhere"] = [tuple(one) for one in document.servers]
            state.update(version=version, values=values)
        elif version != DORMANT:
            says = "nothing new" if document.is_version_only else "a document, but no newer version: kept what is here"
        vers = f"VERS version {version}, validity {document.validity} s"
        transcript.received(reply.line, vers, says, *(["TOKEN"] if document.token else []), *self._dialog(document))
        if self._is_default:
            octets = len(reply.body)
            told = {"version": version, "validity": document.validity, "parameters": len(values), "octets": octets}
            transcript.facts |= told

    def _allowed(self, values: dict[str, str]) -> dict[str, str]:
        """Of an additional server the applications that it was asked for, and nothing else."""
        if self._is_default:
            return values
        prefixes = tuple(f"APPLICATION[{app}]" for app in self._habits.apps)
        return {path: value for path, value in values.items() if path.startswith(prefixes)}

    def _dialog(self, document: Document) -> list[str]:
        """Show the message and let the user answer it; who rejects has the service off."""
        message = document.message
        if message is None or not self._is_default:
            return []
        buttons = [name for name, there in (("accept", message.accept), ("reject", message.reject)) if there]
        shown = f"shown: {message.title!r}: {message.text!r} [{' | '.join(buttons)}]"
        if not (message.accept and message.reject):
            return [shown]
        answer = "rejected" if self._habits.accept is False else "accepted"
        if answer == "rejected":
            self._state["rejected"] = True
        self._transcript.facts["dialog"] = answer
        return [shown, f"the user has {answer}"]
