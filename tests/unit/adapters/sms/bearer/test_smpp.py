"""Short messages over SMPP, with an SMSC in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from live_gateway import free_ports
from msgspec.structs import replace
from pydantic import SecretStr
from relay import Relay
from smsc import THREE, Smsc, serving

from adapters.sms.bearer.smpp import SmppBearer, format_validity
from adapters.sms.message import ShortMessage, submission
from gateway.errors import ConfigError, Rejected, Throttled, Unavailable
from gateway.fleet.push import OCTETS, Fate, Receipt, Submission
from gateway.observe import metrics
from gateway.serving.demo_tls import ensure_demo_certificates
from gateway.settings import Address, SmppLink

PUSH = Submission("+15550100123", OCTETS, bytes.fromhex("0605040B8423F0"), bytes.fromhex("0106"))


def link(port: int, **changes: object) -> SmppLink:
    given: dict[str, object] = {
        "name": "one", "address": Address(host="127.0.0.1", port=port), "system_id": "mogate",
        "password": SecretStr("pw-31337"), "bind_seconds": 5, "response_seconds": 30,
    } | changes  # fmt: skip
    return SmppLink.model_validate(given)


@contextlib.asynccontextmanager
async def bearing(*links: SmppLink, sender: str = "MOGate") -> AsyncIterator[SmppBearer]:
    bearer = SmppBearer(links, sender=sender)
    bearer.start()
    try:
        yield bearer
    finally:
        await bearer.close()


def gauge(name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_octets_arrive_as_a_push() -> None:
    """With the UDH indicator, 8 bit coding, an international number and a name as sender; then comes the receipt.

    SMPP 3.4 4.4.1, 5.2.12, 5.2.19
    """
    (port,) = free_ports(1)
    heard: asyncio.Queue[Receipt] = asyncio.Queue()
    with serving(port) as smsc:
        async with bearing(link(port)) as bearer:
            bearer.hear = heard.put_nowait
            name = await bearer.send(PUSH, 3600, receipt=True)
            assert gauge("mogate_smpp_bound", link="one") == 1
            taken = await asyncio.to_thread(smsc.message)
            receipts = [await asyncio.wait_for(heard.get(), 30) for _ in range(2)]
    assert taken == {
        "destination_addr": "15550100123", "dest_addr_ton": 1, "dest_addr_npi": 1,
        "source_addr": "MOGate", "source_addr_ton": 5, "source_addr_npi": 0,
        "esm_class": 0x40, "data_coding": 4, "registered_delivery": 1, "protocol_id": 0,
        "message": "0605040b8423f00106",
    }  # fmt: skip
    assert receipts[1] == Receipt(name, Fate.DELIVERED, "DELIVRD")
    assert receipts[0].message_id != name
    assert gauge("mogate_smpp_bound", link="one") == 0
    assert gauge("mogate_smpp_window_used") == 0


def test_a_process_ends_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing that the library would still say of a session that waits for receipts finds the event loop closed."""
    (port,) = free_ports(1)

    async def process() -> None:
        heard: asyncio.Queue[Receipt] = asyncio.Queue()
        async with bearing(link(port)) as bearer:
            bearer.hear = heard.put_nowait
            await bearer.send(PUSH, 3600, receipt=True)
            for _ in range(2):
                await asyncio.wait_for(heard.get(), 30)

    with serving(port):
        for _ in range(2):  # by the second one the library has said what it had to of the first
            asyncio.run(process())
            gc.collect()
    assert "Event loop is closed" not in capfd.readouterr().err


async def test_text_for_people_has_no_header() -> None:
    """The 7 bit alphabet goes one septet to an octet, without receipt unless it is wanted."""
    (port,) = free_ports(1)
    with serving(port) as smsc:
        async with bearing(link(port), sender="+15550100") as bearer:
            await bearer.send(submission(ShortMessage("+15550100123", "Code 1 €")), 600)
            taken = await asyncio.to_thread(smsc.message)
    assert (taken["message"], taken["data_coding"], taken["esm_class"]) == ("436f64652031201b65", 0, 0)
    assert (taken["registered_delivery"], taken["source_addr"], taken["source_addr_ton"]) == (0, "15550100", 1)


async def test_too_much_is_said_apart_from_never() -> None:
    """ESME_RTHROTTLED and ESME_RMSGQFUL ask for another time; a wrong address is refused for good. SMPP 3.4 5.1.3"""
    throttling, refusing = free_ports(2)
    with serving(throttling, "throttle"), serving(refusing, "refuse"):
        async with bearing(link(throttling)) as bearer:
            for word in ("RTHROTTLED", "RMSGQFUL"):
                with pytest.raises(Throttled, match=word):
                    await bearer.send(PUSH, 600)
            await bearer.send(PUSH, 600)
        async with bearing(link(refusing)) as bearer:
            with pytest.raises(Rejected, match="RINVDSTADR"):
                await bearer.send(PUSH, 600)


