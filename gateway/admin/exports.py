"""The admin API's routes for all values and all accounts, as they are taken over by another gateway."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from gateway.accounts import CREDENTIAL_PURPOSE
from gateway.admin.models.exports import AccountPage, AccountRow, AccountsReading, OwnValueRow
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.admin.subscribers import flat
from gateway.fleet.device import Credential, Device
from gateway.fleet.subscriber import Subscriber
from gateway.sealing import Sealer
from gateway.store.protocol import Store


class ExportRoutes:
    """Rows as ``ImportRoutes`` takes them."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/values", self.list_values,
                "What is set on subscribers and on single devices, as /values/bulk takes it; that of one subscriber is "
                "never parted",
                gives=OwnValueRow, many=True, confined=True, pages_by="subscriber_id", needs="subscribers:read",
                query={"after": "after all of this subscriber", "limit": f"at least so many, up to {MAX_LISTED}"},
            ),
            Route(
                "POST", "/devices/accounts", self.read_accounts,
                "Read OMA DM accounts with their digests and nonces, as /devices/bulk takes them",
                takes=AccountsReading, gives=AccountPage, confined=True, needs="credentials:write",
            ),
        )  # fmt: skip

    async def list_values(self, call: Call) -> Sequence[OwnValueRow]:
        """Values by subscriber, and of one by device."""
        page: list[OwnValueRow] = []
        async for subscriber, devices in self._store.scan_households(call.query.get("after", "")):
            if call.caller.tenant not in ("", subscriber.tenant):
                continue
            owners: tuple[Subscriber | Device, ...] = (subscriber, *devices)
            for owner in owners:
                page += [
                    OwnValueRow.of_subscriber(subscriber.id, of=owner.id, node=node, value=value)
                    for node, value in flat(owner.overrides).items()
                ]
            if len(page) >= call.limit:
                break
        return page

    async def read_accounts(self, call: Call) -> AccountPage:
        """Accounts by subscriber."""
        asked: AccountsReading = call.body
        rows: list[AccountRow] = []
        async for subscriber, devices in self._store.scan_households(asked.after):
            if call.caller.tenant not in ("", subscriber.tenant):
                continue
            rows += [row for device in devices if (row := self._row(device)) is not None]
            if len(rows) >= asked.limit:
                return AccountPage(accounts=rows, after=subscriber.id)
        return AccountPage(accounts=rows, after="")

    def _row(self, device: Device) -> AccountRow | None:
        state = device.omadm
        if state is None or state.server is None:
            return None
        # Basic is shown as it is, so the password itself has to go along.
        password = self._opened(state.server.password) if state.server_auth == "basic" else ""
        return AccountRow(
            subscriber=device.subscriber_id,
            loc_uri=state.loc_uri,
            imei=device.imei,
            manufacturer=device.manufacturer,
            model=device.model,
            auth=state.auth,
            server_auth=state.server_auth,
            client_name=state.client.name,
            client_digest=self._opened(state.client.secret),
            client_nonce=_nonce(state.client),
            server_name=state.server.name,
            server_password=password,
            server_digest="" if password else self._opened(state.server.secret),
            server_nonce=_nonce(state.server),
        )

    def _opened(self, sealed: bytes) -> str:
        return self._sealer.unseal(sealed, CREDENTIAL_PURPOSE).decode() if sealed else ""


def _nonce(credential: Credential) -> str:
    return base64.b64encode(credential.nonce).decode()
