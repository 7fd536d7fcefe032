"""What metrics say of work that the whole fleet shares: read from the store when somebody asks for the metrics."""

from __future__ import annotations

from gateway.errors import Unavailable
from gateway.fleet.campaign import ENDS, Campaign, CampaignState, MemberState
from gateway.observe import metrics
from gateway.outreach.campaigns import Campaigns
from gateway.outreach.webhooks import Webhooks
from gateway.store.protocol import Store

MAX_SHOWN = 1000
"""Campaigns and webhooks that are looked at."""


class Gauges:
    """The gauges of campaigns and of the events that webhooks wait for."""

    def __init__(self, store: Store, campaigns: Campaigns, webhooks: Webhooks) -> None:
        self._store = store
        self._campaigns = campaigns
        self._webhooks = webhooks

    async def refresh(self) -> None:
        """Read them anew; what cannot be read is said to be unknown."""
        try:
            campaigns = await self._campaigns.listed(limit=MAX_SHOWN)
            webhooks = await self._webhooks.listed(limit=MAX_SHOWN)
            newest = await self._store.last_event()
        except Unavailable:
            metrics.campaign_state.clear()
            metrics.campaign_error_ratio.clear()
            metrics.campaign_members.clear()
            metrics.event_stream_lag.set(float("nan"))
            return
        _show_campaigns([one for one in campaigns if one.state not in ENDS])
        metrics.event_stream_lag.set(max((newest - one.cursor for one in webhooks if not one.disabled), default=0))


def _show_campaigns(campaigns: list[Campaign]) -> None:
    metrics.campaign_state.clear()
    metrics.campaign_error_ratio.clear()
    metrics.campaign_members.clear()
    for campaign in campaigns:
        for state in CampaignState:
            if state not in ENDS:
                metrics.campaign_state.labels(campaign.id, state.value).set(campaign.state is state)
        metrics.campaign_error_ratio.labels(campaign.id).set(_error_ratio(campaign))
        for member in MemberState:
            number = sum(one.get(member.value, 0) for one in campaign.counts)
            metrics.campaign_members.labels(campaign.id, member.value).set(number)


def _error_ratio(campaign: Campaign) -> float:
    counted = {
        state: sum(one.get(state.value, 0) for one in campaign.counts) for state in (MemberState.OK, MemberState.FAILED)
    }
    ended = sum(counted.values())
    return counted[MemberState.FAILED] / ended if ended else 0.0
