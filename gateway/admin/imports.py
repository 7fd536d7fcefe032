"""The admin API's routes for many subscribers, devices or values at once."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pydantic

from gateway.admin.models.base import Model
from gateway.admin.models.imports import BulkRow, OldDevice, OldToken, OwnValue
from gateway.admin.models.subscribers import NewSubscriber
from gateway.admin.routes import JSON_LINES, Call, Route
from gateway.bulk import Bulk, Taken
from gateway.errors import LimitExceeded

MAX_ROWS = 5000


class ImportRoutes:
    """Rows of subscribers, devices, values and tokens."""

    def __init__(self, bulk: Bulk) -> None:
        self._bulk = bulk

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/subscribers/bulk", self.import_subscribers,
                f"Create many, each as JSON on a line of its own; at most {MAX_ROWS} lines",
                takes=JSON_LINES, gives=BulkRow, many=True, confined=True,
                query={"dry_run": "true: tell what would become of the lines, and create nobody"},
            ),
            Route(
                "POST", "/devices/bulk", self.import_devices,
                f"Add devices with the accounts they have, as lines of JSON; at most {MAX_ROWS}",
                takes=JSON_LINES, gives=BulkRow, many=True, confined=True,
            ),
            Route(
                "POST", "/values/bulk", self.import_values,
                f"Set values of subscribers and of single devices, as lines of JSON; at most {MAX_ROWS}",
                takes=JSON_LINES, gives=BulkRow, many=True, confined=True, needs="subscribers:write",
            ),
            Route(
                "POST", "/rcc14/tokens/bulk", self.import_tokens,
                f"Let clients in with tokens of another server, as lines of JSON; at most {MAX_ROWS}",
                takes=JSON_LINES, gives=BulkRow, many=True, confined=True, needs="devices:write",
            ),
        )  # fmt: skip

    async def import_subscribers(self, call: Call) -> Sequence[BulkRow]:
        """Create subscribers, or tell what that would do; those that are there stay as they are."""

        async def take(rows: Sequence[dict[str, Any]]) -> list[Taken]:
            named = [{"subscriber_id": row.pop("id") or "", **row} for row in rows]
            return await self._bulk.subscribers(named, call.caller.tenant, dry=call.flag("dry_run"))

        return await _take(call.body, NewSubscriber, take)

    async def import_devices(self, call: Call) -> Sequence[BulkRow]:
        """Add devices; those that are there stay as they are."""

        async def take(rows: Sequence[dict[str, Any]]) -> list[Taken]:
            nonces = ("client_nonce", "server_nonce")
            octets = [row | {name: base64.b64decode(row[name]) for name in nonces} for row in rows]
            return await self._bulk.devices(octets, call.caller.tenant)

        return await _take(call.body, OldDevice, take)

    async def import_values(self, call: Call) -> Sequence[BulkRow]:
        """Set values; one that is set already changes nothing."""

        async def take(rows: Sequence[dict[str, Any]]) -> list[Taken]:
            return await self._bulk.values(rows, call.caller.tenant)

        return await _take(call.body, OwnValue, take)

    async def import_tokens(self, call: Call) -> Sequence[BulkRow]:
        """Take tokens in; those that are there get the end that is said now."""

        async def take(rows: Sequence[dict[str, Any]]) -> list[Taken]:
            return await self._bulk.tokens(rows, call.caller.tenant)

        return await _take(call.body, OldToken, take)


async def _take(
    octets: bytes, model: type[Model], take: Callable[[Sequence[dict[str, Any]]], Awaitable[list[Taken]]]
) -> list[BulkRow]:
    """What became of each line. One that is no such model fails in its place, and the others count."""
    lines = [line for line in octets.split(b"\n") if line.strip()]
    if len(lines) > MAX_ROWS:
        raise LimitExceeded(f"{len(lines)} lines, more than {MAX_ROWS}; send them in parts")
    rows: dict[int, dict[str, Any]] = {}
    told: dict[int, Taken] = {}
    for number, line in enumerate(lines, 1):
        try:
            rows[number] = model.model_validate_json(line).model_dump()
        except pydantic.ValidationError as error:
            first = error.errors(include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "line"
            told[number] = Taken("failed", why=f"{place}: {first['msg'].removeprefix('Value error, ')}")
    told |= dict(zip(rows, await take(list(rows.values())), strict=True))
    return [BulkRow(row=number, **told[number]._asdict()) for number in sorted(told)]
