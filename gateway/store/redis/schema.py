"""Raising the schema of a store that older gateways may still be at work on.

A gateway that finds a store of the schema before its own goes on writing so that gateways of that one can read it.
Housekeeping looks whether one of them is connected; when none is, the schema is raised. A store whose index is of an
older kind gets a new one before that.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Sequence

from redis.exceptions import ResponseError

from gateway.store.protocol import AHEAD, Household
from gateway.store.redis import scripts
from gateway.store.redis.kinds import SEEN, Entry, entries_of, former_entries_of
from gateway.store.redis.layout import SCHEMA_VERSION, Keys
from gateway.store.redis.packing import Home, Place
from gateway.store.redis.servers import Errand, Servers
from gateway.store.times import span_to_integer

_GATEWAY = re.compile(rb" name=mogate(?:-(\d+))? ").search
"""How connections of gateways are called: up to schema 2 by no more than the name."""
_INDEXED = 5
"""The schema since which the index is as it is now."""


async def is_older_connected(servers: Servers) -> bool:
    """Whether a gateway is at work that knows no schema as new as ours; True where that cannot be told.

    Raises: Unavailable.
    """
    try:
        lists = [await link.request(("CLIENT", "LIST")) for link in await servers.links()]
    except ResponseError:
        return True
    gateways = [found for clients in lists for line in clients.splitlines() if (found := _GATEWAY(line))]
    return any(int(found[1] or 0) < SCHEMA_VERSION for found in gateways)


async def raise_schema(servers: Servers, keys: Keys, before: int, pages: AsyncIterable[Sequence[Household]]) -> None:
    """Let every household be found by what it is, as before schema 5 it is not; then say so.

    One too many harms nothing: what is found is looked at.

    Raises: Unavailable.
    """
    if before < _INDEXED:
        async for page in pages:
            await _index(servers, keys, page)
            await _move_sights(servers, keys, [device.id for _, devices in page for device in devices])
    await servers.run([Errand(keys.schema, ("SET", keys.schema, SCHEMA_VERSION), write=True)])


async def _index(servers: Servers, keys: Keys, page: Sequence[Household]) -> None:
    changes: dict[tuple[scripts.Script, str], list[str | bytes]] = {}
    for subscriber, devices in page:
        ids = keys.ids(subscriber.id)
        home = Home(subscriber, tuple(map(Place, devices)))
        wanted = [*entries_of(home), *(Entry(SEEN, device.id.encode()) for device in devices)]
        for script, entries in ((scripts.JOIN, wanted), (scripts.LEAVE, former_entries_of(home))):
            for kind, member in entries:
                words = changes.setdefault((script, keys.kinds(ids)), [])
                words += (kind, keys.of_kind(ids, kind), member)
    await servers.run(
        [Errand(table, scripts.call(script, [table], *words), write=True) for (script, table), words in changes.items()]
    )


async def _move_sights(servers: Servers, keys: Keys, device_ids: Sequence[str]) -> None:
    """Keep with the index when devices were last seen."""
    former = list(map(keys.former_seen, device_ids))
    times = await servers.run([Errand(key, ("HGET", key, field)) for key, field in former])
    seen = [(device_id, at) for device_id, at in zip(device_ids, times, strict=True) if at is not None]
    ahead = span_to_integer(AHEAD)
    touches = []
    for device_id, at in seen:
        ids = keys.ids(device_id.rpartition(".")[0])
        words = (SEEN, keys.of_kind(ids, SEEN), ahead, device_id, at)
        touches.append(Errand(ids, scripts.call(scripts.TOUCH, [keys.kinds(ids)], *words)))
    await servers.run(touches)
    gone = [keys.former_seen(device_id) for device_id, _ in seen]
    await servers.run([Errand(key, ("HDEL", key, field)) for key, field in gone])
