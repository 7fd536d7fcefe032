"""Rows of many, and what became of each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.admin.models.base import Model, Name, Secret


class OldDevice(Model):
    """A device of another server with the OMA DM account it has, both directions of it.

    ``subscriber`` is anything that names one.
    """

    subscriber: Annotated[Name, Field(min_length=1)]
    loc_uri: Annotated[Name, Field(min_length=1)]
    imei: Annotated[str, Field(pattern="^([0-9]{14,16})?$")] = ""
    manufacturer: Name = ""
    model: Name = ""
    auth: Literal["basic", "md5", "mac"] = "md5"
    server_auth: Literal["basic", "md5", "mac"] = "md5"
    client_name: Name = ""
    client_password: Secret
    server_name: Name = ""
    server_password: Secret


class BulkRow(Model):
    """What became of one row, counted from 1: ``id`` is whom it made or found, ``why`` what was wrong with it."""

    row: int
    outcome: Literal["created", "present", "failed"]
    id: str
    why: str
