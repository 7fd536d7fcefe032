"""Devices, and what is known of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.admin.models.base import Model, Name, ProtocolName, ShownOnce, StateName
from gateway.admin.models.jobs import JobView
from gateway.admin.models.operations import OperationView
from gateway.admin.models.pushes import PushRecord
from gateway.admin.models.tacs import TacView


class NewDeviceState(Model):
    """What the network wants for one device; null for what it wants for the subscriber."""

    state: StateName | None


class Revocation(Model):
    """How a device is shut out: with ``token_only`` it may come back once it has proven anew who it is."""

    token_only: bool = False


class CredentialReading(Model):
    """How a credential is read: ``rotate`` makes another password first, ``with_password`` shows it next to H(A1)."""

    rotate: bool = False
    with_password: bool = False


class ImsCredentialView(Model):
    """A device's Digest credential for IMS. ``ha1`` is MD5(username:realm:password), in hexadecimal."""

    device_id: str
    username: str
    realm: str
    ha1: ShownOnce
    password: ShownOnce
    serial: int


class DeviceRow(Model):
    """One device in the list of all. ``protocols`` are those it has spoken or has an account for."""

    id: str
    subscriber_id: str
    tenant: str
    plan: str
    imei: str
    manufacturer: str
    model: str
    software: str
    protocols: list[ProtocolName]
    last_seen_at: datetime | None


class NewDevice(Model):
    """A device with an OMA DM account. ``loc_uri`` is what the device sends as its Source/LocURI.

    ``auth`` is how the device proves itself (null: as its model does, or by md5), ``server_auth`` how the gateway does.
    ``certificate`` is the SHA-256 fingerprint of a TLS client certificate that proves the device as well,
    ``certificate_subject`` the subject of any that does (``CN=IMEI:490154203237518,O=Acme``); with
    ``certificate_required`` nothing else does.
    """

    loc_uri: Annotated[Name, Field(min_length=1)]
    imei: Annotated[str, Field(pattern="^([0-9]{14,16})?$")] = ""
    manufacturer: Name = ""
    model: Name = ""
    auth: Literal["basic", "md5", "mac"] | None = None
    server_auth: Literal["basic", "md5", "mac"] = "md5"
    certificate: Annotated[str, Field(pattern="^([0-9A-Fa-f]{2}:?){32}$|^$")] = ""
    certificate_subject: Annotated[str, Field(max_length=512)] = ""
    certificate_required: bool = False
    client_name: Name = ""
    server_name: Name = ""


class NewAccount(Model):
    """The new device's id and both directions of its account. The passwords are not shown again."""

    device_id: str
    client_name: str
    client_password: ShownOnce
    server_name: str
    server_password: ShownOnce


class LeafView(Model):
    """One leaf of one device. What is wanted, what was sent, what the device answered and what it says it holds."""

    node: str
    uri: str
    wanted: str | None
    sent: str | None
    sent_at: datetime | None
    status: int | None
    meaning: str | None
    status_at: datetime | None
    held: str | None
    read_at: datetime | None
    standing: str


class Rcc14View(Model):
    """The RCC.14 side of a device: the version it is due, the one handed out, the one it says it holds.

    ``parameters`` are what it last said of itself, ``unknown`` what else it sent. ``imsi`` is the SIM that was proven
    to be in it; without one it is an additional device.
    """

    activation: str
    role: str
    imsi: str
    has_token: bool
    terms_sent: str
    terms_accepted: str
    unknown: dict[str, str]
    version: int
    sent_version: int
    sent_at: datetime | None
    reported_version: int | None
    reported_at: datetime | None
    parameters: dict[str, str]


class OmaDmView(Model):
    """The OMA DM side of a device. It is not sent ``refused_verbs``, nor ``spared_verbs``, which others of its model
    refused, nor URIs beyond ``uri_limits`` (0: no bound)."""

    loc_uri: str
    auth: str
    server_auth: str
    certificate: str
    certificate_subject: str
    last_session_at: datetime | None
    up_to_date: bool
    refused_verbs: list[str]
    spared_verbs: list[str]
    uri_limits: dict[str, int]


class DeviceView(Model):
    """Everything known of one device. ``others`` are leaves it holds over OMA DM that nobody wants anything of.

    ``tac`` is what the table of phone models says of it, absent when that has no such TAC. ``speaking`` is what follows
    from that and from what the device did; ``owners`` are the MOs that one protocol alone writes to it.
    """

    id: str
    subscriber_id: str
    imei: str
    manufacturer: str
    model: str
    software: str
    friendly_name: str
    state: str | None
    tac: TacView | None
    speaking: list[SpeakingView]
    owners: list[OwnerView]
    values: dict[str, str]
    last_seen_at: datetime | None
    omadm: OmaDmView | None
    rcc14: Rcc14View | None
    leaves: list[LeafView]
    others: list[LeafView]
    jobs: list[JobView]
    operations: list[OperationView]
    pushes: list[PushRecord]


class OwnerView(Model):
    """The protocol that alone writes an MO to one device, and why it is this one."""

    mo: str
    protocol: Literal["omadm", "rcc14", "omacp"]
    why: str


class SpeakingView(Model):
    """A protocol of one device: whether it counts as spoken, whether its model is said to speak it, and why."""

    protocol: Literal["omadm", "rcc14", "omacp"]
    speaks: bool
    declared: bool
    why: str
