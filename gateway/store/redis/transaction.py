"""Carrying a plan out: one script where one server has all of its cells, a transaction over several where not.

A transaction over groups of cells (hash tags of a Cluster) is decided in one of them. The others are prepared first:
their checks are made and their commands kept under a lock. Then one script checks and writes the deciding group, with
the decision. Last, the others carry out what they kept. Whoever meets a lock whose holder is slow reads the decision
or decides against it, and finishes for the holder, so a crash at any point leaves either nothing or all.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from gateway.store.redis import scripts
from gateway.store.redis.layout import Address, Command, Keys, tag
from gateway.store.redis.packing import encode
from gateway.store.redis.plan import Plan
from gateway.store.redis.servers import Errand, Servers, jitter

PATIENCE_SECONDS = 1.0
"""How long the holder of a lock is waited for before others finish for it."""
REPAIR_SECONDS = 10
_PAUSE_SECONDS = 0.003
_LOG = "log"


class _Group(NamedTuple):
    """The part of a plan that has one hash tag."""

    checks: dict[Address, bytes]
    commands: list[Command]


class _Entry(msgspec.Struct, array_like=True, frozen=True):
    """An open transaction on the register: what a stranger needs to finish it."""

    repair_at: float
    locks: tuple[str, ...]
    log_items: tuple[bytes, ...]


_decode_entry = msgspec.msgpack.Decoder(_Entry).decode


class Transactions:
    """Commits plans."""

    def __init__(self, servers: Servers, keys: Keys) -> None:
        self._servers = servers
        self._keys = keys

    async def commit(self, plan: Plan) -> bool:
        """True when all is written; False when a check failed, or another transaction was in the way a moment ago.

        Raises: Unavailable; whether the plan is carried out is then unknown, but it is so wholly or not at all.
        """
        errands = []
        for key, end in plan.ends:
            ends = self._keys.ends(key)
            errands.append(Errand(ends, ("ZADD", ends, end, key)))
        group: Plan | _Group
        if self._servers.spans:
            groups = self._split(plan)
            if len(groups) > 1:
                if errands:
                    await self._servers.run(errands)
                return await self._commit_several(groups)
            ((name, group),) = groups.items()
        else:
            name, group = "", plan
        lock = self._keys.lock(name)
        script = _evaluate(scripts.COMMIT, [lock], (), group)
        errands.append(Errand(lock, script, write=True))
        outcome = (await self._servers.run(errands))[-1]
        return outcome == b"OK" or await self._settled([(name, outcome)])

    async def repair(self) -> int:
        """Finish what others left open; returns how many transactions that were."""
        register = self._keys.transactions
        (listed,) = await self._servers.run([Errand(register, ("HGETALL", register))])
        count = 0
        for name, raw in zip(listed[::2], listed[1::2], strict=True):
            entry = _decode_entry(raw)
            if entry.repair_at <= time.time():
                await self._close(name.decode(), await self._fate(name), entry.locks, entry.log_items)
                count += 1
        return count

    def _split(self, plan: Plan) -> dict[str, _Group]:
        groups: dict[str, _Group] = {}
        for address, expected in plan.checks.items():
            groups.setdefault(tag(address.key), _Group({}, [])).checks[address] = expected
        for command in plan.commands:
            groups.setdefault(tag(str(command[1])), _Group({}, [])).commands.append(command)
        return groups

    async def _commit_several(self, groups: Mapping[str, _Group]) -> bool:
        keys, servers = self._keys, self._servers
        # The log has no checks, so its part needs no lock: it is kept on the register, which lies beside the log.
        first, *others = (name for name in groups if name != _LOG)
        transaction = keys.decision(first, secrets.token_hex(8))
        locks = tuple(map(keys.lock, others))
        log_items = _command_items({keys.transactions: 1, keys.log: 2}, groups[_LOG].commands) if _LOG in groups else []
        entry = _Entry(time.time() + REPAIR_SECONDS, locks, tuple(map(_octets, log_items)))
        await servers.run([Errand(keys.log, ("HSET", keys.transactions, transaction, encode(entry)), write=True)])
        prepared = [
            Errand(lock, _evaluate(scripts.PREPARE, [lock], (transaction,), groups[name]), write=True)
            for name, lock in zip(others, locks, strict=True)
        ]
        outcomes = list(zip(others, await servers.run(prepared), strict=True))
        if all(outcome == b"OK" for _, outcome in outcomes):
            lock = keys.lock(first)
            script = _evaluate(scripts.DECIDE, [lock, transaction], (), groups[first])
            outcomes = [(first, outcome) for outcome in await servers.run([Errand(lock, script, write=True)])]
        committed = all(outcome == b"OK" for _, outcome in outcomes)
        await self._close(transaction, "committed" if committed else "given up", locks, entry.log_items)
        return await self._settled(outcomes)

    async def _close(self, transaction: str, fate: str, locks: Sequence[str], log_items: Sequence[bytes]) -> None:
        keys = self._keys
        await self._servers.run(
            [Errand(lock, scripts.call(scripts.FINISH, [lock], transaction, fate), write=True) for lock in locks]
        )
        # Only when nobody needs the decision any more.
        close = scripts.call(scripts.CLOSE, [keys.transactions, keys.log], transaction, fate, *log_items)
        await self._servers.run([Errand(keys.log, close, write=True)])
        await self._servers.run([Errand(transaction, ("DEL", transaction))] if fate == "committed" else [])

    async def _settled(self, outcomes: Sequence[tuple[str, bytes]]) -> bool:
        """Whether all went well; else, when somebody's lock was met, after giving way to it."""
        for name, outcome in outcomes:
            if outcome not in (b"OK", b"STALE"):
                await self._give_way(self._keys.lock(name), outcome)
        return all(outcome == b"OK" for _, outcome in outcomes)

    async def _give_way(self, lock: str, holder: bytes) -> None:
        """Returns when that transaction holds the lock no more: finished here when who began it is slow, or dead."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            await asyncio.sleep(_PAUSE_SECONDS * (0.5 + jitter()))
            (found,) = await self._servers.run([Errand(lock, ("GETRANGE", lock, 0, len(holder)))])
            if found != holder + b"\n":
                return
        finish = scripts.call(scripts.FINISH, [lock], holder, await self._fate(holder))
        await self._servers.run([Errand(lock, finish, write=True)])

    async def _fate(self, transaction: bytes) -> str:
        name = transaction.decode()
        (fate,) = await self._servers.run([Errand(name, scripts.call(scripts.FATE, [name]), write=True)])
        return str(fate, "ascii")


def _evaluate(
    script: scripts.Script, keys: Sequence[str], arguments: Sequence[str], group: _Group | Plan
) -> tuple[str | bytes | int, ...]:
    """The call of a script that makes the checks of a group and carries out or keeps its commands."""
    positions: dict[str, int] = {}
    for key in keys:
        positions[key] = len(positions) + 1
    items: list[str | bytes | int] = [len(group.checks)]
    for address, expected in group.checks.items():
        items += (positions.setdefault(address.key, len(positions) + 1), address.field, expected)
    items += _command_items(positions, group.commands)
    return scripts.call(script, positions, *arguments, *items)


def _command_items(positions: dict[str, int], commands: Sequence[Command]) -> list[str | bytes | int]:
    """The commands, with where the script finds each key in KEYS; one that is not there yet is put last."""
    items: list[str | bytes | int] = []
    for command in commands:
        position = positions.setdefault(str(command[1]), len(positions) + 1)
        items += (len(command), command[0], position, *command[2:])
    return items


def _octets(item: str | bytes | int) -> bytes:
    return item if isinstance(item, bytes) else str(item).encode()
