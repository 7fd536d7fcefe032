"""The admin API's routes for webhooks."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.admin.models.webhooks import DeliveryView, NewWebhook, Replayed, WebhookView
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.fleet.webhook import Message, Webhook
from gateway.outreach.webhooks import Webhooks


class WebhookRoutes:
    """Who is told of events over HTTP, and what came of it."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        paging = {"after": "after this id", "limit": f"how many, at most {MAX_LISTED}"}
        return (
            Route(
                "POST", "/webhooks", self.create_webhook, "Have events sent to a receiver; its secret is shown once",
                takes=NewWebhook, gives=WebhookView, status=201,
            ),
            Route(
                "GET", "/webhooks", self.list_webhooks, "Webhooks by id", gives=WebhookView, many=True, query=paging
            ),
            Route("GET", "/webhooks/{id}", self.show_webhook, "One webhook", gives=WebhookView),
            Route("DELETE", "/webhooks/{id}", self.delete_webhook, "Send a receiver nothing more", status=204),
            Route("POST", "/webhooks/{id}/test", self.test_webhook, "Send a test now", gives=DeliveryView),
            Route(
                "GET", "/webhooks/{id}/deliveries", self.list_deliveries, "What was sent and what waits, oldest first",
                gives=DeliveryView, many=True, query=paging,
            ),
            Route(
                "POST", "/webhooks/{id}/replay", self.replay_deliveries, "Send once more what failed",
                gives=Replayed, query={"delivery": "only this one, whatever came of it"},
            ),
        )  # fmt: skip

    async def create_webhook(self, call: Call) -> WebhookView:
        """Have events sent to a receiver."""
        body: NewWebhook = call.body
        webhook, secret = await self._webhooks.add(body.url, body.events)
        return _webhook_view(webhook, secret)

    async def list_webhooks(self, call: Call) -> Sequence[WebhookView]:
        """A page of webhooks."""
        found = await self._webhooks.listed(after=call.query.get("after", ""), limit=call.limit)
        return [_webhook_view(one) for one in found]

    async def show_webhook(self, call: Call) -> WebhookView:
        """One webhook."""
        return _webhook_view(await self._webhooks.load(call.path["id"]))

    async def delete_webhook(self, call: Call) -> None:
        """Send nothing more."""
        await self._webhooks.remove(call.path["id"])

    async def test_webhook(self, call: Call) -> DeliveryView:
        """Send a test, and say what came of it."""
        return _delivery_view("test", await self._webhooks.test(call.path["id"]))

    async def list_deliveries(self, call: Call) -> Sequence[DeliveryView]:
        """A page of messages."""
        found = await self._webhooks.log(call.path["id"], after=call.query.get("after", ""), limit=call.limit)
        return [_delivery_view(message_id, message) for message_id, message in found]

    async def replay_deliveries(self, call: Call) -> Replayed:
        """Send once more what failed, or one message."""
        return Replayed(count=await self._webhooks.replay(call.path["id"], call.query.get("delivery", "")))


def _webhook_view(webhook: Webhook, secret: str = "") -> WebhookView:
    fields = ("id", "url", "created_at", "cursor", "disabled")
    return WebhookView(**{name: getattr(webhook, name) for name in fields}, events=list(webhook.events), secret=secret)


def _delivery_view(message_id: str, message: Message) -> DeliveryView:
    fields = ("kind", "state", "attempts", "status", "why", "created_at", "tried_at", "delivered_at", "failed_at")
    shown = {name: getattr(message, name) for name in fields}
    return DeliveryView(id=message_id, body=message.body.decode("utf-8", "replace"), **shown)
