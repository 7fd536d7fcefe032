"""The admin API's routes for campaigns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gateway.admin.devices import operation_of, operation_view
from gateway.admin.models.campaigns import (
    ApprovalView,
    CampaignChange,
    CampaignTerms,
    CampaignView,
    CampaignWindow,
    GroupView,
    MembershipView,
    MemberView,
    NewCampaign,
)
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.errors import ConfigError
from gateway.fleet.campaign import Campaign, Content, Group, Member, MemberState, Target
from gateway.inventory import Inventory
from gateway.outreach.campaigns import Campaigns
from gateway.outreach.memberships import memberships
from gateway.status import StatusCode
from gateway.store.protocol import Store

_WATCH_SECONDS = 1.0
_WINDOW = ("begin", "end", "timezone")


class CampaignRoutes:
    """Making campaigns, watching and steering them."""

    def __init__(self, campaigns: Campaigns, store: Store, inventory: Inventory) -> None:
        self._campaigns = campaigns
        self._store = store
        self._inventory = inventory

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        paging = {"limit": f"how many, at most {MAX_LISTED}"}
        steering = (
            ("pause", self.pause_campaign, "Start no device any more until the campaign is resumed"),
            ("resume", self.resume_campaign, "Go on with a campaign, past what it was paused for"),
            ("next", self.open_next_group, "Open the next group of a campaign now"),
            ("stop", self.stop_campaign, "End a campaign; devices that were not started never are"),
            ("undo", self.undo_campaign, "Give every device of a campaign that was started what it had"),
        )
        deciding = (
            ("approve", self.approve_campaign, "Let a campaign of somebody else begin, or go on after a change"),
            ("reject", self.reject_campaign, "End a campaign of somebody else before it begins; X-Reason says why"),
        )
        return (
            Route(
                "POST", "/campaigns", self.create_campaign, "Begin a campaign",
                takes=NewCampaign, gives=CampaignView, status=201,
            ),
            Route(
                "GET", "/campaigns", self.list_campaigns, "Campaigns by id", gives=CampaignView, many=True,
                query=paging | {"after": "after this id"}, watch_seconds=_WATCH_SECONDS,
            ),
            Route(
                "GET", "/campaigns/{id}", self.show_campaign, "A campaign and its groups",
                gives=CampaignView, watch_seconds=_WATCH_SECONDS,
            ),
            Route(
                "PATCH", "/campaigns/{id}", self.change_campaign,
                "Go on with other terms; where campaigns need approval, once there is another",
                takes=CampaignChange, gives=CampaignView,
            ),
            Route(
                "GET", "/campaigns/{id}/devices", self.list_members, "Devices of a campaign in their order",
                gives=MemberView, many=True,
                query=paging | {
                    "after": "from this place on", "state": "only these: " + ", ".join(MemberState),
                    "code": "only those that failed with this code",
                },
            ),
            Route(
                "GET", "/devices/{ref}/campaigns", self.list_memberships,
                "Campaigns that a device is of: those that have not begun with it, then the newest first",
                gives=MembershipView, many=True,
            ),
            *(
                Route("POST", f"/campaigns/{{id}}/{name}", handler, summary, gives=CampaignView)
                for name, handler, summary in steering
            ),
            *(
                Route(
                    "POST", f"/campaigns/{{id}}/{name}", handler, summary,
                    gives=CampaignView, needs="approvals:write",
                )
                for name, handler, summary in deciding
            ),
        )  # fmt: skip

    async def create_campaign(self, call: Call) -> CampaignView:
        """Begin a campaign."""
        body: NewCampaign = call.body
        campaign = await self._campaigns.create(
            name=body.name,
            target=Target(
                devices=tuple(body.target.devices),
                match={facet: tuple(values) for facet, values in body.target.match.items()},
                ranges=tuple(body.target.ranges),
                dynamic=body.target.dynamic,
            ),
            content=Content(
                values=dict(body.values),
                unset=tuple(body.unset),
                operations=tuple(map(operation_of, body.operations)),
                package=body.package,
                address=body.address,
            ),
            groups=[Group(**group.model_dump()) for group in body.groups],
            begins_paused=body.paused,
            authors=(call.caller.name,),
            **_terms(body, CampaignTerms.model_fields),
        )
        return campaign_view(campaign)

    async def change_campaign(self, call: Call) -> CampaignView:
        """Change the terms that are named."""
        body: CampaignChange = call.body
        terms = _terms(body, body.model_fields_set)
        return campaign_view(await self._campaigns.change(call.path["id"], call.caller.name, **terms))

    async def approve_campaign(self, call: Call) -> CampaignView:
        """Let it begin."""
        return campaign_view(await self._campaigns.approve(call.path["id"], call.caller.name, call.reason))

    async def reject_campaign(self, call: Call) -> CampaignView:
        """End it before it begins."""
        return campaign_view(await self._campaigns.reject(call.path["id"], call.caller.name, call.reason))

    async def list_campaigns(self, call: Call) -> Sequence[CampaignView]:
        """A page of campaigns."""
        found = await self._campaigns.listed(after=call.query.get("after", ""), limit=call.limit)
        return [campaign_view(one) for one in found]

    async def show_campaign(self, call: Call) -> CampaignView:
        """One campaign."""
        return campaign_view(await self._campaigns.load(call.path["id"]))

    async def list_members(self, call: Call) -> Sequence[MemberView]:
        """A page of a campaign's devices."""
        state, code = call.query.get("state", ""), call.query.get("code", "")
        if state and state not in list(MemberState):
            raise ConfigError(f"{state[:40]!r} is none of {', '.join(MemberState)}", key="state")
        campaign = await self._campaigns.load(call.path["id"])
        found: list[MemberView] = []
        after, limit = call.number("after", 0), call.limit
        while len(found) < limit:
            page = await self._campaigns.members(campaign.id, after=after, limit=MAX_LISTED)
            found += [
                _member_view(campaign, place, member)
                for place, member in page
                if state in ("", member.state) and code in ("", member.code)
            ]
            if len(page) < MAX_LISTED:
                break
            after = page[-1][0] + 1
        return found[:limit]

    async def list_memberships(self, call: Call) -> Sequence[MembershipView]:
        """The campaigns of one device."""
        household, device = await self._inventory.find_device(call.path["ref"])
        found = await memberships(self._store, self._campaigns, household.subscriber, device)
        return [
            MembershipView(
                campaign=one.campaign.id,
                name=one.campaign.name,
                campaign_state=one.campaign.state.value,
                state=one.state.value,
                at=one.at,
                code=one.code,
                meaning=_meaning(one.code),
                why=one.why,
            )
            for one in found
        ]

    async def pause_campaign(self, call: Call) -> CampaignView:
        """Start no device any more."""
        return campaign_view(await self._campaigns.pause(call.path["id"]))

    async def resume_campaign(self, call: Call) -> CampaignView:
        """Go on."""
        return campaign_view(await self._campaigns.resume(call.path["id"]))

    async def open_next_group(self, call: Call) -> CampaignView:
        """Open the next group now."""
        return campaign_view(await self._campaigns.next_group(call.path["id"]))

    async def stop_campaign(self, call: Call) -> CampaignView:
        """End a campaign."""
        return campaign_view(await self._campaigns.stop(call.path["id"]))

    async def undo_campaign(self, call: Call) -> CampaignView:
        """Take a campaign back."""
        return campaign_view(await self._campaigns.undo(call.path["id"]))


