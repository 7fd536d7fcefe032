"""Subscribers, and what is set for them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.admin.models.base import Identifier, Model, Msisdn, Name, ProtocolName, StateName
from gateway.admin.models.devices import OwnerView

Imsi = Annotated[str, Field(pattern="^[0-9]{6,15}$")]


class NewSubscriber(Model):
    """A subscriber to create; without ``id`` one is made up."""

    id: Identifier | None = None
    imsis: list[Imsi] = []
    msisdn: Msisdn = ""
    tenant: Name = ""
    plan: Name = ""
    groups: list[Name] = []
    attributes: dict[Name, Name] = {}


class SubscriberChange(Model):
    """What changes in a subscription; what is left out stays. A list takes the place of the one before.

    Attributes that are not named stay as well; null takes one back.
    """

    imsis: list[Imsi] | None = None
    msisdn: Msisdn | None = None
    tenant: Name | None = None
    plan: Name | None = None
    groups: list[Name] | None = None
    attributes: dict[Name, Name | None] = {}


SimKey = Annotated[str, Field(pattern="^[0-9A-Fa-f]{32}$", repr=False, json_schema_extra={"writeOnly": True})]


class NewSim(Model):
    """The keys of a SIM as 32 hexadecimal digits each; they cannot be read back. ``sqn`` is the last number used."""

    k: SimKey
    opc: SimKey
    sqn: Annotated[int, Field(ge=0, lt=1 << 48)] = 0


class NewState(Model):
    """What the network wants for a subscriber's service, or for one application (the key of its MO)."""

    state: StateName
    application: Name = ""


class DeviceSummary(Model):
    """One device in a subscriber's list. ``protocols`` are those it has spoken or has an account for.

    ``activation`` is where it stands with its RCC.14 service, ``role`` whether the subscriber's SIM is in it.
    """

    id: str
    friendly_name: str
    role: str
    activation: str
    imei: str
    manufacturer: str
    model: str
    protocols: list[ProtocolName]
    last_seen_at: datetime | None


class SubscriberView(Model):
    """One subscriber with everything set for them alone. ``sims`` are the IMSIs whose keys are known."""

    id: str
    imsis: list[str]
    msisdn: str
    tenant: str
    plan: str
    groups: list[str]
    attributes: dict[str, str]
    values: dict[str, str]
    state: str
    sims: list[str]
    application_states: dict[str, str]
    devices: list[DeviceSummary]


class Values(Model):
    """Values to set and to take back, by node address (``ims/Timer_T1``)."""

    set: dict[str, str] = {}
    unset: list[str] = []


class ValuesChanged(Model):
    """What a change of values leaves to say: doubts about values of nodes whose definition is provisional."""

    warnings: list[str]


class Source(Model):
    """One layer's word on a leaf."""

    layer: str
    profile: str
    place: str
    template: str | None


class ExplainedLeaf(Model):
    """Why a leaf is what it is: the layer that won, and the layers that lost, weakest last."""

    node: str
    value: str | None
    missing: list[str]
    winner: Source
    losers: list[Source]


class Explanation(Model):
    """The leaves of one device's desired tree with where each came from, and the MOs that one protocol alone writes."""

    subscriber_id: str
    device_id: str
    leaves: list[ExplainedLeaf]
    owners: list[OwnerView]


class Document(Model):
    """The RCC.14 document as this device would get it now."""

    layout: Literal["A", "B"]
    version: int
    document: str
