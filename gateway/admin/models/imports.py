"""Rows of many, and what became of each."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from gateway.admin.models.base import Model, Name

Digest = Annotated[str, Field(pattern="^([A-Za-z0-9+/]{22}==)?$", repr=False, json_schema_extra={"writeOnly": True})]
Password = Annotated[str, Field(max_length=200, repr=False, json_schema_extra={"writeOnly": True})]
Nonce = Annotated[
    str,
    Field(max_length=200, pattern="^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$", repr=False),
]


class OldDevice(Model):
    """A device of another server with the OMA DM account it has, both directions of it.

    ``subscriber`` is anything that names one. In place of a password a direction may have its digest, which is
    ``B64(MD5(name ":" password))``; the nonces are those that were last agreed, in base64. Without ``auth`` a device
    proves itself as its model does, or by md5.
    """

    subscriber: Annotated[Name, Field(min_length=1)]
    loc_uri: Annotated[Name, Field(min_length=1)]
    imei: Annotated[str, Field(pattern="^([0-9]{14,16})?$")] = ""
    manufacturer: Name = ""
    model: Name = ""
    auth: Literal["basic", "md5", "mac"] | None = None
    server_auth: Literal["basic", "md5", "mac"] = "md5"
    client_name: Name = ""
    client_password: Password = ""
    client_digest: Digest = ""
    client_nonce: Nonce = ""
    server_name: Name = ""
    server_password: Password = ""
    server_digest: Digest = ""
    server_nonce: Nonce = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for side, password, digest in (
            ("client", self.client_password, self.client_digest),
            ("server", self.server_password, self.server_digest),
        ):
            if bool(password) == bool(digest):
                raise ValueError(f"{side}_password or {side}_digest is needed, and only one of them")
        if self.server_auth == "basic" and not self.server_password:
            raise ValueError("server_password is needed: with server_auth basic it is sent")
        return self


class OwnValue(Model):
    """A value of a subscriber's, or of one device's own: ``of`` is anything that names the one, or the other's id."""

    of: Annotated[Name, Field(min_length=1)]
    node: Annotated[str, Field(min_length=1, max_length=1000)]
    value: Annotated[str, Field(max_length=65_536)]


class OldToken(Model):
    """A token that another RCC.14 server gave a client: who shows it is that subscriber's, until it ends.

    ``subscriber`` is anything that names one. With ``imei`` the token counts for that phone alone.
    """

    subscriber: Annotated[Name, Field(min_length=1)]
    token: Annotated[str, Field(min_length=4, max_length=1024, repr=False, json_schema_extra={"writeOnly": True})]
    imei: Annotated[str, Field(pattern="^([0-9]{14,16})?$")] = ""
    expires_at: AwareDatetime | None = None


class BulkRow(Model):
    """What became of one row, counted from 1: ``id`` is whom it made or found, ``why`` what was wrong with it."""

    row: int
    outcome: Literal["created", "present", "failed"]
    id: str
    why: str
