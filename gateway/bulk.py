"""Many subscribers, devices or values at once: each row stands for itself, and who is there already stays as they are.

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
from gateway.fleet.tenancy import MARK, is_of_another
from gateway.inventory import Inventory
from gateway.new_accounts import NewAccounts
from gateway.store.protocol import IdentityKind, PutEphemeral, Store

AT_ONCE = 200
OTHERS = ""
"""In place of a subscriber of another tenant, whom the caller is not told of."""
OLD_TOKEN_LIFE = timedelta(days=30)
"""Of a token whose end the other server did not tell."""

Outcome = Literal["created", "present", "failed"]
Row = TypeVar("Row")
Found = TypeVar("Found")


class Taken(NamedTuple):
    """What became of a row: ``id`` is whom it made or found, ``why`` what was wrong."""

    outcome: Outcome
    id: str = ""
    why: str = ""


class Bulk:
    """Takes rows over. With a ``tenant``, only subscribers of theirs."""

    def __init__(
        self, store: Store, inventory: Inventory, new_accounts: NewAccounts, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._new_accounts = new_accounts
        self._clock = clock

    async def subscribers(self, rows: Sequence[dict[str, Any]], tenant: str = "", *, dry: bool = False) -> list[Taken]:
        """Subscribers, with the arguments of ``Inventory.create_subscriber``.

        ``dry`` tells what would become of the rows, in their order, and creates nobody.
        """
        if tenant:
            ids = await _in_parts(rows, lambda row: self._inventory.id_for(row["subscriber_id"], tenant))
            rows = [{**row, "subscriber_id": one} for row, one in zip(rows, ids, strict=True)]
        if dry:
            return _foreseen(rows, await _in_parts(rows, lambda row: self._holders(row, tenant)), tenant)

        async def take(row: dict[str, Any]) -> Taken:
            if fault := _fault(row, tenant):
                return Taken("failed", why=fault)
            try:
                return Taken("created", (await self._inventory.create_subscriber(**row)).id)
            except Conflict as refusal:
                owners = set((await self._holders(row, tenant)).values())
                return _present(row, owners) or Taken("failed", why=str(refusal))

        return await _each(rows, take)

    async def devices(self, rows: Sequence[dict[str, Any]], tenant: str = "") -> list[Taken]:
        """Devices with the accounts they have, with ``subscriber`` and arguments of ``NewAccounts.add_device``."""

        async def take(some: Sequence[dict[str, Any]]) -> list[Taken]:
            return [await _told(self._device, row, tenant) for row in some]

        return await _by_name(rows, "subscriber", take)

    async def values(self, rows: Sequence[dict[str, Any]], tenant: str = "") -> list[Taken]:
        """Values, with ``of`` (what names a subscriber, or the id of a device), ``node`` and ``value``.

        Those of one are set together, for they may only be right together; where that is refused, one by one.
        """

        async def take(some: Sequence[dict[str, Any]]) -> list[Taken]:
            if len(some) > 1:
                together = await _told(self._values, some, tenant)
                if isinstance(together, list):
                    return together
            return [one for row in some for one in _listed(await _told(self._values, [row], tenant))]

        return await _by_name(rows, "of", take)

    async def tokens(self, rows: Sequence[dict[str, Any]], tenant: str = "") -> list[Taken]:
        """Tokens of another RCC.14 server, with ``subscriber``, ``token``, ``imei`` and ``expires_at``."""

        async def take(row: dict[str, Any]) -> Taken:
            subscriber = (await self._inventory.find(row["subscriber"], tenant)).subscriber
            now, key = self._clock(), old_token.key_of(row["token"])
            ends_at = row["expires_at"] or now + OLD_TOKEN_LIFE
            if ends_at <= now:
                return Taken("failed", why="expires_at: the token has ended")
            known = await self._store.load_ephemeral(key, now)
            if known and tenant and old_token.decode(known).subscriber_id != subscriber.id:
                return Taken("failed", why="token: it is somebody else's already")
            value = old_token.encode(old_token.OldToken(subscriber.id, row["imei"]))
            await self._store.commit(PutEphemeral(key, value, ends_at))
            return Taken("present" if known else "created", subscriber.id)

        return await _each(rows, take)

    async def _values(self, rows: Sequence[dict[str, Any]], tenant: str) -> list[Taken]:
        of = rows[0]["of"]
        if tenant:
            _, of = await self._inventory.named(of, tenant)
        household = await self._inventory.find(of)
        device = next((device for device in household.devices if device.id == of), None)
        owner = device or household.subscriber
        held = {f"{mo}/{path}": text for mo, leaves in owner.overrides.items() for path, text in leaves.items()}
        values = {self._inventory.address_of(row["node"]): row["value"] for row in rows}
        await self._inventory.set_values(of, values)
        same = [held.get(self._inventory.address_of(row["node"])) == row["value"] for row in rows]
        return [Taken("present" if is_there else "created", owner.id) for is_there in same]

    async def _device(self, row: dict[str, Any], tenant: str) -> Taken:
        fields = dict(row)
        household = await self._inventory.find(fields.pop("subscriber"), tenant)
        for device in household.devices:
            if device.omadm is not None and device.omadm.loc_uri == row["loc_uri"]:
                return Taken("present", device.id)
        issued = await self._new_accounts.add_device(household.subscriber.id, **fields)
        return Taken("created", issued.device.id)

    async def _holders(self, row: dict[str, Any], tenant: str) -> dict[str, str]:
        """Who has the row's id, MSISDN and IMSIs already, by what they have; ``OTHERS`` are all of other tenants."""
        holders = {}
        for kind, value in _identities(row):
            household = await self._store.load_household(kind, value)
            if household is not None:
                holder = household.subscriber
                holders[f"{kind} {value}"] = holder.id if tenant in ("", holder.tenant) else OTHERS
        return holders


