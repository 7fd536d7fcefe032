"""The account of OMA DM 1.1.2, as jobs find it, renew it and add another.

Its version strings and its tree could be checked, the values of AddrType and AuthPref not: what the old account of the
device says is kept, and else they are the ones below.

Spec: SyncML Device Management 1.1.2 (DMAcc)
"""

from __future__ import annotations

from gateway.fleet.account import CLIENT_NAME, CLIENT_SECRET, SERVER_SECRET
from gateway.objects.step import Ask

ROOT = "./SyncML/DMAcc"

HTTP = "1"
"""What AddrType calls a URL (unconfirmed)."""

AUTH_PREF = "syncml:auth-md5"
"""What AuthPref calls MD5 (unconfirmed)."""

LEAVES = ("ServerId", "ServerID", "Addr", "AddrType", "PortNbr", "ConRef", "Name", "UserName", "AuthPref")
"""What a device is asked for that lists no subtrees; phones spell ServerId in both ways."""

MAX_ACCOUNTS = 10


def is_older(node: str) -> bool:
    """Whether the node is an account of OMA DM 1.1.2."""
    return node.startswith(f"{ROOT}/")


def readings(children: str) -> tuple[Ask, ...]:
    """A Get of each leaf of the accounts with these names (``a/b``)."""
    names = [name for name in children.strip().split("/") if name][:MAX_ACCOUNTS]
    return tuple(Ask("Get", f"{ROOT}/{name}/{leaf}") for name in names for leaf in LEAVES)


def renewals(node: str) -> tuple[Ask, ...]:
    """New passwords of both directions."""
    return (
        Ask("Replace", f"{node}/ClientPW", CLIENT_SECRET, "chr"),
        Ask("Replace", f"{node}/ServerPW", SERVER_SECRET, "chr"),
    )


def additions(old: str, new: str, known: dict[str, str], server_id: str, address: str, port: int) -> tuple[Ask, ...]:
    """An account like the old one, with the new address and passwords."""
    said = {uri[len(old) + 1 :]: value for uri, value in known.items() if uri.startswith(f"{old}/")}
    spelt = "ServerID" if said.get("ServerID") else "ServerId"
    leaves = {
        "Addr": address,
        "AddrType": said.get("AddrType") or HTTP,
        "PortNbr": str(port),
        "ConRef": said.get("ConRef", ""),
        spelt: server_id,
        "ServerPW": SERVER_SECRET,
        "UserName": CLIENT_NAME,
        "ClientPW": CLIENT_SECRET,
        "AuthPref": said.get("AuthPref") or AUTH_PREF,
        "Name": said.get("Name") or server_id,
    }
    adds = (Ask("Add", f"{new}/{leaf}", value, "chr") for leaf, value in leaves.items() if value)
    return (Ask("Add", new, None, "node"), *adds)
