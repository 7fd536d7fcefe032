"""What was said with a device can be seen, decoded, by those who ask for it."""

from __future__ import annotations

import base64
import json

from live_gateway import Gateway


def test_a_refusal_is_shown_beside_its_command(gateway: Gateway) -> None:
    """`mogate trace` shows a session message by message, each Status with code and meaning beside its command."""
    gateway.run("simulate", "omadm")
    gateway.run("set", "alice", "ims/Timer_T2=8000")
    gateway.run("simulate", "omadm", "--wbxml", "--refuse", "./3GPP_IMS/Timer_T2=405")
    shown = gateway.run("trace", "alice.1")
    assert "Status 405 to Replace ./3GPP_IMS/Timer_T2 = 8000: command not allowed" in shown
    assert "* refused Replace ./3GPP_IMS/Timer_T2: 405 command not allowed" in shown
    assert "Status 407 to SyncHdr: missing credentials" in shown
    last = gateway.json("trace", "alice.1", "--last", "1")
    assert [message["direction"] for message in last[0]["messages"]] == ["received", "sent"]
    assert last[0]["protocol"] == "omadm-wbxml"


def test_secrets_are_not_in_the_trace(gateway: Gateway) -> None:
    """Neither nonces nor digests of a session can be read from what is kept."""
    gateway.run("simulate", "omadm")
    gateway.run("simulate", "omadm", "--wbxml")
    flash = json.loads((gateway.folder / "data" / "simulator" / "omadm.json").read_text())
    exchanges = gateway.json("trace", "alice.1", "--last", "100")
    raw = [message["raw"] for exchange in exchanges for message in exchange["messages"]]
    assert any("syncml:auth-md5" in one for one in raw)
    for name in ("client_nonce", "server_nonce"):
        assert not any(flash[name] in one for one in raw)
        assert not any(flash[name].encode().hex() in one for one in raw)
        assert not any(base64.b64decode(flash[name]).hex() in one for one in raw)


def test_rcc14_is_shown_without_cookie_and_token(gateway: Gateway) -> None:
    """Both legs of a first query stand in the trace of the device, what was decided with them; no secret does."""
    transcript = gateway.json("simulate", "rcc14")
    flash = json.loads((gateway.folder / "data" / "simulator" / "rcc14.json").read_text())
    exchanges = gateway.json("trace", "alice.2")
    assert [exchange["decisions"] for exchange in exchanges] == [["introduced"], ["full"]]
    assert [exchange["owner"] for exchange in exchanges] == ["alice", "alice.2"]
    says = exchanges[1]["messages"][1]["says"]
    assert any(one.startswith("VERS/version = 1") for one in says)
    raw = "".join(message["raw"] for exchange in exchanges for message in exchange["messages"])
    assert "Cookie: ***" in raw
    assert flash["token"]
    assert flash["token"] not in raw
    gateway.run("simulate", "rcc14")
    again = gateway.json("trace", "alice.2", "--last", "1")[0]
    assert "token=***" in again["messages"][0]["raw"]
    assert flash["token"] not in again["messages"][0]["raw"]
    assert transcript["result"] == "ok"


def test_a_trace_is_armed_for_a_while(gateway: Gateway) -> None:
    """Arming says until when, 0 ends it, and both are in the event log."""
    assert gateway.json("trace", "alice.1", "--arm", "30")["traced_until"]
    assert gateway.run("trace", "alice.1", "--arm", "0").strip() == "no longer traced in full"
    assert gateway.run("trace", "alice.1").startswith("nothing was traced")
