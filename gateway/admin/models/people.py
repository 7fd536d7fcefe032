"""Users, and tokens for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, IPvAnyNetwork, model_validator

from gateway.access.roles import check_permission
from gateway.admin.models.base import Model, Name, ShownOnce
from gateway.admin.models.sessions import UserName

MaybeNewSecret = Annotated[
    str | None, Field(min_length=12, max_length=200, repr=False, json_schema_extra={"writeOnly": True})
]
RoleName = Literal["viewer", "helpdesk", "provisioning", "noc", "admin"]
PermissionText = Annotated[str, Field(max_length=60), AfterValidator(check_permission)]


class NewUser(Model):
    """A person who may use the API. Without a password it takes somebody else to say who they are.

    ``tenant`` is the only one whose subscribers they get to see; empty for all.
    """

    name: UserName
    role: RoleName
    password: MaybeNewSecret = None
    tenant: Name = ""


class UserChange(Model):
    """What changes of a person; what is left out stays."""

    role: RoleName | None = None
    password: MaybeNewSecret = None
    tenant: Name | None = None
    disabled: bool | None = None


class UserView(Model):
    """A person who may use the API."""

    name: str
    role: str
    tenant: str
    disabled: bool
    created_at: datetime
    last_login_at: datetime | None


class NewToken(Model):
    """A token for a program: with the permissions of a role, or with those listed, as ``devices:read``.

    It is good for so many ``days`` (0: without end), for one tenant or all (empty), from these networks or from
    anywhere (none).
    """

    name: Annotated[Name, Field(min_length=1)]
    role: RoleName | None = None
    permissions: Annotated[list[PermissionText], Field(max_length=100)] = []
    tenant: Name = ""
    networks: Annotated[list[IPvAnyNetwork], Field(max_length=50)] = []
    days: Annotated[int, Field(ge=0, le=3650)] = 90

    @model_validator(mode="after")
    def _check_permissions(self) -> NewToken:
        if (self.role is None) == (not self.permissions):
            raise ValueError("a token has either a role or permissions")
        return self


class TokenView(Model):
    """A token, without what it is used by."""

    id: str
    name: str
    permissions: list[str]
    tenant: str
    networks: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class IssuedToken(TokenView):
    """A new token. ``token`` goes after ``Authorization: Bearer``, and is not shown again."""

    token: ShownOnce
