"""How clients prove who they are, each method whole: a simulated client against a gateway in a process of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bsf_peer
import openid_peer
import pytest
from live_gateway import Gateway, serving


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all: each client here is one of its own."""
    with serving(tmp_path_factory.mktemp("identity")) as one:
        yield one


def query(gateway: Gateway, by: str, name: str) -> dict[str, Any]:
    """One query on Wi-Fi of a client fresh from the factory, unless one of that name was there before."""
    state = str(gateway.folder / f"{name}.json")
    return dict(gateway.json("simulate", "rcc14", "--access", "wifi", "--by", by, "--state", state))


@pytest.mark.parametrize("by", ["otp", "eap", "eap-prime"])
def test_a_client_on_wifi_gets_its_document_and_then_needs_its_token_alone(gateway: Gateway, by: str) -> None:
    """A code by SMS, or the SIM by AKA and AKA'; the next query has no more steps than one (RCC.14 2.3, 2.8)."""
    first = query(gateway, by, f"wifi-{by}")
    assert (first["result"], first["facts"]["version"] > 0) == ("ok", True), first
    assert first["values"]["User/msisdn"] == "+15550100001"
    second = query(gateway, by, f"wifi-{by}")
    assert (second["result"], len(second["steps"])) == ("ok", 2), second


def test_a_sim_that_is_ahead_resynchronises(gateway: Gateway) -> None:
    """The first challenge is answered with the SIM's own number, the second is good (RFC 4187 9.6)."""
    (gateway.folder / "ahead.json").write_text(json.dumps({"sqn": 1 << 40}))
    transcript = query(gateway, "eap", "ahead")
    assert transcript["result"] == "ok", transcript
    said = [line for step in transcript["steps"] for line in step["says"]]
    assert "EAP response: out of step" in said


def test_a_sim_whose_keys_are_forgotten_is_led_to_another_method(gateway: Gateway) -> None:
    """511: the client comes back without EAP_ID, and is sent a code instead (RCC.14 2.2: 511)."""
    demo = json.loads((gateway.folder / "data" / "demo.json").read_text())["rcc14"]
    gateway.run("subscriber", "sim", "alice", "--imsi", demo["imsi"], "--forget")
    transcript = query(gateway, "eap", "forgotten")
    said = [line for step in transcript["steps"] for line in (step["line"], *step["says"])]
    assert (transcript["result"], "HTTP 511 Network Authentication Required" in said) == ("ok", True), transcript
    assert "identity proven by cookie and code" in said
    gateway.run("subscriber", "sim", "alice", "--imsi", demo["imsi"], stdin=f"{demo['k']}\n{demo['opc']}\n")
    assert query(gateway, "eap", "remembered")["result"] == "ok"
    assert demo["k"] not in gateway.log()
    assert demo["k"] not in gateway.run("subscriber", "show", "alice", "--json")


def test_the_page_completes_a_client_that_waits(gateway: Gateway) -> None:
    """A client asked for a code as text; its user enters it on the page; the client's next request is proven by the
    cookie it was given."""
    context = ssl.create_default_context(cafile=str(gateway.folder / "data" / "tls" / "ca.pem"))

    def open_url(path: str, data: bytes | None = None, **headers: str) -> Any:
        request = urllib.request.Request(
            f"https://localhost:{gateway.ports['tls']}{path}", data, {"Accept-Language": "de"} | headers
        )
        return urllib.request.urlopen(request, context=context, timeout=60)

    sms = gateway.folder / "data" / "sms.jsonl"
    before = len(sms.read_text().splitlines()) if sms.exists() else 0
    number = "+15550100002"
    with open_url(f"/?vers=0&SMS_port=0&msisdn={urllib.parse.quote(number)}") as response:
        assert response.read() == b""
        cookie = response.headers["Set-Cookie"].partition(";")[0]
    with open_url("/verify") as response:
        shown = response.read().decode()
        form_cookie = response.headers["Set-Cookie"].partition(";")[0]
    messages = [json.loads(line) for line in sms.read_text().splitlines()[before:]]
    text = next(message["text"] for message in messages if message["to"] == number)
    assert "ist Ihr Code" in text
    form = shown.partition('name="form" value="')[2].partition('"')[0]
    fields = {"form": form, "number": number, "code": text[:6]}
    with open_url("/verify", urllib.parse.urlencode(fields).encode(), Cookie=form_cookie) as response:
        shown = response.read().decode()
        form_cookie = response.headers["Set-Cookie"].partition(";")[0]
    assert f"für {number} eingerichtet werden" in shown
    fields |= {"form": shown.partition('name="form" value="')[2].partition('"')[0], "answer": "yes"}
    with open_url("/verify", urllib.parse.urlencode(fields).encode(), Cookie=form_cookie) as response:
        assert "Vielen Dank" in response.read().decode()
    with open_url("/?vers=0", Cookie=cookie) as response:
        assert number in response.read().decode()


