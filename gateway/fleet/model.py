"""What is known beforehand of devices of one make and model."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from gateway.fleet.device import AuthType, Device
from gateway.fleet.operation import TndsForm


class ReadBack(msgspec.Struct, frozen=True):
    """When a device is asked for what it holds: every so many ``seconds`` (0: never), and after ``changes``."""

    seconds: int = 0
    changes: bool = False


NEVER = ReadBack()


class Diagnostics(msgspec.Struct, frozen=True):
    """What the nodes of a diagnostic function are called, as paths below its node.

    Spec: OMA-TS-DiagMon-V1_0 5 (unconfirmed)
    """

    start: str = "Operations/Start"
    stop: str = "Operations/Stop"
    config: str = "DiagMonConfig/ConfigParms"
    data: str = "DiagMonData"
    status: str = "Status"


DIAGNOSTICS = Diagnostics()


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """Devices whose manufacturer and model match two patterns (``Acme``, ``A*``), in either case of letters.

    ``roots`` says where MOs are mounted on them, by key; ``read_back`` is the policy for them where it is another.
    ``packages`` go to them in their tree, or they fetch them by URL. ``subtrees`` says how new ones are added in one
    command: node by node with "off", with "auto" only to a device that has shown that it serializes them. With
    ``replaces_subtrees`` they take a Replace of one as well. ``updates`` are the firmware packages for devices that ask
    for one, by a pattern for the software that they have. ``diagnostics`` is what DiagMon's nodes are called on them
    where that is different. ``auth`` is how they prove themselves with an account of which nobody says otherwise, and
    ``legacy`` whether those of OMA DM 1.1.2 are let in. ``notification_version``, ``resync_nonce``, ``tnds`` and
    ``imsi_key`` are how they read what is pushed to them, where the settings for all have it otherwise, and
    ``namespaces`` whether what they get in XML declares its namespaces.
    """

    manufacturer: str = "*"
    model: str = "*"
    roots: dict[str, str] = {}
    read_back: ReadBack | None = None
    packages: Literal["url", "tree"] = "url"
    subtrees: Literal["auto", "off"] | TndsForm = "auto"
    replaces_subtrees: bool = False
    updates: dict[str, str] = {}
    diagnostics: Diagnostics | None = None
    auth: AuthType | None = None
    legacy: bool | None = None
    notification_version: int | None = None
    resync_nonce: Literal["octets", "text"] | None = None
    namespaces: bool | None = None
    tnds: TndsForm | None = None
    imsi_key: Literal["semi-octets", "digits"] | None = None

    def matches(self, device: Device) -> bool:
        """Whether the device is one of these."""
        return fnmatchcase(device.manufacturer.lower(), self.manufacturer.lower()) and fnmatchcase(
            device.model.lower(), self.model.lower()
        )

    def update_for(self, software: str) -> str:
        """The package for a device with that software which asks for an update; "" for none."""
        return next((package for known, package in self.updates.items() if fnmatchcase(software, known)), "")


UNKNOWN = Model()


def model_of(models: Iterable[Model], device: Device) -> Model:
    """The first model that the device is one of; one of which nothing is known when there is none."""
    return next((model for model in models if model.matches(device)), UNKNOWN)
