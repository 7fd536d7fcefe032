"""The admin API's route for the audit log."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.access.audit import AuditLog
from gateway.admin.models.audit import AuditView
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.store.protocol import Store


class AuditRoutes:
    """Who did what. There is no route that changes it."""

    def __init__(self, store: Store) -> None:
        self._log = AuditLog(store)

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/audit", self.list_audit, "Who did what, oldest first", gives=AuditView, many=True,
                pages_by="id",
                query={
                    "who": "by this user:NAME, token:NAME or admin.token",
                    "subject": "to this subscriber, device, user or token, by its id",
                    "action": "this operationId",
                    "since": "no earlier than this time",
                    "until": "before this time",
                    "newest": "true: newest first; what comes after an id is then older",
                    "after": "after this id",
                    "limit": f"how many, at most {MAX_LISTED}",
                },
            ),
        )  # fmt: skip

    async def list_audit(self, call: Call) -> Sequence[AuditView]:
        """Entries, a page at a time."""
        wanted = {name: call.query.get(name, "") for name in ("who", "subject", "action", "after")}
        found = await self._log.load(
            limit=call.limit,
            since=call.time("since"),
            until=call.time("until"),
            backwards=call.flag("newest"),
            **wanted,
        )
        return [AuditView.model_validate(msgspec.structs.asdict(entry)) for entry in found]
