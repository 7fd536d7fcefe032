"""The admin API's route for sending a one-time password again, to a client that waits for one."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from gateway.admin.models.codes import CodeSent
from gateway.admin.routes import Call, Route
from gateway.errors import ConfigError
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory


class Codes(Protocol):
    """Who sends codes; the adapter that does is handed in at start."""

    async def send_again(self, subscriber: Subscriber) -> datetime:
        """Send the client that waits for a code another one; until when it is good. Raises: NotFound, Unavailable."""
        ...


class CodeRoutes:
    """What the help desk does for who got no code. ``codes`` is None where no client is asked for one."""

    def __init__(self, inventory: Inventory, codes: Codes | None) -> None:
        self._inventory = inventory
        self._codes = codes

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/subscribers/{ref}/codes", self.send_code,
                "Send the RCC.14 client that waits for a one-time password a new one",
                gives=CodeSent, status=202, needs="pushes:write",
            ),
        )  # fmt: skip

    async def send_code(self, call: Call) -> CodeSent:
        """Another code, in place of the one that did not come."""
        subscriber = (await self._inventory.find(call.path["ref"])).subscriber
        if self._codes is None:
            raise ConfigError("no bearer carries short messages; sms.bearer is the setting that names one")
        return CodeSent(subscriber_id=subscriber.id, good_until=await self._codes.send_again(subscriber))
