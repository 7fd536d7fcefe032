"""Keys and encodings of the Redis store."""

from __future__ import annotations

import pytest

from gateway.store.redis.layout import Keys, tag

KEYS = Keys("m:")


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
