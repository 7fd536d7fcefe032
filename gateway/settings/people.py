"""Settings of how people log in who operate the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import pydantic
from pydantic import Field, SecretStr

from gateway.access.roles import Role
from gateway.settings.base import Seconds, Table

RETURN_PATH = "/openid/return"


class RoleOf(Table):
    """The role of people whom the provider has in ``group``, for all subscribers or those of one ``tenant``."""

    group: Annotated[str, Field(min_length=1)]
    role: Role
    tenant: str = ""


class PeopleOpenid(Table):
    """Log-in of people at an OpenID provider, which the console calls ``name``; off without ``issuer``.

    The client's secret comes from the environment or from ``secret_file``, which is in the data directory as is
    ``authority``, the provider's certificate authority where it is none of the usual ones. ``redirect_uri`` is this
    gateway's own address as browsers reach it and the provider has it, and ends in ``/openid/return``. People are
    called here by ``name_claim``; of their groups in ``groups_claim`` (dots lead into a claim) the first of ``roles``
    that has a role decides. Where there are ``email_domains``, an address in one of them has to be verified. With
    ``userinfo`` the provider is asked for claims that the id_token lacks. A log-in may take ``seconds``.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)] = "single sign-on"
    issuer: Annotated[str, Field(pattern="^(https://.+)?$")] = ""
    client_id: str = ""
    secret: SecretStr = SecretStr("")
    secret_file: Path | None = None
    redirect_uri: Annotated[str, Field(pattern=rf"^(https?://.+{RETURN_PATH})?$")] = ""
    scope: str = "openid profile email"
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    roles: tuple[RoleOf, ...] = ()
    email_domains: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")], ...] = ()
    algorithms: tuple[Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"], ...] = ("RS256", "ES256")
    userinfo: bool = False
    seconds: Seconds = 600
    authority: Path | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if self.issuer and not (self.client_id and self.redirect_uri and (self.secret or self.secret_file)):
            raise ValueError("an issuer needs client_id, redirect_uri, and secret or secret_file too")
        if self.issuer and not self.roles:
            raise ValueError("nobody has a role: give the provider's groups one in roles")
        return self
