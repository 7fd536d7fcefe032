"""How people log in, and who they are then."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.access.people import NAME
from gateway.admin.models.base import Model, Secret, ShownOnce

UserName = Annotated[str, Field(pattern=f"^{NAME}$")]
NewSecret = Annotated[str, Field(min_length=12, max_length=200, repr=False, json_schema_extra={"writeOnly": True})]


class Credentials(Model):
    """Who logs in."""

    name: UserName
    password: Secret


class FirstUser(Model):
    """The first administrator. ``token`` is the set-up token of the data directory; it works once."""

    token: Secret
    name: UserName
    password: NewSecret


class NewPassword(Model):
    """One's own password, old and new."""

    old: Secret
    new: NewSecret


class SessionView(Model):
    """Who the caller is and may do. A browser sends ``csrf`` as ``X-CSRF-Token`` with every request that is no GET.

    ``tenant`` is the only one whose subscribers the caller gets to see; empty for all. ``by`` is how they got in.
    """

    name: str
    role: str
    tenant: str
    by: Literal["token", "password", "openid"]
    permissions: list[str]
    csrf: ShownOnce


class LogInWays(Model):
    """How people can log in: with passwords, and at the OpenID provider of that name; empty for none."""

    passwords: bool
    provider: str
