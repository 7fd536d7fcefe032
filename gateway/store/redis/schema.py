"""Raising the schema of a store that older gateways may still be at work on.

A gateway that finds a store of the schema before its own goes on writing so that gateways of that one can read it.
Housekeeping looks whether one of them is connected; when none is, the index is made anew and the schema raised.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Sequence

from redis.exceptions import ResponseError

from gateway.store.protocol import Household
from gateway.store.redis import scripts
from gateway.store.redis.kinds import former_kinds_of, kinds_of
from gateway.store.redis.layout import SCHEMA_VERSION, Home, Keys, Place
from gateway.store.redis.servers import Errand, Servers

_GATEWAY = re.compile(rb" name=mogate(?:-(\d+))? ").search
"""How connections of gateways are called: up to schema 2 by no more than the name."""


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


async def raise_schema(servers: Servers, keys: Keys, pages: AsyncIterable[Sequence[Household]]) -> None:
    """Let every household be found by what it is, as in a store of an older gateway it is not; then say so.

    One too many harms nothing: what is found is looked at.

    Raises: Unavailable.
    """
    async for page in pages:
        changes: dict[tuple[scripts.Script, str], list[str | bytes]] = {}
        for subscriber, devices in page:
            ids = keys.ids(subscriber.id)
            home = Home(subscriber, tuple(map(Place, devices)))
            for script, kinds in ((scripts.JOIN, kinds_of(home)), (scripts.LEAVE, former_kinds_of(home))):
                for kind in kinds:
                    words = changes.setdefault((script, keys.kinds(ids)), [])
                    words += (kind, keys.of_kind(ids, kind), subscriber.id)
        await servers.run(
            [
                Errand(table, scripts.call(script, [table], *words), write=True)
                for (script, table), words in changes.items()
            ]
        )
    await servers.run([Errand(keys.schema, ("SET", keys.schema, SCHEMA_VERSION), write=True)])
