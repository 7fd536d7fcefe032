"""Package 0 against octets and digests computed elsewhere."""

import tomllib
from pathlib import Path

import pytest
from tshark import dissect

from adapters.omadm.notification import (
    RESYNC_NONCES,
    Initiator,
    Notification,
    UiMode,
    decode_notification,
    encode_notification,
    is_authentic,
    push,
)
from adapters.sms.pdu import decode_parts, encode_parts
from adapters.sms.wsp import decode_push, encode_push
from gateway.errors import DecodeError, LimitExceeded
from gateway.fleet.device import account_digest

VECTORS = tomllib.loads((Path(__file__).parents[3] / "vectors" / "push" / "notifications.toml").read_text())
DIGEST = account_digest(VECTORS["server_id"], VECTORS["password"])
NONCE = bytes.fromhex(VECTORS["nonce"])
GIVEN = Notification(VECTORS["session_id"], VECTORS["server_id"], UiMode.BACKGROUND)
OCTETS = encode_notification(GIVEN, DIGEST, NONCE)


@pytest.mark.parametrize("vector", VECTORS["notification"], ids=lambda vector: vector["digest"][:8])
def test_vectors(vector: dict[str, str]) -> None:
    """Digest and trigger, for either version and with the nonces that resynchronise. Spec: DM_Notification-V1_2 6"""
    expected = bytes.fromhex(vector["digest"] + vector["trigger"])
    given = GIVEN._replace(version=int(vector["version"]))
    nonce = bytes.fromhex(vector["nonce"])
    assert encode_notification(given, DIGEST, nonce) == expected
    assert decode_notification(expected) == given
    assert is_authentic(expected, DIGEST, nonce)


def test_resynchronisation_nonces() -> None:
    """Both readings of 0x00000000 are there."""
    assert set(RESYNC_NONCES.values()) == {bytes.fromhex(one["nonce"]) for one in VECTORS["notification"][2:]}


def test_the_short_message() -> None:
    """Port 2948 from 9200, a push to syncml.dm, the notification. Spec: OMA-TS-DM_Notification-V1_2 7"""
    expected = bytes.fromhex(VECTORS["short_message"])
    assert encode_parts(encode_push(push(OCTETS)), reference=1) == (expected,)
    assert decode_push(decode_parts([expected]).payload) == push(OCTETS)


def test_tshark_reads_the_short_message() -> None:
    """An independent dissector sees what a phone's push port must."""
    found = dissect([bytes.fromhex(VECTORS["short_message"])])
    assert "Content-Type: application/vnd.syncml.notification" in found
    assert "X-Wap-Application-Id: x-wap-application:syncml.dm" in found
    assert "Media type: application/vnd.syncml.notification (39 bytes)" in found


@pytest.mark.parametrize(
    "given",
    [
        Notification(1, "x"),
        Notification(0xFFFF, "é" * 127, UiMode.USER_INTERACTION, Initiator.USER, 1023, (1 << 27) - 1, b"\0vendor"),
    ],
)
def test_every_field_comes_back(given: Notification) -> None:
    """The narrowest and the widest values."""
    assert decode_notification(encode_notification(given, DIGEST, NONCE)) == given


@pytest.mark.parametrize("at", range(len(OCTETS)))
def test_any_change_is_noticed(at: int) -> None:
    """Not one octet, the digest's or the trigger's, can be another."""
    changed = bytearray(OCTETS)
    changed[at] ^= 1
    assert not is_authentic(bytes(changed), DIGEST, NONCE)


def test_the_credentials_and_the_nonce_count() -> None:
    """Another password, server or nonce gives another digest."""
    assert is_authentic(OCTETS, DIGEST, NONCE)
    assert not is_authentic(OCTETS, account_digest(VECTORS["server_id"], "other"), NONCE)
    assert not is_authentic(OCTETS, account_digest("other", VECTORS["password"]), NONCE)
    assert not is_authentic(OCTETS, DIGEST, NONCE[:-1])


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"", "within its header"),
        (OCTETS[:24], "within its header"),
        (OCTETS[:-1], "server id of 15 octets in 14"),
        (OCTETS[:23] + b"\0abc", "server id of 0 octets"),
        (OCTETS[:23] + b"\1\xff", "not UTF-8"),
    ],
)
def test_bad_notifications(octets: bytes, says: str) -> None:
    """What is too short or names no server is refused."""
    with pytest.raises(DecodeError, match=says):
        decode_notification(octets)


def test_a_notification_is_small() -> None:
    """1024 octets are more than any bearer of it has."""
    with pytest.raises(LimitExceeded):
        decode_notification(OCTETS + bytes(1024))


@pytest.mark.parametrize(
    "fields",
    [
        {"session_id": 0}, {"session_id": 1 << 16}, {"version": 1 << 10}, {"server_id": ""}, {"server_id": "x" * 256},
        {"future_use": 1 << 27},
    ],
)  # fmt: skip
def test_fields_have_widths(fields: dict[str, object]) -> None:
    """A value that does not fit is not cut."""
    with pytest.raises(ValueError, match="is"):
        encode_notification(GIVEN._replace(**fields), DIGEST, NONCE)
