"""What is known of a request before it is read: the server it was meant for.

Pure.

Spec: RCC.14 2.2.1 (default server), 3GPP TS 23.003 (3gppnetwork.org names)
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Redirect(NamedTuple):
    """Another server for a share of the clients.

    ``to`` is scheme and host, and counts on the leg of that scheme. ``hosts`` are the names it holds for, none for all.
    """

    status: int
    to: str
    hosts: frozenset[str] = frozenset()
    share_percent: int = 100


def default_hosts(plmns: Iterable[str]) -> frozenset[str]:
    """The names under which clients of these networks (MCC and MNC together) look for their configuration server."""
    return frozenset(f"config.rcs.mnc{plmn[3:].zfill(3)}.mcc{plmn[:3]}.pub.3gppnetwork.org" for plmn in plmns)


@functools.lru_cache(1024)
def host_name(header: str) -> str:
    """The name in a Host header, without port and final dot."""
    name = header.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0].removeprefix("[")
    return name.partition(":")[0].removesuffix(".")


def redirect_for(redirects: Sequence[Redirect], scheme: str, host: str, client: str) -> Redirect | None:
    """Where this client is to go instead, the first that fits; ``client`` is what tells it from others.

    One client is always told the same, and a larger share holds all those that were in the smaller one.
    """
    for redirect in redirects:
        if not redirect.to.startswith(f"{scheme}://") or (redirect.hosts and host not in redirect.hosts):
            continue
        if zlib.crc32(client.encode("utf-8", "replace")) % 100 < redirect.share_percent:
            return redirect
    return None
