"""Names of one tenant (MVNO) are its own: what its callers call ``s1`` is kept as ``s1~bluebird``, once, at the edge.

So callers of two tenants may use the same id, and neither learns of the other's. What the operator itself made has no
mark, and goes by the id that it has. Pure.
"""

from __future__ import annotations

import hashlib
import re

MARK = "~"
_PLAIN = re.compile("[A-Za-z0-9_-]{1,40}", re.ASCII)


def own_id(subscriber_id: str, tenant: str) -> str:
    """The id as it is kept for a caller of that tenant; one that has the tenant's mark already stays as it is.

    A name that an id cannot hold stands there as a digest, which is longer than any that it can.
    """
    name = tenant if _PLAIN.fullmatch(tenant) else hashlib.sha256(tenant.encode()).hexdigest()[:48]
    mark = f"{MARK}{name}"
    return subscriber_id if subscriber_id.endswith(mark) else subscriber_id + mark


def is_of_another(kept: str) -> bool:
    """Whether a caller of one tenant chose an id with the mark of another."""
    return kept.count(MARK) > 1


def own_reference(reference: str, tenant: str) -> str:
    """The same for what may be the id of a subscriber or, with a number after it, of a device of theirs."""
    subscriber_id, dot, number = reference.rpartition(".")
    return f"{own_id(subscriber_id, tenant)}.{number}" if dot else own_id(reference, tenant)
