"""Who may do what: permissions on resources of the admin API, and the roles that bundle them.

A permission is ``resource:verb``; ``*`` stands for every resource or both verbs. What a role does not have, its users
cannot do: a resource that no role names is the administrator's.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable

RESOURCES = {
    "subscribers": "subscribers, their values and the state of their service",
    "devices": "devices, their accounts and the state of their service",
    "documents": "documents as a device would get them, with all that is in them",
    "confirmations": "what users answer to confirmation requests (write)",
    "credentials": "passwords of devices for IMS, for an HSS to be told (write: to read one is an act)",
    "identities": "IMSI, MSISDN and IMEI in clear (read); without it they are masked",
    "secrets": "values of nodes and attributes that hold secrets, in clear (read); without it they are covered",
    "operations": "OMA DM commands queued for a device",
    "jobs": "firmware, software, lock and wipe of a device",
    "pushes": "what makes phones call, and bootstraps them",
    "reach": "devices that are to call, and how far that came",
    "trace": "what was said with a device, and tracing it in full (write)",
    "events": "what happened to subscribers and devices",
    "packages": "packages for devices to fetch",
    "profiles": "profiles, and what they make of a subscriber",
    "files": "profiles, mappings, DDFs, rules and certificates as they are on disk, to be taken up (write)",
    "settings": "how the gateway is set up, and which processes serve (read)",
    "campaigns": "campaigns",
    "approvals": "campaigns of others, to be let begin or rejected where they need that (write)",
    "shadow": "what another server answers, beside what this gateway would",
    "webhooks": "webhooks",
    "detections": "sightings of subscribers in devices",
    "registrations": "what the IMS core says of services",
    "backups": "copies of all that the gateway keeps, in files on its host, which open every secret",
    "users": "people who may use this API",
    "tokens": "programs that may use this API",
    "changes": "who changed what of one subscriber or device (read)",
    "audit": "who did what",
}
"""What a permission can be for, and what that is."""

SECRETS = "secrets:read"
DOCUMENTS = "documents:read"
"""Who has this sees documents as devices get them, secrets and all."""

VERBS = ("read", "write")
_PERMISSION = re.compile(r"(\*|[a-z][a-z-]*):(\*|read|write)")
EVERYTHING = frozenset({"*:*"})


class Role(enum.StrEnum):
    """What a person is there to do."""

    VIEWER = "viewer"
    HELPDESK = "helpdesk"
    PROVISIONING = "provisioning"
    NOC = "noc"
    ADMIN = "admin"


def _all(verb: str, resources: str) -> frozenset[str]:
    return frozenset(f"{resource}:{verb}" for resource in resources.split())


_VIEWER = _all(
    "read", "subscribers devices operations jobs pushes reach events packages profiles campaigns detections shadow"
)
_HELPDESK = _VIEWER | _all("read", "identities documents trace changes") | _all("write", "pushes reach jobs")
PERMISSIONS = {
    Role.VIEWER: _VIEWER,
    Role.HELPDESK: _HELPDESK,
    Role.PROVISIONING: _HELPDESK
    | {SECRETS}
    | _all(
        "write",
        "subscribers devices operations packages profiles files campaigns detections registrations shadow",
    ),
    Role.NOC: _VIEWER
    | _all("read", "trace changes webhooks settings backups")
    | _all("write", "trace files campaigns approvals shadow"),
    Role.ADMIN: EVERYTHING,
}
"""What each role may do."""


def check_permission(text: str) -> str:
    """The text, if it is a permission.

    Raises: ValueError.
    """
    found = _PERMISSION.fullmatch(text)
    if found is None or found[1] not in {*RESOURCES, "*"}:
        known = ", ".join(RESOURCES)
        raise ValueError(f"{text[:60]!r} is no permission; write RESOURCE:read, :write or :*, with * or one of {known}")
    return text


def permits(held: Iterable[str], needed: str) -> bool:
    """Whether somebody with these permissions has the one that is needed."""
    resource, _, verb = needed.partition(":")
    return not {needed, f"{resource}:*", f"*:{verb}", "*:*"}.isdisjoint(held)
