"""Servers beside the gateway that are killed, the SMSC and the AAA server: what waits for them and what does not, and
that nothing is lost or sent twice."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aka_peers import SECRET, Centre, free_udp_port, hostapd
from fault_scene import QUERY, Devices
from live_gateway import Gateway, free_ports
from smsc import Smsc

from adapters.aka.milenage import Milenage
from adapters.aka.packet import Code, Packet, Subtype, decode_packet, encode_packet
from gateway.datadir import Demo

EAP_RELAY = "application/vnd.gsma.eap-relay.v1.0+json"


@contextlib.asynccontextmanager
async def at_work(gateway: Gateway) -> AsyncIterator[Devices]:
    """The gateway, while phones whose number the packet core tells call it. They are all served, whatever happens."""
    await asyncio.to_thread(gateway.start)
    devices = Devices(gateway)
    calls = [asyncio.create_task(devices.call()) for _ in range(2)]
    try:
        await devices.succeed()
        yield devices
        await devices.succeed()
        assert {status for status, _ in devices.seen} == {200}
        assert '"event":"unhandled' not in gateway.log()
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.to_thread(gateway.stop)


async def test_an_aaa_server_that_is_killed(tmp_path: Path) -> None:
    """A client with nothing but its SIM gets 503 with Retry-After, in the middle of its proof too, and success when the
    server is back."""
    gateway, port = Gateway(tmp_path), free_udp_port()
    await asyncio.to_thread(gateway.run, "init", "--demo")
    (tmp_path / "data" / "aaa.secret").write_bytes(SECRET)
    gateway.environment |= {
        "MOGATE_SMS__BEARER": "none",
        "MOGATE_EAP_AKA__SERVER": "radius",
        "MOGATE_EAP_AKA__TRIES": "2",
        "MOGATE_EAP_AKA__RETRY_SECONDS": "0.5",
        "MOGATE_AAA": json.dumps([{"address": f"127.0.0.1:{port}", "secret": "aaa.secret"}]),
    }
    sim = msgspec.json.decode((tmp_path / "data" / "demo.json").read_bytes(), type=Demo).rcc14
    centre = Centre(sim.imsi, Milenage(bytes.fromhex(sim.k), bytes.fromhex(sim.opc)))
    asking = {
        **QUERY, "IMSI": sim.imsi, "IMEI": sim.imei,
        "EAP_ID": f"0{sim.imsi}@nai.epc.mnc001.mcc001.3gppnetwork.org",
    }  # fmt: skip
    url = gateway.url("tls", "/")

    def authenticate(name: str) -> None:
        state = str(tmp_path / f"{name}.json")
        done: dict[str, Any] = gateway.json("simulate", "rcc14", "--access", "wifi", "--by", "eap", "--state", state)
        assert (done["result"], done["values"]["User/msisdn"]) == ("ok", sim.msisdn), done

    async with (
        at_work(gateway),
        aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), connector=aiohttp.TCPConnector(ssl=False)
        ) as http,
    ):
        async with hostapd(tmp_path, centre, port):
            await asyncio.to_thread(authenticate, "before")
            async with http.get(url, params=asking) as answer:
                assert answer.status == 200
                relayed = base64.b64decode((await answer.json(content_type=None))["eap-relay-packet"])
        asked = decode_packet(relayed)
        response = encode_packet(Packet(Code.RESPONSE, asked.identifier, asked.type, Subtype.NOTIFICATION))
        body = json.dumps({"eap-relay-packet": base64.b64encode(response).decode()})
        async with http.post(url, data=body, headers={"Content-Type": EAP_RELAY}) as answer:
            assert (answer.status, "Retry-After" in answer.headers) == (503, True)
        http.cookie_jar.clear()
        async with http.get(url, params=asking) as answer:
            assert (answer.status, "Retry-After" in answer.headers) == (503, True)
        async with hostapd(tmp_path, centre, port):
            await asyncio.to_thread(authenticate, "after")
    assert '"event":"aaa_unreachable"' in gateway.log()


async def test_an_smsc_that_is_killed_with_a_message_in_hand(tmp_path: Path) -> None:
    """What it had answered for is not sent again. What it took without an answer is, with the same octets, and what
    was ordered meanwhile goes too, once."""
    gateway, (port,) = Gateway(tmp_path), free_ports(1)
    (tmp_path / "smsc.password").write_text("pw-31337")
    link = {
        "name": "one", "address": f"127.0.0.1:{port}", "system_id": "mogate",
        "password_file": str(tmp_path / "smsc.password"), "bind_seconds": 2,
    }  # fmt: skip
    gateway.environment |= {
        "MOGATE_SMS__BEARER": "smpp", "MOGATE_SMS__SMPP": json.dumps([link]),
        "MOGATE_SMS__RETRY_SECONDS": "0.2", "MOGATE_SMS__MAX_RETRY_SECONDS": "0.5",
    }  # fmt: skip

    def order(*push: str) -> str:
        made: dict[str, Any] = gateway.json("push", *push)
        return str(made["id"])

    def wait_for(push: str, state: str) -> None:
        gateway.until(lambda: gateway.api("GET", f"/pushes/{push}")["state"] == state)

    def run() -> None:
        smsc = Smsc(port)
        try:
            wait_for(order("notify", "alice.1"), "delivered")
        finally:
            smsc.kill()
        (first,) = smsc.rest()
        smsc = Smsc(port, "hold")
        try:
            held = order("rcscfg", "alice")
            in_hand = smsc.message()
        finally:
            smsc.kill()
        wait_for(held, "waiting")
        meanwhile = order("rcscfg", "bob")
        wait_for(meanwhile, "waiting")
        smsc = Smsc(port)
        try:
            for push in (held, meanwhile):
                wait_for(push, "delivered")
        finally:
            smsc.kill()
        taken = smsc.rest()
        assert sorted(one["destination_addr"] for one in taken) == ["15550100001", "15550100002"]
        assert in_hand in taken
        assert first not in taken

    await asyncio.to_thread(gateway.run, "init", "--demo")
    async with at_work(gateway):
        await asyncio.to_thread(run)
