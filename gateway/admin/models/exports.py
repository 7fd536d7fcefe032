"""Rows of all there is, as they are taken over."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, PrivateAttr

from gateway.admin.models.base import Model, ShownOnce


class OwnValueRow(Model):
    """A value that is set on a subscriber, or on one device: ``of`` is the id of the one or the other."""

    of: str
    node: str
    value: str
    _subscriber_id: str = PrivateAttr("")

    @classmethod
    def of_subscriber(cls, subscriber_id: str, *, of: str, node: str, value: str) -> Self:
        """The row, by whose values a list goes on after theirs."""
        row = cls(of=of, node=node, value=value)
        row._subscriber_id = subscriber_id
        return row

    @property
    def subscriber_id(self) -> str:
        """Whose it is, or whose device's."""
        return self._subscriber_id


class AccountsReading(Model):
    """Which accounts are read: those of subscribers after that one, at least so many."""

    after: str = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 1000


class AccountRow(Model):
    """The OMA DM account of a device, both directions of it, as another server needs it to go on.

    A digest is ``B64(MD5(name ":" password))``; the nonces are in base64.
    """

    subscriber: str
    loc_uri: str
    imei: str
    manufacturer: str
    model: str
    auth: str
    server_auth: str
    client_name: str
    client_digest: ShownOnce
    client_nonce: ShownOnce
    server_name: str
    server_password: ShownOnce
    server_digest: ShownOnce
    server_nonce: ShownOnce


class AccountPage(Model):
    """Accounts; the next are those ``after`` this subscriber, with the empty text there are none."""

    accounts: list[AccountRow]
    after: str