def _foreseen(rows: Sequence[dict[str, Any]], held: Sequence[dict[str, str]], tenant: str) -> list[Taken]:
    """What would become of each row; those before it are there by then."""
    told: list[Taken] = []
    made: dict[str, str] = {}
    for number, (row, holders) in enumerate(zip(rows, held, strict=True), 1):
        names = [f"{kind} {value}" for kind, value in _identities(row)]
        owners = holders | {name: made[name] for name in names if name in made}
        if fault := _fault(row, tenant):
            told.append(Taken("failed", why=fault))
        elif owners:
            name, owner = next(iter(owners.items()))
            whose = f"subscriber {owner}" if owner else "somebody else"
            refused = Taken("failed", why=f"{name} belongs to {whose} already")
            told.append(_present(row, set(owners.values())) or refused)
        else:
            made |= dict.fromkeys(names, row["subscriber_id"] or f"(row {number})")
            told.append(Taken("created", row["subscriber_id"]))
    return told


def _identities(row: dict[str, Any]) -> list[tuple[IdentityKind, str]]:
    names: list[tuple[IdentityKind, str]] = [("id", row["subscriber_id"]), ("msisdn", row["msisdn"])]
    return [(kind, value) for kind, value in (*names, *(("imsi", imsi) for imsi in row["imsis"])) if value]


def _fault(row: dict[str, Any], tenant: str) -> str:
    """Why nobody can be made of the row, whoever is there; empty when somebody can."""
    if tenant not in ("", row["tenant"]):
        return f"tenant: subscribers of {tenant} alone can be made here"
    if is_of_another(row["subscriber_id"]):
        return f"id: {MARK} stands before the tenant's own name alone"
    return "" if _identities(row) else "id, msisdn, imsis: one of them is needed to know the subscriber by"


def _present(row: dict[str, Any], owners: set[str]) -> Taken | None:
    """Who the row is, if it is somebody who is there already; None where it takes what is somebody else's."""
    if len(owners) == 1 and OTHERS not in owners and (not row["subscriber_id"] or row["subscriber_id"] in owners):
        return Taken("present", next(iter(owners)))
    return None


async def _in_parts(rows: Sequence[Row], ask: Callable[[Row], Awaitable[Found]]) -> list[Found]:
    found: list[Found] = []
    for start in range(0, len(rows), AT_ONCE):
        found += await asyncio.gather(*map(ask, rows[start : start + AT_ONCE]))
    return found


async def _each(rows: Sequence[Row], take: Callable[[Row], Awaitable[Taken]]) -> list[Taken]:
    return await _in_parts(rows, lambda row: _told(take, row))


async def _by_name(
    rows: Sequence[dict[str, Any]],
    name: str,
    take: Callable[[Sequence[dict[str, Any]]], Awaitable[Sequence[Taken]]],
) -> list[Taken]:
    """What became of each row; those of one name follow each other, for a row may build on the one before."""
    by_name: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        by_name.setdefault(row[name], []).append(number)
    groups = list(by_name.values())
    taken: list[Taken] = [Taken("failed")] * len(rows)
    for start in range(0, len(groups), AT_ONCE):
        some = groups[start : start + AT_ONCE]
        found = await asyncio.gather(*(take([rows[number] for number in numbers]) for numbers in some))
        for numbers, group in zip(some, found, strict=True):
            for number, one in zip(numbers, group, strict=True):
                taken[number] = one
    return taken


def _listed(taken: Taken | list[Taken]) -> list[Taken]:
    return taken if isinstance(taken, list) else [taken]


async def _told(take: Callable[..., Awaitable[Found]], *arguments: Any) -> Found | Taken:
    try:
        return await take(*arguments)
    except (ConfigError, Conflict, NotFound) as refusal:
        return Taken("failed", why=str(refusal))
