"""The last step of a search in any store: of households that may be searched for, those that are."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.fleet.search import Search
from gateway.store.protocol import Household, Store


async def narrow(
    store: Store, search: Search, households: Sequence[Household], *, marks: bool = False
) -> list[Household]:
    """The households with those of their devices that are searched for; those without any are left out.

    With ``marks`` the last one of them is there when none has any.

    Raises: Unavailable.
    """
    ids = [device.id for _, devices in households for device in devices] if search.asks_when_seen else []
    seen = await store.load_last_seen(ids) if ids else {}
    narrowed = []
    for subscriber, devices in households:
        found = tuple(one for one in devices if search.finds(subscriber, one, seen.get(one.id)))
        if found:
            narrowed.append(Household(subscriber, found))
    return narrowed or ([Household(households[-1].subscriber, ())] if marks and households else [])
