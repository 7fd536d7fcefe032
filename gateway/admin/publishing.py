"""The admin API's routes for publishing profiles: as the files have them, or as somebody sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway.access.roles import SECRETS
from gateway.admin.models.campaigns import CampaignGroup
from gateway.admin.models.publishing import (
    EditionFiles,
    EditionView,
    NewEdition,
    NewPublication,
    PlanView,
    ProfileChangeView,
    ProposedFiles,
    PublicationView,
    StatementChange,
)
from gateway.admin.routes import Call, Route
from gateway.editions import Editions, edition_of
from gateway.errors import ConfigError
from gateway.fleet.campaign import Campaign, Group
from gateway.fleet.secret import COVER, covered_file, covered_line
from gateway.outreach.publishing import SAMPLE, Calls, Plan, Publishing


class PublishingRoutes:
    """Serving profiles, and telling the devices that it changes something for."""

    def __init__(self, publishing: Publishing, editions: Editions) -> None:
        self._publishing = publishing
        self._editions = editions

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/profiles/publish", self.publish_profiles,
                "Serve the profiles as the files have them, and make the devices that they change call",
                takes=NewPublication, gives=PublicationView,
                query={"dry_run": "true: show whose content would change, and change nothing"},
            ),
            Route(
                "POST", "/profiles/plan", self.plan_profiles,
                "What would change were these the profiles; nothing is changed",
                takes=ProposedFiles, gives=PlanView, needs="profiles:read",
                query={"devices": "false: do not look whose content would change"},
            ),
            Route(
                "POST", "/profiles/apply", self.apply_profiles,
                "Make these the profiles as a plan said, serve them, and make the devices that they change call",
                takes=NewEdition, gives=PlanView,
            ),
            Route(
                "GET", "/profiles/editions", self.list_editions, "Editions that were replaced, newest first",
                gives=EditionView, many=True,
            ),
            Route(
                "GET", "/profiles/files", self.show_files, "The files of the profiles as they are, or as they were",
                gives=EditionFiles, query={"edition": "as they were in this edition"}, needs="profiles:read",
            ),
        )  # fmt: skip

    async def publish_profiles(self, call: Call) -> PublicationView:
        """Publish, or show what that would do."""
        body: NewPublication = call.body
        campaign = None
        if call.flag("dry_run"):
            affected = await self._publishing.preview()
        else:
            calls = Calls(body.within_seconds, _groups(body.groups))
            waits = _waits(body, call)
            if body.by_groups:
                affected, campaign = await self._publishing.roll_out(
                    calls, after_success=body.after_success, on_error=body.on_error, **waits
                )
            else:
                affected, campaign = await self._publishing.publish(calls, **waits)
        return PublicationView(
            digest=affected.digest,
            count=len(affected.device_ids),
            sample=affected.device_ids[:SAMPLE],
            campaign=campaign.id if campaign else "",
        )

    async def plan_profiles(self, call: Call) -> PlanView:
        """Show what an edition would change."""
        body: ProposedFiles = call.body
        devices = call.flag("devices", absent=True)
        return _view(await self._publishing.plan(body.profiles, base=body.base, devices=devices))

    async def apply_profiles(self, call: Call) -> PlanView:
        """Serve an edition, as it was planned."""
        body: NewEdition = call.body
        for name, text in body.profiles.items():
            if line := covered_line(text):
                raise ConfigError(
                    f'states "{COVER}", which is what a secret is shown as to those who may not see it',
                    file=name,
                    line=line,
                )
        calls = Calls(body.within_seconds if body.call else None, _groups(body.groups))
        applied = await self._publishing.apply(
            body.profiles, body.plan, calls, base=body.base, allow_deletions=body.allow_deletions, **_waits(body, call)
        )
        return _view(*applied)

    async def list_editions(self, _: Call) -> Sequence[EditionView]:
        """What can be gone back to."""
        return [EditionView(**kept._asdict()) for kept in await asyncio.to_thread(self._editions.kept)]

    async def show_files(self, call: Call) -> EditionFiles:
        """All files of one edition."""
        texts = await asyncio.to_thread(self._editions.load, call.query.get("edition", ""))
        shown = texts if call.caller.may(SECRETS) else {name: covered_file(text) for name, text in texts.items()}
        return EditionFiles(edition=edition_of(texts), profiles=shown)


def _waits(body: NewPublication | NewEdition, call: Call) -> dict[str, Any]:
    return {
        "device_deadline_seconds": body.device_deadline_seconds,
        "retries": body.retries,
        "authors": (call.caller.name,),
    }


def _groups(groups: Sequence[CampaignGroup]) -> list[Group]:
    return [Group(**group.model_dump()) for group in groups]


def _view(plan: Plan, campaign: Campaign | None = None) -> PlanView:
    return PlanView(
        plan=plan.digest,
        digest=plan.affected.digest,
        changes=[
            ProfileChangeView(
                profile=one.profile,
                layer=one.layer,
                file=one.file,
                change=one.change.value,
                statements=[StatementChange(**statement._asdict()) for statement in one.statements],
            )
            for one in plan.changes
        ],
        count=len(plan.affected.device_ids),
        sample=plan.affected.device_ids[:SAMPLE],
        warnings=list(plan.warnings),
        campaign=campaign.id if campaign else "",
    )
