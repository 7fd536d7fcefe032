"""The phone that is notified, against a notification whose digest was computed elsewhere."""

import base64
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.simulator.memory import load_memory, save_memory
from adapters.simulator.package0 import receive_notification
from adapters.sms.pdu import encode_parts
from adapters.sms.wsp import Push, encode_push
from gateway.errors import DecodeError

VECTORS = tomllib.loads((Path(__file__).parents[3] / "vectors" / "push" / "notifications.toml").read_text())
TYPE = "application/vnd.syncml.notification"


@dataclass
class Account:
    server_id: str = VECTORS["server_id"]
    server_password: str = VECTORS["password"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A phone that knows the server's nonce."""
    save_memory(tmp_path / "phone.json", {"server_nonce": base64.b64encode(bytes.fromhex(VECTORS["nonce"])).decode()})
    return tmp_path / "phone.json"


def messages(vector: dict[str, str]) -> tuple[bytes, ...]:
    octets = bytes.fromhex(vector["digest"] + vector["trigger"])
    return encode_parts(encode_push(Push(TYPE, octets)), reference=1)


def test_what_is_believed(state: Path) -> None:
    """The session it starts has the id of the notification, as a hexadecimal number."""
    made = receive_notification([bytes.fromhex(VECTORS["short_message"])], Account(), state)
    assert (made.result, made.facts) == ("ok", {"session_id": "1A2B", "resynchronises": False})
    assert made.steps[-1].says == ("version 1.1, ui mode background", "initiator server, SessionID 1A2B")


@pytest.mark.parametrize("number", [2, 3])
def test_nonces_that_got_lost(state: Path, tmp_path: Path, number: int) -> None:
    """The special nonce is tried after the phone's own, in both of its readings, and the phone answers with it.

    Spec: OMA-TS-DM_Notification-V1_2 6.2
    """
    for file in (state, tmp_path / "new.json"):
        made = receive_notification(messages(VECTORS["notification"][number]), Account(), file)
        assert (made.result, made.facts["resynchronises"]) == ("ok", True)
        zeros = base64.b64encode([bytes(4), b"0x00000000"][number - 2]).decode()
        assert load_memory(file) == {"client_nonce": zeros}


@pytest.mark.parametrize(
    ("number", "account", "says"),
    [
        (0, Account(server_password="other"), "the digest is wrong"),
        (0, Account(server_id="other"), "no account of mdm.example.org"),
        (1, Account(), "version 1.2"),
    ],
)
def test_what_is_ignored(state: Path, number: int, account: Account, says: str) -> None:
    """A notification of somebody else's, or of a version that a strict phone does not know, starts nothing."""
    made = receive_notification(messages(VECTORS["notification"][number]), account, state)
    assert made.result == f"ignored: {says}"
    assert "session_id" not in made.facts


def test_a_phone_without_the_nonce_ignores(tmp_path: Path) -> None:
    """A digest made with a nonce that the phone never had proves nothing."""
    made = receive_notification([bytes.fromhex(VECTORS["short_message"])], Account(), tmp_path / "new.json")
    assert made.result == "ignored: the digest is wrong"


@pytest.mark.parametrize("body", [b"", bytes(24), bytes(23) + b"\xff" + bytes(20)])
def test_what_is_no_notification(state: Path, body: bytes) -> None:
    """Octets that are too short are refused."""
    with pytest.raises(DecodeError, match="is no notification"):
        receive_notification(encode_parts(encode_push(Push(TYPE, body)), reference=1), Account(), state)
