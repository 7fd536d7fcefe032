"""The admin API's routes for what is pushed to phones: notifications, bootstrap, and OMA CP documents."""

from __future__ import annotations

from gateway.admin.models.pushes import CpDocument, NewBootstrap, PushRecord, PushView
from gateway.admin.routes import Call, Route
from gateway.errors import ConfigError, NotFound
from gateway.fleet.push import Push
from gateway.inventory import Inventory
from gateway.outreach.deliveries import find_push, no_push
from gateway.outreach.pushes import Ordered, Pushes
from gateway.store.protocol import Store

NO_BEARER = (
    "no bearer carries short messages, so nothing was sent and nothing changed; sms.bearer is the setting that names"
    " one. dry_run=true (--dry-run) shows the octets"
)
UI_MODES = ("not-specified", "background", "informative", "user-interaction")


class PushRoutes:
    """What can be pushed to devices, and what became of it."""

    def __init__(self, store: Store, inventory: Inventory, pushes: Pushes) -> None:
        self._store = store
        self._inventory = inventory
        self._pushes = pushes

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        dry_run = {"dry_run": "true: show the octets, send and change nothing"}
        return (
            Route(
                "POST", "/devices/{ref}/notification", self.notify, "Make a device call: OMA DM package 0",
                gives=PushView, needs="pushes:write", query=dry_run | {
                    "ui_mode": "one of " + ", ".join(UI_MODES),
                    "resync": "true: for a device that lost its nonces",
                },
            ),
            Route(
                "POST", "/devices/{ref}/bootstrap", self.bootstrap, "Give a device its OMA DM account",
                takes=NewBootstrap, gives=PushView, query=dry_run | {
                    "by_hand": "true: store the account and give the octets to be carried by the caller",
                },
            ),
            Route(
                "POST", "/subscribers/{ref}/reconfiguration", self.reconfigure,
                "Make a subscriber's RCC.14 clients ask anew", gives=PushView, needs="pushes:write", query=dry_run | {
                    "by": "imsi: they start from nothing; impi: they keep number and token",
                    "imsi": "the SIM, where the subscriber has several",
                    "server": "the FQDN of the additional server to ask",
                    "apps": "the AppIDs that it is about, with commas between them",
                },
            ),
            Route(
                "GET", "/pushes/{id}", self.show_push, "What became of a push", gives=PushRecord, confined=True,
            ),
            Route(
                "GET", "/subscribers/{ref}/cp-document", self.show_document, "The OMA CP document as it would be sent",
                gives=CpDocument, needs="documents:read",
                query={"device": "device id, where the subscriber has several devices"},
            ),
        )  # fmt: skip

    async def notify(self, call: Call) -> PushView:
        """Package 0 for one device."""
        send = self._sends(call)
        ui_mode = call.query.get("ui_mode", "not-specified")
        if ui_mode not in UI_MODES:
            raise ConfigError(f"{ui_mode[:40]!r} is none of {', '.join(UI_MODES)}", key="ui_mode")
        _, device = await self._inventory.find_device(call.path["ref"])
        return _view(await self._pushes.notify(device, ui_mode=ui_mode, resync=call.flag("resync"), send=send))

    async def bootstrap(self, call: Call) -> PushView:
        """The bootstrap message with a new account, which is stored only when it is really on its way."""
        body: NewBootstrap = call.body
        by_hand = call.flag("by_hand") and not call.flag("dry_run")
        hint = "; by_hand=true (--by-hand) stores the account and leaves sending to you"
        ordered = await self._pushes.bootstrap(
            call.path["ref"],
            profile=body.profile,
            security=body.security,
            pin=body.pin,
            imei=body.imei,
            auth=body.auth,
            send=not by_hand and self._sends(call, hint),
            keep=by_hand,
        )
        return _view(ordered)

    async def reconfigure(self, call: Call) -> PushView:
        """The message that makes RCC.14 clients ask anew."""
        send = self._sends(call)
        by = call.query.get("by", "imsi")
        if by not in ("imsi", "impi"):
            raise ConfigError(f"{by[:40]!r} is none of imsi, impi", key="by")
        subscriber = (await self._inventory.find(call.path["ref"])).subscriber
        imsi = call.query.get("imsi", subscriber.imsi)
        if not imsi or imsi not in subscriber.imsis:
            known = ", ".join(subscriber.imsis) or "none"
            raise ConfigError(f"{imsi[:20]!r} is no IMSI of subscriber {subscriber.id}; known: {known}", key="imsi")
        apps = tuple(filter(None, call.query.get("apps", "").split(",")))
        server = call.query.get("server", "")
        return _view(
            await self._pushes.reconfigure(subscriber, imsi, by_impi=by == "impi", server=server, apps=apps, send=send)
        )

    async def show_push(self, call: Call) -> PushRecord:
        """What became of one push."""
        subscriber, push = await find_push(self._store, call.path["id"])
        if call.caller.tenant not in ("", subscriber.tenant):
            raise NotFound(no_push(call.path["id"]))
        return record_of(push)

    async def show_document(self, call: Call) -> CpDocument:
        """The OMA CP document of one device."""
        household, device = await self._inventory.find_device(call.path["ref"], call.query.get("device", ""))
        document, wbxml = self._pushes.preview(household.subscriber, device)
        return CpDocument(document=document, wbxml=wbxml.hex().upper())

    def _sends(self, call: Call, hint: str = "") -> bool:
        """Whether the push is to be sent, and not only shown. Raises: ConfigError when there is nothing that could."""
        if call.flag("dry_run"):
            return False
        if not self._pushes.can_send:
            raise ConfigError(NO_BEARER + hint)
        return True


def record_of(push: Push) -> PushRecord:
    """A push as the API shows it."""
    shown = {name: getattr(push, name) for name in PushRecord.model_fields if name != "handed_over"}
    return PushRecord(**shown, handed_over=len(push.message_ids))


def _view(ordered: Ordered) -> PushView:
    """A push as it is shown; of one that is on its way the octets, which may open an account, are for the phone."""
    prepared, push, device_id = ordered
    shown = push is None
    return PushView(
        id=push.id if push else "",
        device_id=device_id,
        kind=prepared.kind,
        fields=prepared.says,
        document=prepared.document if shown else "",
        entry=prepared.entry,
        body=prepared.body.hex().upper() if shown else "",
        push=prepared.octets.hex().upper() if shown else "",
        segments=[segment.hex().upper() for segment in prepared.segments] if shown else [],
    )
