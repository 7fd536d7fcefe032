"""The OMA DM account as the APPLICATION of a provisioning document that tells a phone of it.

Spec: OMA-SUP-ac_w7_dm-V1_0; OMA-TS-DM_StdObj-V1_2 (DMAcc mapping)
"""

from __future__ import annotations

from collections.abc import Iterable

from adapters.provisioning.document import Characteristic, Parm
from adapters.provisioning.mapping import Mapping
from gateway.errors import ConfigError
from gateway.fleet.account import Account, values_of

_URL_NEEDS_NO = "AppAddr/1/AddrType"


def application(
    mapping: Mapping, account: Account, *, nap_ids: Iterable[str] = (), proxy_ids: Iterable[str] = ()
) -> Characteristic:
    """The APPLICATION w7, which goes through these access points and proxies.

    Raises: ConfigError when the mapping has no place for an account.
    Spec: OMA-SUP-ac_w7_dm-V1_0
    """
    values = values_of(account)
    # How the server proves itself comes first, as in the registration.
    paths = sorted(values.keys() - {_URL_NEEDS_NO}, key=[*values].index)
    paths.sort(key=lambda path: path.startswith("AppAuth/1/"))
    rendered = mapping.render("dmacc", {path: values[path] for path in paths}, "A")
    if rendered is None:
        raise ConfigError("the mapping of dmacc has no place for an account; take the shipped one", key="mapping")
    parms = [Parm("TO-PROXY", one) for one in proxy_ids] + [Parm("TO-NAPID", one) for one in nap_ids]
    # The client starts a session when it has the account.
    return rendered._replace(parms=(*rendered.parms, *parms, Parm("INIT", "")))
