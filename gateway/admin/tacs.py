"""The admin API's routes for the table of phone models by Type Allocation Code."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gateway.admin.models.imports import BulkRow
from gateway.admin.models.tacs import TacView
from gateway.admin.routes import JSON_LINES, MAX_LISTED, Call, Route
from gateway.errors import DecodeError, LimitExceeded, NotFound
from gateway.fleet.tac import PhoneModel, parse_model
from gateway.tacs import Tacs

MAX_ROWS = 5000


class TacRoutes:
    """What is known of phones by their TAC."""

    def __init__(self, tacs: Tacs) -> None:
        self._tacs = tacs

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/tac", self.list_tacs, "Phone models by TAC", gives=TacView, many=True, pages_by="tac",
                query={"after": "after this TAC", "limit": f"how many, at most {MAX_LISTED}"}, needs="detections:read",
            ),
            Route("GET", "/tac/{tac}", self.show_tac, "One phone model", gives=TacView, needs="detections:read"),
            Route(
                "POST", "/tac/bulk", self.import_tacs,
                f"Take in phone models, each as JSON on a line of its own; at most {MAX_ROWS} lines",
                takes=JSON_LINES, gives=BulkRow, many=True, needs="detections:write",
            ),
        )  # fmt: skip

    async def list_tacs(self, call: Call) -> Sequence[TacView]:
        """The table, a page at a time."""
        found = await self._tacs.list(after=call.query.get("after", ""), limit=call.limit)
        return [tac_view(model) for model in found]

    async def show_tac(self, call: Call) -> TacView:
        """One row."""
        found = await self._tacs.find(call.path["tac"])
        if found is None:
            raise NotFound(f"TAC {call.path['tac'][:20]} is not in the table; `mogate tac import` takes one in")
        return tac_view(found)

    async def import_tacs(self, call: Call) -> Sequence[BulkRow]:
        """Take rows in; a row that is none is told in its place, and the others count."""
        lines = [line for line in call.body.split(b"\n") if line.strip()]
        if len(lines) > MAX_ROWS:
            raise LimitExceeded(f"{len(lines)} lines, more than {MAX_ROWS}; send them in parts")
        rows: list[BulkRow] = []
        models: list[PhoneModel] = []
        for number, line in enumerate(lines, start=1):
            try:
                fields = json.loads(line)
                if not isinstance(fields, dict):
                    raise DecodeError("is no JSON object")
                models.append(parse_model(fields))
            except (ValueError, DecodeError) as error:
                rows.append(BulkRow(row=number, outcome="failed", id="", why=str(error)))
                continue
            rows.append(BulkRow(row=number, outcome="created", id=models[-1].tac, why=""))
        await self._tacs.put(models)
        return rows


def tac_view(model: PhoneModel) -> TacView:
    """A row for the API."""
    return TacView(
        tac=model.tac,
        manufacturer=model.manufacturer,
        model=model.model,
        protocols=list(model.protocols),
        capabilities=list(model.capabilities),
    )