def _terms(body: CampaignTerms, names: Iterable[str]) -> dict[str, Any]:
    """Those of the terms, as a campaign has them."""
    window = body.window and (body.window.begin.isoformat(), body.window.end.isoformat(), body.window.timezone)
    return {name: window if name == "window" else getattr(body, name) for name in names}


def campaign_view(campaign: Campaign) -> CampaignView:
    """A campaign for the API."""
    content = campaign.content
    groups = [
        GroupView(
            size=campaign.size_of(number),
            open=number < campaign.opened,
            success_percent=group.success_percent,
            error_percent=group.error_percent,
            **{state.value: campaign.count(number, state) for state in MemberState},
        )
        for number, group in enumerate(campaign.groups)
    ]
    fields = (
        "id", "name", "why", "total", "created_at", "ended_at", "next_start_at", "rate_per_minute",
        "searched_at", "device_deadline_seconds", "retries", "needs_approval",
    )  # fmt: skip
    return CampaignView(
        **{name: getattr(campaign, name) for name in fields},
        state=campaign.state.value,
        authors=list(campaign.authors),
        approval=ApprovalView(**msgspec.structs.asdict(campaign.approval)) if campaign.approval else None,
        after_success=campaign.after_success,
        on_error=campaign.on_error,
        values=content.values,
        unset=list(content.unset),
        package=content.package,
        address=content.address,
        edition=content.edition or content.refresh,
        listed=len(campaign.target.devices),
        match={facet: list(values) for facet, values in campaign.target.match.items()},
        ranges=list(campaign.target.ranges),
        dynamic=campaign.target.dynamic,
        window=CampaignWindow.model_validate(dict(zip(_WINDOW, campaign.window, strict=True)))
        if campaign.window
        else None,
        operations=len(content.operations),
        asks=list(map(operation_view, content.operations)),
        can_be_undone=content.can_be_undone,
        cannot_undo=content.without_way_back,
        searched_to=campaign.cursor,
        groups=groups,
        errors=campaign.errors,
        meanings={code: meaning for code in campaign.errors if (meaning := _meaning(code))},
    )


def _meaning(code: str) -> str:
    """What a status code means; empty for a code of another kind."""
    return StatusCode(int(code)).meaning if code.isdecimal() and len(code) == 3 else ""


def _member_view(campaign: Campaign, place: int, member: Member) -> MemberView:
    fields = ("device_id", "code", "attempts", "started_at", "deadline_at", "previous")
    return MemberView(
        place=place,
        group=campaign.group_of(place) + 1,
        state=member.state.value,
        kept=list(member.kept),
        **{name: getattr(member, name) for name in fields},
    )
