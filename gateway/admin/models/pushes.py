"""Pushes for phones, and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.admin.models.base import Model


class NewBootstrap(Model):
    """A bootstrap message. Without ``auth`` the device keeps its own way; without ``pin`` one is made up.

    ``imei`` names a device of the subscriber, or a new one. USERPINMAC is of OMA CP alone.
    """

    profile: Literal["cp", "dm"] = "cp"
    security: Literal["netwpin", "userpin", "usernetwpin", "userpinmac"] = "netwpin"
    pin: Annotated[str, Field(pattern="^([0-9]{4,8})?$")] = ""
    imei: Annotated[str, Field(pattern="^([0-9]{14,16})?$")] = ""
    auth: Literal["basic", "md5", "mac"] | None = None


class PushView(Model):
    """A push for one phone: field by field, as markup, and in octets (hexadecimal).

    ``entry`` is what the phone's user has to type in, empty when nothing. ``segments`` are the user data of its short
    messages, header included: TP-UDHI set, TP-PID 0, TP-DCS 4 unless ``fields`` say otherwise. One that is on its way
    has an ``id`` and shows neither markup nor octets.
    """

    id: str
    device_id: str
    kind: str
    fields: dict[str, str]
    document: str
    entry: str
    body: str
    push: str
    segments: list[str]


class PushRecord(Model):
    """What became of one push: ``waiting``, ``submitted``, ``delivered``, ``failed`` or ``contacted``.

    Of its ``parts`` the bearer took ``handed_over``; the next attempt is ``due_at``. ``contacted`` says that the phone
    has called since. ``why`` is the newest thing that went wrong.
    """

    id: str
    kind: str
    device_id: str
    session_id: str
    state: str
    ordered_at: datetime
    submitted_at: datetime | None
    delivered_at: datetime | None
    failed_at: datetime | None
    contacted_at: datetime | None
    due_at: datetime | None
    attempts: int
    parts: int
    handed_over: int
    why: str


class CpDocument(Model):
    """The OMA CP document as this device would get it now, without any account: XML, and WBXML in hexadecimal."""

    document: str
    wbxml: str
