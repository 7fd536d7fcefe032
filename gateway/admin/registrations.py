"""The admin API's routes for services: how far each has come, and what the IMS core says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.admin.models.registrations import NewRegistration, RegistrationReport, ServiceStatusView
from gateway.admin.routes import JSON_LINES, Call, Route
from gateway.errors import DecodeError, LimitExceeded, MogateError, Unavailable
from gateway.fleet.registration import RegistrationWord, parse_word, parse_word_line
from gateway.inventory import Inventory
from gateway.outreach.activations import Activations
from gateway.registrations import Registrations, Report

MAX_ROWS = 10_000
MAX_AT_ONCE = 64


class RegistrationRoutes:
    """What the IMS core says, and what that makes of services."""

    def __init__(self, registrations: Registrations, activations: Activations, inventory: Inventory) -> None:
        self._registrations = registrations
        self._activations = activations
        self._inventory = inventory

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/registrations", self.report, "Tell what the IMS core says of a service",
                takes=NewRegistration, gives=RegistrationReport,
            ),
            Route(
                "POST", "/registrations/bulk", self.report_bulk,
                f"Tell it of many, each as JSON on a line of its own; at most {MAX_ROWS} lines",
                takes=JSON_LINES, gives=RegistrationReport, many=True,
            ),
            Route(
                "GET", "/subscribers/{ref}/services", self.show_services,
                "How far every service has come on every device: requested, reached, configured, registered, or failed",
                gives=ServiceStatusView, many=True,
            ),
        )  # fmt: skip

    async def report(self, call: Call) -> RegistrationReport:
        """One word."""
        body: NewRegistration = call.body
        return _view(1, await self._registrations.report(parse_word(body.model_dump())))

    async def report_bulk(self, call: Call) -> Sequence[RegistrationReport]:
        """Lines of words; a line that is none is told in its place, and the others count."""
        lines = [line for line in call.body.split(b"\n") if line.strip()]
        if len(lines) > MAX_ROWS:
            raise LimitExceeded(f"{len(lines)} lines, more than {MAX_ROWS}; send them in parts")
        reports: dict[int, Report] = {}
        of_one: dict[tuple[str, ...], list[tuple[int, RegistrationWord]]] = {}
        for row, line in enumerate(lines, start=1):
            try:
                word = parse_word_line(line)
            except DecodeError as error:
                reports[row] = Report("failed", why=str(error))
                continue
            of_one.setdefault((word.imsi, word.msisdn, word.impi, word.impu), []).append((row, word))
        turns = asyncio.Semaphore(MAX_AT_ONCE)

        async def take(words: Sequence[tuple[int, RegistrationWord]]) -> None:
            """Words on one subscriber, in their order."""
            async with turns:
                for row, word in words:
                    try:
                        reports[row] = await self._registrations.report(word)
                    except Unavailable:
                        raise
                    except MogateError as error:
                        reports[row] = Report("failed", why=str(error))

        await asyncio.gather(*map(take, of_one.values()))
        return [_view(row, reports[row]) for row in sorted(reports)]

    async def show_services(self, call: Call) -> Sequence[ServiceStatusView]:
        """How far every service has come."""
        household = await self._inventory.find(call.path["ref"])
        return [
            ServiceStatusView(**one._asdict() | {"step": one.step.value})
            for one in await self._activations.of(household)
        ]


def _view(row: int, report: Report) -> RegistrationReport:
    return RegistrationReport(row=row, **report._asdict())