async def test_no_more_than_the_window_waits_for_an_answer() -> None:
    """Of many messages at once an SMSC never has more to answer than the window, and gets all of them."""
    (port,) = free_ports(1)
    with serving(port, "three") as smsc:
        async with bearing(link(port, window=THREE)) as bearer:
            texts = [f"message {number}".encode() for number in range(3 * THREE)]
            names = await asyncio.gather(*(bearer.send(replace(PUSH, body=text), 600) for text in texts))
            said = [await asyncio.to_thread(smsc.message) for _ in range(4 * THREE)]
    assert [one["waiting"] for one in said if "waiting" in one] == [THREE] * 3
    header = PUSH.header
    assert sorted(one["message"] for one in said if "message" in one) == sorted((header + text).hex() for text in texts)
    assert len(set(names)) == len(texts)


async def test_a_lost_connection_is_said_to_all_that_wait_and_bound_anew() -> None:
    """Every message in the window is told, none hangs; when the SMSC is back, the next one goes."""
    (port,) = free_ports(1)
    smsc = Smsc(port, "hold")
    async with bearing(link(port, window=3, bind_seconds=30)) as bearer:
        waiting = [asyncio.ensure_future(bearer.send(PUSH, 600)) for _ in range(5)]
        for _ in range(3):
            await asyncio.to_thread(smsc.message)
        assert gauge("mogate_smpp_window_used") == 3
        smsc.kill()
        ends = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
        assert all(isinstance(end, Unavailable) for end in ends), ends
        with serving(port) as back:
            await bearer.send(PUSH, 600)
            assert (await asyncio.to_thread(back.message))["message"] == "0605040b8423f00106"


async def test_a_session_that_does_not_answer_is_bound_anew() -> None:
    """An SMSC that keeps a message to itself costs that message's wait and no more."""
    (port,) = free_ports(1)
    with serving(port, "hold"):
        async with bearing(link(port, response_seconds=0.3)) as bearer:
            for _ in range(2):
                with pytest.raises(Unavailable, match="no answer"):
                    await bearer.send(PUSH, 600)


async def test_an_smsc_out_of_reach_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """With the link and the reason; the password is in no word of it."""
    (port,) = free_ports(1)
    async with bearing(link(port, bind_seconds=0.5)) as bearer:
        with pytest.raises(Unavailable, match=r"one: .*refused") as raised:
            await bearer.send(PUSH, 600)
    said = capsys.readouterr()
    assert "pw-31337" not in str(raised.value) + said.out + said.err


async def test_a_refused_bind_is_tried_again() -> None:
    """ESME_RINVPASWD to every bind: nothing is sent, and the link goes on asking at intervals. SMPP 3.4 4.1.2"""
    binds, again = 0, asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal binds
        request = await reader.read(1024)
        binds += 1
        if binds == 2:
            again.set()
        writer.write(bytes.fromhex("00000011800000090000000E") + request[12:16] + b"\0")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server, bearing(link(server.sockets[0].getsockname()[1], bind_seconds=1)) as bearer:
        with pytest.raises(Unavailable, match="no SMPP link is bound: one"):
            await bearer.send(PUSH, 600)
        await asyncio.wait_for(again.wait(), 30)


async def test_links_share_the_load() -> None:
    """Of links on which as many wait, the one goes first that had fewer messages."""
    first, second = free_ports(2)
    with serving(first) as one, serving(second) as other:
        async with bearing(link(first), link(second, name="two")) as bearer:
            for _ in range(50):
                await bearer.send(PUSH, 600)
        assert one.message() == other.message()


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_tls_ends_at_an_smsc_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    """A link with ``tls`` binds and sends where an authority that the system trusts stands for the SMSC, else never."""
    for name in ("here", "elsewhere"):
        ensure_demo_certificates(tmp_path / name, ("localhost",), datetime.now(UTC))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / ("here" if is_trusted else "elsewhere") / "ca.pem"))
    (port,) = free_ports(1)
    with serving(port) as smsc:
        relay = Relay(port, tmp_path / "here" / "server.pem")
        one = link(port, address=Address(host="localhost", port=relay.port), tls=True)
        async with bearing(one) as bearer:
            if is_trusted:
                await bearer.send(PUSH, 3600, receipt=False)
                assert (await asyncio.to_thread(smsc.message))["message"].endswith("0106")
            else:
                with pytest.raises(Unavailable, match="certificate"):
                    await bearer.send(PUSH, 3600, receipt=False)
        relay.end()


async def test_a_bearer_needs_a_link_that_sends() -> None:
    """One that only takes receipts is none."""
    with pytest.raises(ConfigError, match=r"sms\.smpp"):
        SmppBearer([link(1, bind="rx")], sender="")


@pytest.mark.parametrize(
    ("seconds", "text"), [(600, "000000001000000R"), (86_400, "000001000000000R"), (3661, "000000010101000R")]
)
def test_a_relative_time(seconds: int, text: str) -> None:
    """YYMMDDhhmmss, no tenths, no quarter hours, R. SMPP 3.4 7.1.1.2"""
    assert format_validity(seconds) == text
