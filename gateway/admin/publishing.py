"""The admin API's route for publishing profiles."""

from __future__ import annotations

from gateway.admin.models import NewPublication, PublicationView
from gateway.admin.routes import Call, Route
from gateway.fleet.campaign import Group
from gateway.outreach.publishing import SAMPLE, Publishing


class PublishingRoutes:
    """Serving profiles as the files have them, and telling the devices that it changes something for."""

    def __init__(self, publishing: Publishing) -> None:
        self._publishing = publishing

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/profiles/publish", self.publish_profiles,
                "Serve the profiles as the files have them, and make the devices that they change call",
                takes=NewPublication, gives=PublicationView,
                query={"dry_run": "true: show whose content would change, and change nothing"},
            ),
        )  # fmt: skip

    async def publish_profiles(self, call: Call) -> PublicationView:
        """Publish, or show what that would do."""
        body: NewPublication = call.body
        campaign = None
        if call.flag("dry_run"):
            affected = await self._publishing.preview()
        else:
            groups = [Group(**group.model_dump()) for group in body.groups]
            affected, campaign = await self._publishing.publish(within_seconds=body.within_seconds, groups=groups)
        return PublicationView(
            digest=affected.digest,
            count=len(affected.device_ids),
            sample=affected.device_ids[:SAMPLE],
            campaign=campaign.id if campaign else "",
        )
