"""Which of a subscriber's devices asks, and what its request says of it.

Pure.

Spec: RCC.14 2.2 (IMEI, terminal_vendor, terminal_model, terminal_sw_version, friendly_device_name)
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from adapters.rcc14.messages import Request
from gateway.fleet.device import Device, Rcc14State, is_one_phone, sim_of
from gateway.fleet.subscriber import Subscriber


def find_device(devices: Sequence[Device], asked: Request) -> Device | None:
    """Which of a subscriber's devices asks, by IMEI or else by make and model; None when it is a new one."""
    made = (asked.about.get("terminal_vendor", ""), asked.about.get("terminal_model", ""))
    for device in devices:
        if asked.imei and is_one_phone(asked.imei, device.imei):
            return device
        if not asked.imei and not device.imei and (device.manufacturer, device.model) == made:
            return device
    return None


def new_device(device_id: str, asked: Request) -> Device:
    """A device as its first request describes it."""
    return Device(
        id=device_id,
        imei=asked.imei,
        manufacturer=asked.about.get("terminal_vendor", ""),
        model=asked.about.get("terminal_model", ""),
        software=asked.about.get("terminal_sw_version", ""),
        friendly_name=asked.about.get("friendly_device_name", ""),
    )


def described(device: Device, asked: Request) -> Device:
    """The device with what its request says of it, the same object when that is nothing new.

    Make, model and software are variables of its configuration. OMA DM tells them better, where it is spoken.
    """
    about = asked.about
    name = about.get("friendly_device_name", "")
    if name and name != device.friendly_name:
        device = replace(device, friendly_name=name)
    if device.omadm is not None:
        return device
    said = (
        about.get("terminal_vendor", device.manufacturer),
        about.get("terminal_model", device.model),
        about.get("terminal_sw_version", device.software),
    )
    if said == (device.manufacturer, device.model, device.software):
        return device
    return replace(
        device,
        manufacturer=said[0],
        model=said[1],
        software=said[2],
        content_revision=device.content_revision + 1,
    )


def with_sim(subscriber: Subscriber, device: Device, imsi: str) -> Device:
    """The device in which this SIM of its subscriber was proven to be; a token of another SIM's time is no good then.

    The identities in its configuration are those of the SIM. The same object comes back when nothing is new.
    """
    state = device.rcc14 or Rcc14State()
    if state.imsi == imsi:
        return device
    changed = replace(state, imsi=imsi, additional=False)
    changed = changed.without_tokens() if state.imsi else changed
    after = replace(device, rcc14=changed)
    is_news = state.additional or sim_of(subscriber, after) != sim_of(subscriber, device)
    return replace(after, content_revision=device.content_revision + is_news)


def without_any_sim(device: Device) -> Device:
    """The device as an additional one, if no SIM of its subscriber was ever seen in it.

    Spec: RCC.15 2.1.2
    """
    state = device.rcc14 or Rcc14State()
    if state.imsi or state.additional:
        return device
    changed = replace(state, additional=True)
    return replace(device, rcc14=changed, content_revision=device.content_revision + 1)


def without_sim(devices: Sequence[Device], device_id: str, imsi: str) -> list[Device]:
    """Those from which this SIM has gone into the device with that id: without it, and without their tokens.

    Spec: RCC.14 TOKEN
    """
    return [
        replace(
            other,
            rcc14=replace(other.rcc14, imsi="").without_tokens(),
            content_revision=other.content_revision + 1,
        )
        for other in devices
        if imsi and other.id != device_id and other.rcc14 is not None and other.rcc14.imsi == imsi
    ]
