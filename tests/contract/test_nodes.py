"""Processes that serve from one store: each is shown while it is there, whatever the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from gateway.nodes import GONE_AFTER, KIND, Nodes, this_process
from gateway.store.protocol import Store

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def test_processes_are_there_until_they_leave_or_fall_silent(store: Store) -> None:
    """Listed by host and worker; one that leaves is gone at once, one that was killed after two minutes, for all."""
    clock = [NOW]
    me = this_process(None, NOW)
    others = [
        Nodes(store, replace(me, id=f"n{worker}", host="a-host", worker=worker), lambda: clock[0]) for worker in (2, 1)
    ]
    nodes = Nodes(store, replace(me, host="b-host"), lambda: clock[0])
    for one in (nodes, *others):
        await one.tell()
    assert [(one.host, one.worker) for one in await nodes.list()] == [("a-host", 1), ("a-host", 2), ("b-host", None)]
    clock[0] += GONE_AFTER - timedelta(seconds=1)
    await nodes.tell()
    await nodes.tell()
    assert (await others[0].list())[-1] == replace(me, host="b-host", told_at=clock[0])
    await others[0].leave()
    await others[0].leave()
    assert [(one.host, one.worker) for one in await nodes.list()] == [("a-host", 1), ("b-host", None)]
    clock[0] += timedelta(seconds=2)
    assert [one.host for one in await nodes.list()] == ["b-host"]
    await nodes.tell()
    assert [record.id for record in await store.load_records(KIND)] == [me.id]
