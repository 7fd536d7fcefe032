"""What the operator's messaging server tells of confirmation requests."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from gateway.admin.caller import Caller
from gateway.admin.confirmations import ConfirmationRoutes
from gateway.admin.models.confirmations import ConfirmationAnswer
from gateway.admin.routes import Call
from gateway.errors import NotFound


class Waiting:
    """One request that is waited for."""

    def __init__(self) -> None:
        self.answers: list[bool] = []

    async def answered(self, id_: str, *, accepted: bool) -> bool:
        if id_ == "a-1":
            self.answers.append(accepted)
        return id_ == "a-1"


def told(id_: str, value: str) -> Call:
    body = ConfirmationAnswer.model_validate({"value": value})
    return Call(
        path=MappingProxyType({"id": id_}),
        query={},
        body=body,
        caller=Caller("token eucr", frozenset({"confirmations:write"})),
    )


@pytest.mark.parametrize(("value", "accepted"), [("accept", True), ("decline", False)])
async def test_an_answer_is_passed_on(value: str, accepted: bool) -> None:
    """Accepted or declined, and acknowledged."""
    waiting = Waiting()
    ack = await ConfirmationRoutes(waiting).answer(told("a-1", value))
    assert (ack.id, ack.status, waiting.answers) == ("a-1", "ok", [accepted])


@pytest.mark.parametrize("confirming", [Waiting(), None])
async def test_nobody_waits(confirming: Waiting | None) -> None:
    """A request that is over, and a gateway that never asks, say so."""
    with pytest.raises(NotFound, match="is waited for"):
        await ConfirmationRoutes(confirming).answer(told("b-2", "accept"))
