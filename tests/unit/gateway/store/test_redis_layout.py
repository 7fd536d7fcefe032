"""Keys and encodings of the Redis store."""

from __future__ import annotations

import pytest

from gateway.store.redis.layout import Keys, tag
from gateway.store.redis.servers import slot

KEYS = Keys("m:")


def test_the_slot_is_that_of_the_hash_tag() -> None:
    """CRC16 (XMODEM) of what is between the first braces, modulo 16384.

    Spec: Redis cluster specification, appendix A: CRC16("123456789") is 0x31C3
    """
    assert slot("m:h{123456789}") == 0x31C3 % 16384 == 12739
    assert slot("m:x{123456789}1") == 12739


@pytest.mark.parametrize("subscriber_id", ["alice", "", "a.b", "a}b", "{", "}", "%7D", "a\nb", "é📱"])
def test_all_of_a_subscriber_has_one_hash_tag(subscriber_id: str) -> None:
    """Whatever is in the id, braces and line ends too; and no other id has the same keys."""
    device_id = f"{subscriber_id}.1"
    names = [
        KEYS.home(subscriber_id).key,
        KEYS.mirror(device_id).key,
        KEYS.session(device_id).key,
        KEYS.pending(device_id).key,
        KEYS.final(device_id, "o").key,
    ]
    assert len({tag(name) for name in names}) == 1
    assert len(set(names)) == len(names)
    assert "\n" not in tag(names[0])
    others = {"alice", "", "a.b", "a}b", "{", "}", "%7D", "a\nb", "é📱"} - {subscriber_id}
    assert KEYS.home(subscriber_id) not in {KEYS.home(other) for other in others}
