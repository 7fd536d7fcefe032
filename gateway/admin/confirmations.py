"""The admin API's route for what users answer to confirmation requests on their phones."""

from __future__ import annotations

from typing import Protocol

from gateway.admin.models.confirmations import ConfirmationAck, ConfirmationAnswer
from gateway.admin.routes import Call, Route
from gateway.errors import NotFound


class Confirming(Protocol):
    """Who knows the requests that are waited for; the adapter that makes them is handed in at start."""

    async def answered(self, id_: str, *, accepted: bool) -> bool:
        """Take the user's answer; False when no such request is waited for."""
        ...


class ConfirmationRoutes:
    """What the operator's messaging server tells. ``confirming`` is None where nothing asks."""

    def __init__(self, confirming: Confirming | None) -> None:
        self._confirming = confirming

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/confirmations/{id}", self.answer, "Tell what a user answered to a confirmation request",
                takes=ConfirmationAnswer, gives=ConfirmationAck,
            ),
        )  # fmt: skip

    async def answer(self, call: Call) -> ConfirmationAck:
        """Take the answer: a declined device gets nothing any more, whatever code it brings."""
        body: ConfirmationAnswer = call.body
        id_ = call.path["id"]
        if self._confirming is None or not await self._confirming.answered(id_, accepted=body.value == "accept"):
            raise NotFound(f"no confirmation request {id_[:40]!r} is waited for; it was answered, or its time is over")
        return ConfirmationAck(id=id_, status="ok")
