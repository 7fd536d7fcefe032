"""A simulated RCC.14 client: asks over both legs as a phone on its operator's network does, and keeps what it is given.

Deliberately plain and written apart from the gateway's own RCC.14 code, so that the two can disagree.

Spec: RCC.14 2.2 (client procedure over 3GPP access)
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

import aiohttp
from lxml import etree

from adapters.simulator.memory import load_memory, save_memory
from adapters.simulator.transcript import Transcript
from gateway.errors import Unavailable

TIMEOUT_SECONDS = 30


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


async def run_query(
    subscription: Subscription,
    servers: Servers,
    state_file: Path,
    *,
    profile: str = "UP_2.4",
    misbehave: str | None = None,
) -> Transcript:
    """One configuration query: the enriched plain leg, then the TLS leg with its cookie; later queries use the token.

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
            cookie = ""
            if not state.get("token") or misbehave in ("repeat", "wrong-cookie"):
                cookie = await _plain_leg(http, servers, subscription, transcript)
                if not cookie:
                    return transcript
            if misbehave == "wrong-cookie":
                name, _, value = cookie.partition("=")
                cookie = f"{name}={value[::-1]}"
            rounds = 2 if misbehave == "repeat" else 1
            for _ in range(rounds):
                query = _query(subscription, state, profile, with_token=not cookie)
                if misbehave == "truncate":
                    query = query[: len(query) // 2] + "%"
                await _secure_leg(http, servers, tls, query, cookie, state, transcript)
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"no gateway answers ({reason}); start one with `mogate serve`") from None
    save_memory(state_file, state)
    transcript.values = state.get("values", {})
    return transcript


async def _plain_leg(
    http: aiohttp.ClientSession, servers: Servers, subscription: Subscription, transcript: Transcript
) -> str:
    headers = {
        "Host": servers.host,
        "X-MSISDN": subscription.msisdn.removeprefix("+"),
        "X-IMSI": subscription.imsi,
    }
    transcript.sent(f"GET {servers.plain_url}/", "identity headers added by the operator's gateway")
    async with http.get(servers.plain_url + "/", headers=headers) as response:
        cookies = [value.partition(";")[0] for value in response.headers.getall("Set-Cookie", [])]
        transcript.received(_status_line(response), "cookie for the TLS leg" if cookies else "no cookie")
        if response.status != 200 or not cookies:
            transcript.result = f"plain leg answered {response.status}"
            return ""
        return cookies[-1]


async def _secure_leg(
    http: aiohttp.ClientSession,
    servers: Servers,
    tls: ssl.SSLContext,
    query: str,
    cookie: str,
    state: dict[str, Any],
    transcript: Transcript,
) -> None:
    headers = {"Host": servers.host} | ({"Cookie": cookie} if cookie else {})
    proof = "cookie" if cookie else "token"
    transcript.sent(f"GET {servers.secure_url}/?vers={state.get('version', 0)}&…", f"identity proven by {proof}")
    url = f"{servers.secure_url}/?{query}"
    async with http.get(url, headers=headers, ssl=tls, server_hostname=servers.host) as response:
        body = await response.read()
        line = _status_line(response)
        if response.status == 511:
            state.pop("token", None)
        if response.status != 200 or not body:
            transcript.received(line)
            transcript.result = f"TLS leg answered {response.status}"
            return
    _apply(body, line, state, transcript)


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


def _query(subscription: Subscription, state: Mapping[str, Any], profile: str, *, with_token: bool) -> str:
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
    if with_token and state.get("token"):
        parameters["token"] = state["token"]
    return urlencode(parameters)


def _status_line(response: aiohttp.ClientResponse) -> str:
    return f"HTTP {response.status} {response.reason}"
