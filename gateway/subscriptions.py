"""What changes in a subscription: another plan, number or SIM. The devices stay, and so does what is set for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from gateway.errors import Conflict
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory
from gateway.store.protocol import Append, Event, PutSubscriber, Store

FIELDS = ("imsis", "msisdn", "tenant", "plan", "groups", "attributes")


class Change(NamedTuple):
    """What is to be another; None leaves it as it is. An attribute with None is taken back, others stay."""

    imsis: Sequence[str] | None = None
    msisdn: str | None = None
    tenant: str | None = None
    plan: str | None = None
    groups: Sequence[str] | None = None
    attributes: Mapping[str, str | None] = {}


class Subscriptions:
    """Changes subscriptions; ``clock`` gives aware UTC times."""

    def __init__(self, store: Store, inventory: Inventory, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._inventory = inventory
        self._clock = clock

    async def change(self, reference: str, change: Change) -> None:
        """Change one subscription. What is so already changes nothing and no version.

        Raises: NotFound, Conflict when an IMSI or the MSISDN is another's, ConfigError for a change that makes values
        of a device break a rule over several nodes.
        """
        try:
            await self._attempt(reference, change)
        except Conflict:
            await self._attempt(reference, change)

    async def _attempt(self, reference: str, change: Change) -> None:
        household = await self._inventory.find(reference)
        before = household.subscriber
        after = with_change(before, change)
        if after is before:
            return
        self._inventory.check_household(household, after)
        named = [name for name in FIELDS if getattr(before, name) != getattr(after, name)]
        told = Event(
            at=self._clock(), kind="subscriber.changed", subscriber_id=before.id, detail={"changed": ", ".join(named)}
        )
        try:
            await self._store.commit(PutSubscriber(after), Append(told))
        except Conflict:
            raise Conflict(await self._inventory.taken(after)) from None


def with_change(subscriber: Subscriber, change: Change) -> Subscriber:
    """The subscriber after it, the same object when it is so already. Of a SIM that is gone nothing is kept."""
    named: dict[str, str | None] = {**subscriber.attributes, **change.attributes}
    attributes = {name: text for name, text in named.items() if text is not None}
    after = replace(
        subscriber,
        imsis=subscriber.imsis if change.imsis is None else tuple(dict.fromkeys(change.imsis)),
        msisdn=subscriber.msisdn if change.msisdn is None else change.msisdn,
        tenant=subscriber.tenant if change.tenant is None else change.tenant,
        plan=subscriber.plan if change.plan is None else change.plan,
        groups=subscriber.groups if change.groups is None else tuple(change.groups),
        attributes=attributes,
    )
    if after == subscriber:
        return subscriber
    return replace(
        after,
        sims={imsi: sim for imsi, sim in after.sims.items() if imsi in after.imsis},
        seen={imsi: seen for imsi, seen in after.seen.items() if imsi in after.imsis},
        content_revision=after.content_revision + 1,
    )
