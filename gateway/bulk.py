"""Many subscribers or devices at once: each row stands for itself, and what is there already stays as it is.

Rows are worked on together, so their commits share transactions; the outcome of each is told in its place. To send the
same rows again is harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeVar

from gateway.errors import ConfigError, Conflict, NotFound
from gateway.fleet import old_token
from gateway.inventory import Inventory
from gateway.store.protocol import Household, IdentityKind, PutEphemeral, Store

AT_ONCE = 200
OLD_TOKEN_LIFE = timedelta(days=30)
"""Of a token whose end the other server did not tell."""

Outcome = Literal["created", "present", "failed"]
Row = TypeVar("Row")


class Taken(NamedTuple):
    """What became of a row: ``id`` is whom it made or found, ``why`` what was wrong."""

    outcome: Outcome
    id: str = ""
    why: str = ""


class Bulk:
    """Takes rows over. With a ``tenant``, only subscribers of theirs."""

    def __init__(self, store: Store, inventory: Inventory, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._inventory = inventory
        self._clock = clock

    async def subscribers(self, rows: Sequence[dict[str, Any]], tenant: str = "") -> list[Taken]:
        """Subscribers, with the arguments of ``Inventory.create_subscriber``."""

        async def take(row: dict[str, Any]) -> Taken:
            if tenant not in ("", row["tenant"]):
                return Taken("failed", why=f"tenant: subscribers of {tenant} alone can be made here")
            if not (row["subscriber_id"] or row["msisdn"] or row["imsis"]):
                return Taken("failed", why="id, msisdn, imsis: one of them is needed to know the subscriber by")
            try:
                return Taken("created", (await self._inventory.create_subscriber(**row)).id)
            except Conflict as refusal:
                return await self._present(row, refusal)

        return await _each(rows, take)

    async def devices(self, rows: Sequence[dict[str, Any]], tenant: str = "") -> list[Taken]:
        """Devices with the accounts they have, with ``subscriber`` and arguments of ``Inventory.add_omadm_device``."""
        # Rows of one subscriber follow each other, for the second device builds on the first.
        by_subscriber: dict[str, list[int]] = {}
        for number, row in enumerate(rows):
            by_subscriber.setdefault(row["subscriber"], []).append(number)

        async def take_household(numbers: list[int]) -> list[tuple[int, Taken]]:
            return [(number, await _told(self._device, rows[number], tenant)) for number in numbers]

        households = list(by_subscriber.values())
        taken: list[Taken] = [Taken("failed")] * len(rows)
        for start in range(0, len(households), AT_ONCE):
            found = await asyncio.gather(*map(take_household, households[start : start + AT_ONCE]))
            for number, one in (pair for pairs in found for pair in pairs):
                taken[number] = one
        return taken

    async def tokens(self, rows: Sequence[dict[str, Any]], tenant: str = "") -> list[Taken]:
        """Tokens of another RCC.14 server, with ``subscriber``, ``token``, ``imei`` and ``expires_at``."""

        async def take(row: dict[str, Any]) -> Taken:
            subscriber = (await self._found(row["subscriber"], tenant)).subscriber
            now, key = self._clock(), old_token.key_of(row["token"])
            ends_at = row["expires_at"] or now + OLD_TOKEN_LIFE
            if ends_at <= now:
                return Taken("failed", why="expires_at: the token has ended")
            known = await self._store.load_ephemeral(key, now)
            value = old_token.encode(old_token.OldToken(subscriber.id, row["imei"]))
            await self._store.commit(PutEphemeral(key, value, ends_at))
            return Taken("present" if known else "created", subscriber.id)

        return await _each(rows, take)

    async def _found(self, reference: str, tenant: str) -> Household:
        household = await self._inventory.find(reference)
        if tenant not in ("", household.subscriber.tenant):
            raise NotFound(f"no subscriber of {tenant} is called {reference!r}")
        return household

    async def _device(self, row: dict[str, Any], tenant: str) -> Taken:
        fields = dict(row)
        household = await self._found(fields.pop("subscriber"), tenant)
        for device in household.devices:
            if device.omadm is not None and device.omadm.loc_uri == row["loc_uri"]:
                return Taken("present", device.id)
        issued = await self._inventory.add_omadm_device(household.subscriber.id, **fields)
        return Taken("created", issued.device.id)

    async def _present(self, row: dict[str, Any], refusal: Conflict) -> Taken:
        """Whether the row is somebody who is there already, or takes an identity of somebody else's."""
        names: list[tuple[IdentityKind, str]] = [("id", row["subscriber_id"]), ("msisdn", row["msisdn"])]
        names += [("imsi", imsi) for imsi in row["imsis"]]
        holders = set()
        for kind, value in names:
            household = await self._store.load_household(kind, value) if value else None
            if household is not None:
                holders.add(household.subscriber.id)
        if len(holders) == 1 and (not row["subscriber_id"] or row["subscriber_id"] in holders):
            return Taken("present", holders.pop())
        return Taken("failed", why=str(refusal))


async def _each(rows: Sequence[Row], take: Callable[[Row], Awaitable[Taken]]) -> list[Taken]:
    taken: list[Taken] = []
    for start in range(0, len(rows), AT_ONCE):
        taken += await asyncio.gather(*(_told(take, row) for row in rows[start : start + AT_ONCE]))
    return taken


async def _told(take: Callable[..., Awaitable[Taken]], *arguments: Any) -> Taken:
    try:
        return await take(*arguments)
    except (ConfigError, Conflict, NotFound) as refusal:
        return Taken("failed", why=str(refusal))
