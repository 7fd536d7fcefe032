"""Whom an OpenID provider says a person is, and what that person may do here.

Spec: OpenID Connect Core 5.1 (claims)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gateway.access.people import NAME
from gateway.access.roles import Role
from gateway.errors import Forbidden
from gateway.settings.people import PeopleOpenid

MAX_TOLD = 20
"""Groups that a person without a role is told of."""


class Person(NamedTuple):
    """A person with a role. ``subject`` is the issuer and the provider's own lasting name, and nobody else's."""

    name: str
    role: Role
    tenant: str
    subject: str


def person_in(said: Sequence[Mapping[str, Any]], rules: PeopleOpenid) -> Person:
    """Who the claims say it is; of several sets the first that has a claim counts.

    Raises: Forbidden, with what an administrator can do about it, when they may not in.
    """
    claims = {name: value for one in reversed(said) for name, value in one.items()}
    name, subject = _found(claims, rules.name_claim), claims.get("sub")
    if not isinstance(name, str) or not re.fullmatch(NAME, name) or not isinstance(subject, str) or not subject:
        raise Forbidden(
            f"{rules.name} names nobody that could be a user here: its claim {rules.name_claim} is {str(name)[:80]!r};"
            " an administrator sets name_claim of [admin.openid] to a claim with letters, digits and . _ @ - in it"
        )
    if rules.email_domains:
        _check_email(claims, rules)
    groups = _found(claims, rules.groups_claim)
    held = {groups} if isinstance(groups, str) else {str(one) for one in groups} if isinstance(groups, list) else set()
    for one in rules.roles:
        if one.group in held:
            return Person(name, one.role, one.tenant, f"{rules.issuer} {subject}")
    told = ", ".join(sorted(held)[:MAX_TOLD]) or "none"
    raise Forbidden(
        f"{name} has no role here: of the groups in the claim {rules.groups_claim} ({told}) none has one;"
        " an administrator gives a group a role in [[admin.openid.roles]], or you a group"
    )


def _check_email(claims: Mapping[str, Any], rules: PeopleOpenid) -> None:
    email = str(claims.get("email", ""))
    if email.rpartition("@")[2].lower() not in rules.email_domains or claims.get("email_verified") is not True:
        raise Forbidden(
            f"people log in here with a verified address of {', '.join(rules.email_domains)};"
            f" {rules.name} says {email[:80]!r}, verified: {claims.get('email_verified') is True}"
        )


def _found(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of that name, or what a path with dots leads to inside one; None where there is nothing."""
    value: Any = claims
    for part in (name,) if name in claims else name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
