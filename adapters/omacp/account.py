"""The OMA DM account as the APPLICATION of a provisioning document that tells a phone of it.

Spec: OMA-SUP-ac_w7_dm-V1_0; OMA-TS-DM_StdObj-V1_2 (DMAcc mapping)
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

from adapters.provisioning.document import Characteristic, Parm
from gateway.fleet.account import AUTH_TYPE_NAMES, Account, Login
from gateway.fleet.device import AuthType


def application(account: Account, *, nap_ids: Iterable[str] = (), proxy_ids: Iterable[str] = ()) -> Characteristic:
    """The APPLICATION w7, which goes through these access points and proxies.

    Spec: OMA-SUP-ac_w7_dm-V1_0
    """
    parms = [Parm("APPID", "w7"), Parm("PROVIDER-ID", account.server_id), Parm("NAME", account.name)]
    parms += [Parm("TO-PROXY", one) for one in proxy_ids] + [Parm("TO-NAPID", one) for one in nap_ids]
    # The client starts a session when it has the account.
    parms.append(Parm("INIT", ""))
    port = Characteristic("PORT", (Parm("PORTNBR", str(account.port)),))
    return Characteristic(
        "APPLICATION",
        tuple(parms),
        (
            Characteristic("APPADDR", (Parm("ADDR", account.address),), (port,)),
            _credentials("CLIENT", account.server_auth, account.server),
            _credentials("APPSRV", account.auth, account.client),
        ),
    )


def _credentials(level: str, auth: AuthType, login: Login) -> Characteristic:
    """What one side proves itself with: APPSRV to the server, CLIENT to the client."""
    parms = [
        Parm("AAUTHLEVEL", level),
        Parm("AAUTHTYPE", AUTH_TYPE_NAMES[auth]),
        Parm("AAUTHNAME", login.name),
        Parm("AAUTHSECRET", login.password),
    ]
    if login.nonce and auth != "basic":
        parms.append(Parm("AAUTHDATA", base64.b64encode(login.nonce).decode()))
    return Characteristic("APPAUTH", tuple(parms))
