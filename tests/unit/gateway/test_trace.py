"""Which exchanges are kept, and how many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from msgspec.structs import replace

from gateway.fleet.device import Device
from gateway.settings import Trace
from gateway.store.protocol import TraceEntry
from gateway.store.sqlite import SqliteStore
from gateway.trace import STRANGERS_KEEP, Tracer, is_armed

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
QUIET = Device(id="a.1")
ARMED = Device(id="a.2", traced_until=NOW + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [("all", "quiet failed armed"), ("failed", "failed armed"), ("armed", "armed"), ("off", "")],
)
async def test_the_mode_says_what_is_kept(store: SqliteStore, mode: str, wanted: str) -> None:
    """``off`` keeps nothing; any other keeps what is said with an armed device, until its time is over."""
    tracer = Tracer(store, Trace.model_validate({"mode": mode}))
    assert tracer.wants(failed=False, armed=is_armed(QUIET, NOW)) == ("quiet" in wanted)
    assert tracer.wants(failed=True, armed=is_armed(QUIET, NOW)) == ("failed" in wanted)
    assert tracer.wants(failed=False, armed=is_armed(ARMED, NOW)) == ("armed" in wanted)
    assert not is_armed(ARMED, NOW + timedelta(minutes=5))


async def test_a_second_takes_up_no_more_than_its_share(store: SqliteStore) -> None:
    """Strangers have an eighth of the room, armed devices a quarter of their own; the next second starts afresh."""
    tracer = Tracer(store, Trace(max_bytes=800, keep_messages=100))

    def note(device: Device, count: int, at: datetime, *, proven: bool = True) -> None:
        for _ in range(count):
            entry = TraceEntry(owner=device.id, at=at, protocol="p", request=b"x" * 50, proven=proven)
            tracer.note(at, 50, partial(replace, entry), proven=proven, armed=device is ARMED)

    note(QUIET, 20, NOW)
    note(QUIET, 20, NOW, proven=False)
    note(ARMED, 20, NOW)
    entries = await store.load_trace(["a.1"], 100, NOW)
    assert [entry.proven for entry in entries] == [True] * 10 + [False] * 2
    assert len(await store.load_trace(["a.2"], 100, NOW)) == 4
    note(QUIET, 1, NOW + timedelta(seconds=1))
    assert len(await store.load_trace(["a.1"], 100, NOW)) == 13


async def test_strangers_have_a_small_trace_of_their_own(store: SqliteStore) -> None:
    """However often somebody claims to be a device, what was said with the device itself stays."""
    tracer = Tracer(store, Trace(keep_messages=10))
    for number in range(40):
        entry = TraceEntry(owner="a.1", at=NOW, protocol="p", request=b"%d" % number, proven=number < 7)
        tracer.note(NOW, 10, partial(replace, entry), proven=entry.proven, armed=False)
    entries = await store.load_trace(["a.1"], 100, NOW)
    assert [entry.request for entry in entries if entry.proven] == [b"2", b"3", b"4", b"5", b"6"]
    assert sum(not entry.proven for entry in entries) == STRANGERS_KEEP
