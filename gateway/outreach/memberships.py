"""The campaigns of one device: as its events tell, so that nobody goes through the members of campaigns for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

from gateway.errors import NotFound
from gateway.fleet.campaign import Campaign, CampaignState, MemberState
from gateway.fleet.device import Device
from gateway.fleet.ranges import parse_ranges
from gateway.fleet.search import search_of
from gateway.fleet.subscriber import Subscriber
from gateway.outreach.campaigns import Campaigns
from gateway.store.protocol import Store

EVENTS = 1000
"""The newest of the device's that are looked at."""
PAGE = 500

_TO_COME = frozenset({CampaignState.BUILDING, CampaignState.WAITING, CampaignState.RUNNING, CampaignState.PAUSED})


class Membership(NamedTuple):
    """Where a device stands in a campaign, since when, and why it failed: a code, and words where there are any."""

    campaign: Campaign
    state: MemberState
    at: datetime | None
    code: str = ""
    why: str = ""


async def memberships(store: Store, campaigns: Campaigns, subscriber: Subscriber, device: Device) -> list[Membership]:
    """The campaigns that are for the device and have not begun with it, then those that have, the newest first.

    That one is for it is told by whom the campaign says that it is for, as the device is by now.
    """
    begun: dict[str, tuple[MemberState, datetime, str]] = {}
    whys: dict[str, str] = {}
    for event in await store.load_events(device_id=device.id, limit=EVENTS, newest=True):
        campaign_id = event.detail.get("campaign", "")
        if event.kind == "campaign.device":
            begun.pop(campaign_id, None)
            begun[campaign_id] = (MemberState(event.detail["state"]), event.at, event.detail.get("code", ""))
        elif event.kind == "campaign.device_failed":
            whys[campaign_id] = event.detail.get("why", "")
    found = [
        Membership(one, MemberState.PENDING, None)
        async for one in _to_come(campaigns)
        if one.id not in begun and _is_for(one, subscriber, device)
    ]
    for campaign_id, (state, at, code) in reversed(begun.items()):
        try:
            campaign = await campaigns.load(campaign_id)
        except NotFound:
            continue
        why = whys.get(campaign_id, "") if state is MemberState.FAILED else ""
        found.append(Membership(campaign, state, at, code, why))
    return found


async def _to_come(campaigns: Campaigns) -> AsyncIterator[Campaign]:
    """The campaigns that may begin with further devices."""
    after = ""
    while page := await campaigns.listed(after=after, limit=PAGE):
        after = page[-1].id
        for one in page:
            if one.state in _TO_COME:
                yield one


def _is_for(campaign: Campaign, subscriber: Subscriber, device: Device) -> bool:
    target = campaign.target
    if not {device.id, device.imei}.isdisjoint(target.devices):
        return True
    if not target.searches or not search_of(target.match).finds(subscriber, device, None):
        return False
    ranges = parse_ranges(target.ranges, key="target.ranges")
    return not target.ranges or ranges.have(subscriber.imsis, subscriber.msisdn)
