"""OMA DM accounts: their credentials sealed, and those that the gateway makes for devices it knows over RCC.14.

Such an account is handed out inside a configuration. Its passwords are computed from the gateway's key and a serial
number, so they can be written into a document again without being stored, and no two devices or serials share one.

Spec: OMA-TS-DM_Security-V1_2 5.3; OMA-SUP-ac_w7_dm-V1_0
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from gateway.fleet.account import AUTH_TYPE_NAMES, Login, server_auth
from gateway.fleet.device import (
    IMEI_DIGITS,
    SERIAL_DIGITS,
    AccountPair,
    Credential,
    Device,
    OmaDmState,
    account_digest,
    format_imei,
)
from gateway.fleet.model import Model, model_of
from gateway.fleet.reset import has_account
from gateway.sealing import Sealer

CREDENTIAL_PURPOSE = "omadm-credential"
_PASSWORD_BYTES = 18


def seal_login(sealer: Sealer, login: Login, *, in_clear: bool = False) -> Credential:
    """One direction of an account as it is stored: of the password only the sealed digest.

    With ``in_clear`` the password itself is kept as well, sealed: for basic, where it has to be shown.
    """
    digest = login.digest or account_digest(login.name, login.password)
    return Credential(
        name=login.name,
        secret=sealer.seal(digest.encode(), CREDENTIAL_PURPOSE),
        nonce=login.nonce,
        password=sealer.seal(login.password.encode(), CREDENTIAL_PURPOSE) if in_clear else b"",
    )


class Accounts:
    """Makes and renews accounts; ``life_seconds`` is how long one is good for, ``server_id`` the gateway's name.

    ``models`` say how devices of theirs prove themselves with a first account, which is md5 for others.
    """

    def __init__(self, sealer: Sealer, *, server_id: str, life_seconds: int, models: Sequence[Model] = ()) -> None:
        self._sealer = sealer
        self._key = sealer.derive("omadm-account")
        self._server_id = server_id
        self._life = timedelta(seconds=life_seconds)
        self._models = tuple(models)

    def variables(self, device: Device) -> dict[str, str]:
        """The variables of the device's newest account; none when the gateway did not make it, or there is none."""
        state = device.omadm
        if state is None or state.account_made_at is None:
            return {}
        serial = state.account_serial
        client, server = self._names(state)
        return {
            "dm_client_name": client,
            "dm_client_secret": self._password(device.id, serial, "client"),
            "dm_client_auth": AUTH_TYPE_NAMES[state.auth],
            "dm_server_name": server,
            "dm_server_secret": self._password(device.id, serial, "server"),
            "dm_server_auth": AUTH_TYPE_NAMES[server_auth(state.auth)],
        }

    def _names(self, state: OmaDmState) -> tuple[str, str]:
        """The names of both directions: those that the device has in its account stay when that gets new passwords."""
        return state.client.name or state.loc_uri, state.server.name if state.server else self._server_id

    def is_due(self, device: Device, now: datetime) -> bool:
        """Whether the device has no account yet, or one of the gateway's making that is past its life.

        A device without an IMEI has no name for one. An account that somebody else made is left as it is.
        """
        state = device.omadm
        if state is None:
            return bool(loc_uri_of(device.imei))
        return state.account_made_at is not None and now - state.account_made_at >= self._life

    def renewed(self, device: Device, now: datetime) -> Device:
        """The device with a new account. A former one holds until the device first uses the new one."""
        state = device.omadm
        serial = state.account_serial + 1 if state else 1
        loc_uri = state.loc_uri if state else loc_uri_of(device.imei)
        client, server = self._names(state) if state else (loc_uri, self._server_id)
        pair = AccountPair(
            seal_login(self._sealer, Login(client, self._password(device.id, serial, "client"))),
            seal_login(self._sealer, Login(server, self._password(device.id, serial, "server"))),
        )
        if state is None:
            auth = model_of(self._models, device).auth or "md5"
            state = OmaDmState(loc_uri=loc_uri, client=pair.client, server=pair.server, auth=auth)
        else:
            state = replace(state, pending=pair)
        return replace(device, omadm=replace(state, account_serial=serial, account_made_at=now))

    def issued(self, device: Device, now: datetime) -> tuple[Device, Login, Login]:
        """The device with an account anew beside the one it had before its reset, and both directions in clear.

        Until it has used that one, it is the same account every time. The device must have been known over OMA DM.
        """
        if device.omadm is None or device.omadm.pending is None or not has_account(device.omadm):
            device = self.renewed(device, now)
        told = self.variables(device)
        client, server = (Login(told[f"dm_{side}_name"], told[f"dm_{side}_secret"]) for side in ("client", "server"))
        return device, client, server

    def _password(self, device_id: str, serial: int, direction: str) -> str:
        mac = hmac.digest(self._key, f"{device_id}.{serial}.{direction}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(mac[:_PASSWORD_BYTES]).decode()


def loc_uri_of(imei: str) -> str:
    """What a phone of that IMEI calls itself over OMA DM; empty without one.

    The last digits of an IMEISV are a software version: the check digit is worked out in their place.

    Spec: OMA-TS-DM_StdObj-V1_2 (DevId); 3GPP TS 23.003 6.2, Annex B (check digit)
    """
    if len(imei) < SERIAL_DIGITS:
        return ""
    return f"IMEI:{imei if len(imei) == IMEI_DIGITS else format_imei(imei)}"
