"""A simulated RCC.14 client: asks over both legs as a phone on its operator's network does, and keeps what it is given.

Deliberately plain and written apart from the gateway's own RCC.14 code, so that the two can disagree.

Spec: RCC.14 2.2 (client procedure over 3GPP access)
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import urlencode

import aiohttp
from lxml import etree

from adapters.aka.packet import Type
from adapters.simulator.memory import load_memory, save_memory
from adapters.simulator.soft_sim import SoftSim
from adapters.simulator.transcript import Transcript
from gateway.errors import Unavailable

TIMEOUT_SECONDS = 30
SMS_SECONDS = 10
SMS_LOOKS_PER_SECOND = 20
SMS_PORT = 37273
MAX_STEPS = 20
EAP_TYPE = "application/vnd.gsma.eap-relay.v1.0+json"


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


class Servers(NamedTuple):
    """Where to ask: the plain leg and the TLS leg, the authority to trust, and the name the certificate must carry."""

    plain_url: str
    secure_url: str
    ca_file: Path
    host: str


_PROFILES: dict[str, dict[str, str]] = {
    "joyn_blackbird": {"rcs_version": "5.1B"},
    "UP_1.0": {"rcs_version": "6.0", "provisioning_version": "2.0"},
    "UP_2.4": {"rcs_version": "11.0", "provisioning_version": "5.0"},
}


class Wifi(NamedTuple):
    """A network on which nobody vouches for the client.

    ``by`` is how it would prove itself: ``otp`` reads the code out of ``inbox``, the file of the gateway's bearer for
    labs; ``eap`` and ``eap-prime`` use the SIM's keys; ``oidc`` leaves it to the gateway to redirect it.
    """

    by: Literal["otp", "eap", "eap-prime", "oidc"]
    inbox: Path


class _Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes
    line: str


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
) -> Transcript:
    """One configuration query: the enriched plain leg, then the TLS leg with its cookie; later queries use the token.

    With ``wifi`` the TLS leg is all there is, and the client proves itself by what it is asked for.

    The operator's gateway, which adds the identity headers on the way, is played here too. ``misbehave`` is ``repeat``
    (the TLS leg twice with one cookie), ``wrong-cookie`` or ``truncate`` (a query string that ends in the middle).

    Raises: Unavailable when no gateway answers.
    """
    state = load_memory(state_file)
    transcript = Transcript()
    tls = ssl.create_default_context(cafile=str(servers.ca_file))
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
            client = _Client(http, servers, tls, subscription, state, transcript, wifi)
            await client.run(profile, misbehave)
    except _Gone as gone:
        transcript.result = str(gone)
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"no gateway answers ({reason}); start one with `mogate serve`") from None
    save_memory(state_file, state)
    transcript.values = state.get("values", {})
    return transcript


class _Client:
    """One query of one client, step by step."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        servers: Servers,
        tls: ssl.SSLContext,
        subscription: Subscription,
        state: dict[str, Any],
        transcript: Transcript,
        wifi: Wifi | None,
    ) -> None:
        self._http = http
        self._servers = servers
        self._tls = tls
        self._subscription = subscription
        self._state = state
        self._transcript = transcript
        self._wifi = wifi
        self._cookie = ""
        self._heard = len(_read_inbox(wifi.inbox)) if wifi else 0
        self._sim = SoftSim(subscription.imsi, bytes.fromhex(subscription.k), bytes.fromhex(subscription.opc), state)

    async def run(self, profile: str, misbehave: str | None) -> None:
        """The whole query. Raises: _Gone when it ends without a document."""
        if self._wifi is None and (not self._state.get("token") or misbehave in ("repeat", "wrong-cookie")):
            await self._plain_leg()
        if misbehave == "wrong-cookie":
            name, _, value = self._cookie.partition("=")
            self._cookie = f"{name}={value[::-1]}"
        for _ in range(2 if misbehave == "repeat" else 1):
            parameters = self._parameters(profile)
            query = urlencode(parameters)
            if misbehave == "truncate":
                query = query[: len(query) // 2] + "%"
            await self._secure_leg(query, ", ".join(self._proofs(parameters)))

    async def _plain_leg(self) -> None:
        subscription = self._subscription
        headers = {"X-MSISDN": subscription.msisdn.removeprefix("+"), "X-IMSI": subscription.imsi}
        self._transcript.sent(f"GET {self._servers.plain_url}/", "identity headers added by the operator's gateway")
        reply = await self._ask("GET", f"{self._servers.plain_url}/", headers)
        self._transcript.received(reply.line, "cookie for the TLS leg" if self._cookie else "no cookie")
        if reply.status != 200 or not self._cookie:
            raise _Gone(f"plain leg answered {reply.status}")

    async def _secure_leg(self, query: str, proof: str) -> None:
        """Ask, and do what the answers ask for until one is a document."""
        url = f"{self._servers.secure_url}/?{query}"
        self._transcript.sent(f"GET {self._servers.secure_url}/?vers={self._state.get('version', 0)}&…", proof)
        reply = await self._ask("GET", url)
        for _ in range(MAX_STEPS):
            if reply.status == 511:
                self._state.pop("token", None)
            following = await self._next(reply)
            if following is None:
                return
            reply = following
        raise _Gone("the TLS leg goes on and on")

    async def _next(self, reply: _Reply) -> _Reply | None:
        """The reply to what a reply asks for; None when it is a document, which is taken."""
        if reply.status in (302, 303) and self._wifi:
            return await self._redirected(reply)
        if reply.status == 200 and reply.headers.get("Content-Type", "").startswith(EAP_TYPE):
            return await self._eap(reply)
        if reply.status == 200 and not reply.body and self._cookie and self._wifi:
            return await self._otp(reply)
        if reply.status != 200 or not reply.body:
            self._transcript.received(reply.line)
            raise _Gone(f"TLS leg answered {reply.status}")
        _apply(reply.body, reply.line, self._state, self._transcript)
        return None

    async def _otp(self, reply: _Reply) -> _Reply:
        """Wait for the SMS and bring its code back."""
        assert self._wifi is not None
        self._transcript.received(reply.line, "empty, with a cookie: a code comes by SMS")
        message = await self._receive_sms(self._wifi.inbox)
        self._transcript.received(f"SMS to port {message['port']}", "the code")
        self._transcript.sent(f"GET {self._servers.secure_url}/?OTP=…", "identity proven by cookie and code")
        return await self._ask("GET", f"{self._servers.secure_url}/?{urlencode({'OTP': message['text']})}")

    async def _receive_sms(self, inbox: Path) -> dict[str, Any]:
        """The first message to this number that was not there when the query began. Raises: _Gone when none comes."""
        for _ in range(SMS_SECONDS * SMS_LOOKS_PER_SECOND):
            for message in _read_inbox(inbox)[self._heard :]:
                if message["to"] == self._subscription.msisdn:
                    return message
            await asyncio.sleep(1 / SMS_LOOKS_PER_SECOND)
        raise _Gone("no SMS came")

    async def _eap(self, reply: _Reply) -> _Reply:
        """Let the SIM answer, and send that back."""
        packet, what = self._sim.answer(base64.b64decode(json.loads(reply.body)["eap-relay-packet"]))
        self._transcript.received(reply.line, "an EAP request")
        self._transcript.sent(f"POST {self._servers.secure_url}/", f"EAP response: {what}")
        body = json.dumps({"eap-relay-packet": base64.b64encode(packet).decode()}).encode()
        return await self._ask("POST", f"{self._servers.secure_url}/", {"Content-Type": EAP_TYPE}, body)

    async def _redirected(self, reply: _Reply) -> _Reply:
        """Go where the reply sends the client, as one without a browser does."""
        location = reply.headers.get("Location", "")
        self._transcript.received(reply.line, f"to {location.partition('?')[0]}")
        self._transcript.sent(f"GET {location.partition('?')[0]}?…")
        return await self._ask("GET", location)

    async def _ask(self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None) -> _Reply:
        """One request. Of the gateway the cookie is kept and given back; others get none of its."""
        ours = url.startswith((self._servers.secure_url, self._servers.plain_url))
        own = {"Host": self._servers.host, **({"Cookie": self._cookie} if self._cookie else {})} if ours else {}
        async with self._http.request(
            method,
            url,
            headers={"Accept-Language": "en", "Accept": "*/*"} | own | dict(headers),
            data=body,
            ssl=self._tls,
            server_hostname=self._servers.host if ours and url.startswith("https") else None,
            allow_redirects=False,
        ) as response:
            cookies = [value.partition(";")[0] for value in response.headers.getall("Set-Cookie", [])]
            if cookies and ours:
                self._cookie = cookies[-1]
            line = f"HTTP {response.status} {response.reason}"
            return _Reply(response.status, response.headers, await response.read(), line)

    def _parameters(self, profile: str) -> dict[str, str]:
        subscription, state = self._subscription, self._state
        parameters = {
            "vers": str(state.get("version", 0)),
            "rcs_profile": profile,
            **_PROFILES.get(profile, {}),
            "rcs_state": str(max(state.get("version", 0), 0)),
            "client_vendor": "SIM",
            "client_version": "MOGsim-1.0",
            "default_sms_app": "1",
            "terminal_vendor": subscription.terminal_vendor,
            "terminal_model": subscription.terminal_model,
            "terminal_sw_version": "1.0",
            "IMSI": subscription.imsi,
            "IMEI": subscription.imei,
        }
        if not self._cookie and state.get("token"):
            parameters["token"] = state["token"]
        elif self._wifi and self._wifi.by.startswith("eap"):
            parameters["EAP_ID"] = self._sim.identity(Type.AKA_PRIME if self._wifi.by == "eap-prime" else Type.AKA)
        if self._wifi and self._wifi.by == "otp":
            parameters |= {"msisdn": subscription.msisdn, "SMS_port": str(SMS_PORT)}
        return parameters

    def _proofs(self, parameters: Mapping[str, str]) -> list[str]:
        if self._cookie:
            return ["identity proven by cookie"]
        if "token" in parameters:
            return ["identity proven by token"]
        return ["SIM authentication offered"] if "EAP_ID" in parameters else ["nobody vouches for the client"]


def _read_inbox(inbox: Path) -> list[dict[str, Any]]:
    """The short messages that the gateway's bearer for labs has written so far."""
    lines = inbox.read_text(encoding="utf-8").splitlines() if inbox.exists() else []
    return [json.loads(line) for line in lines]


def _apply(body: bytes, line: str, state: dict[str, Any], transcript: Transcript) -> None:
    """Take the document as a client does: a higher version replaces everything, an equal one only renews."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    values = dict(_walk(etree.fromstring(body, parser), ""))
    version = int(values.pop("VERS/version"))
    validity = int(values.pop("VERS/validity"))
    token = values.pop("TOKEN/token", None)
    values.pop("TOKEN/validity", None)
    if token is not None:
        state["token"] = token
    held = state.get("version", 0)
    if version <= 0:
        state.update(version=version, values={})
        says = f"configuration withdrawn ({version})"
    elif version > held:
        changed = {path: value for path, value in values.items() if state.get("values", {}).get(path) != value}
        gone = state.get("values", {}).keys() - values.keys()
        says = f"new configuration: {len(values)} parameters, {len(changed)} new or changed, {len(gone)} gone"
        transcript.facts["changed"] = changed if held > 0 else len(changed)
        state.update(version=version, values=values)
    else:
        says = "nothing new" if not values else "a document, but no newer version: kept what is here"
    transcript.received(line, f"VERS version {version}, validity {validity} s", says, *(["TOKEN"] if token else []))
    transcript.facts |= {"version": version, "validity": validity, "parameters": len(values), "octets": len(body)}


def _walk(node: Any, path: str) -> list[tuple[str, str]]:
    """Every parm below the node as (path, value); same-named characteristics are numbered from the second on."""
    found: list[tuple[str, str]] = []
    counts: dict[str, int] = {}
    for child in node:
        name = child.get("name") if child.tag == "parm" else child.get("type")
        if child.tag == "characteristic" and name == "APPLICATION":
            # w7 is registered by OMA CP, which writes the name in capitals.
            ids = [parm.get("value") for parm in child.findall("parm") if parm.get("name", "").upper() == "APPID"]
            name = f"APPLICATION[{ids[0] if ids else ''}]"
        counts[name] = counts.get(name, 0) + 1
        here = f"{path}{name}" + (f"#{counts[name]}" if counts[name] > 1 else "")
        if child.tag == "parm":
            found.append((here, child.get("value")))
        else:
            found += _walk(child, here + "/")
    return found