def test_the_funnel_is_counted(gateway: Gateway) -> None:
    """What became of codes and of SIM authentications is in the metrics."""
    query(gateway, "otp", "counted")
    query(gateway, "eap", "counted-eap")
    with urllib.request.urlopen(gateway.url("admin", "/metrics"), timeout=60) as response:
        series = dict(line.rsplit(" ", 1) for line in response.read().decode().splitlines() if line[0] != "#")
    for name in (
        'mogate_otp_total{stage="sent"}',
        'mogate_otp_total{stage="verified"}',
        "mogate_otp_verify_seconds_count",
        'mogate_eap_aka_total{result="ok"}',
    ):
        assert float(series[name]) > 0


async def test_a_client_is_sent_to_the_provider_and_comes_back(tmp_path: Path) -> None:
    """Without a browser: it follows the redirects, and the provider's word on its number is what proves it (RCC.14
    2.8)."""
    gateway = Gateway(tmp_path)
    await asyncio.to_thread(gateway.run, "init", "--demo")
    (tmp_path / "data" / "openid.secret").write_text(openid_peer.CLIENT_SECRET)
    async with openid_peer.serving(tmp_path / "data" / "tls") as provider:
        gateway.environment |= {
            "MOGATE_OPENID__ISSUER": provider.issuer,
            "MOGATE_OPENID__CLIENT_ID": openid_peer.CLIENT_ID,
            "MOGATE_OPENID__SECRET": "openid.secret",
            "MOGATE_OPENID__REDIRECT_URI": gateway.url("tls", "/").replace("localhost", "127.0.0.1"),
            "MOGATE_OPENID__AUTHORITY": "tls/ca.pem",
        }
        await asyncio.to_thread(gateway.start)
        try:
            transcript = await asyncio.to_thread(query, gateway, "oidc", "sent-away")
            assert (transcript["result"], transcript["values"].get("User/msisdn")) == ("ok", "+15550100001"), transcript
            provider.error = "access_denied"
            assert (await asyncio.to_thread(query, gateway, "oidc", "denied"))["result"] == "TLS leg answered 403"
        finally:
            assert await asyncio.to_thread(gateway.stop) == 0


async def test_curl_bootstraps_as_a_phone(tmp_path: Path) -> None:
    """A Digest client that others wrote is let in with the key that the BSF knows, and with no other (TS 33.222)."""
    gateway = Gateway(tmp_path)
    await asyncio.to_thread(gateway.run, "init", "--demo")
    tls = tmp_path / "data" / "tls"
    url = f"https://localhost:{gateway.ports['tls']}/?vers=0"
    command = ["curl", "-s", "-w", "%{http_code}", "--cacert", str(tls / "ca.pem"), "-A", "UP_2.4 3gpp-gba", "--digest"]
    async with bsf_peer.serving(tls) as bsf:
        gateway.environment |= {
            "MOGATE_GBA__BSF": bsf,
            "MOGATE_GBA__NAF": "localhost",
            "MOGATE_GBA__AUTHORITY": "tls/ca.pem",
        }
        await asyncio.to_thread(gateway.start)
        try:
            for password, expected in ((bsf_peer.KEY, "200"), ("another", "401")):
                said = await asyncio.to_thread(
                    subprocess.run,
                    [*command, "-u", f"btid@bsf:{password}", url],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                assert said.stdout.endswith(expected), said.stdout[-300:]
                assert ("+15550100001" in said.stdout) == (expected == "200")
        finally:
            assert await asyncio.to_thread(gateway.stop) == 0
