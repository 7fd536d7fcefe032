"""Simulated devices that act against this gateway."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.admin.models.base import Model, NodeAddress


class SimulatorView(Model):
    """The devices that can be played here: none unless the data directory has the demo and the settings allow it."""

    devices: list[Literal["omadm", "rcc14"]]


class NewRun(Model):
    """A device to play: the demo's OMA DM phone, which may speak WBXML and refuse writes of nodes with a status, or its
    RCC.14 client.
    """

    device: Literal["omadm", "rcc14"]
    wbxml: bool = False
    refuse: Annotated[dict[NodeAddress, Annotated[int, Field(ge=400, le=599)]], Field(max_length=20)] = {}


class StepView(Model):
    """One message as the device has it."""

    direction: Literal["sent", "received"]
    line: str
    says: list[str]


class RunView(Model):
    """How far a run has come. ``result`` is empty until it is over: then ``ok``, or what went wrong."""

    id: str
    device: Literal["omadm", "rcc14"]
    steps: list[StepView]
    result: str
