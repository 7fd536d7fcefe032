"""How far each service of a subscriber's devices has come: requested, reached, configured, registered, or failed.

Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from gateway.fleet.activation import Activation, activation, applications_off, rcs_state
from gateway.fleet.device import Device
from gateway.fleet.instructions import read_out_by
from gateway.fleet.reaching import Reaching
from gateway.fleet.registration import registration_of
from gateway.fleet.subscriber import Registration, Subscriber

RCS = "rcs"
"""The service, by the key of its MO, of which an RCC.14 client tells how it stands."""


class Step(enum.StrEnum):
    """How far one service has come on one device."""

    UNREQUESTED = "not requested"
    REQUESTED = "requested"
    REACHED = "reached"
    CONFIGURED = "configured"
    REGISTERED = "registered"
    FAILED = "failed"
    OFF = "off"


class ServiceStatus(NamedTuple):
    """One service on one device (empty: on none in particular), since when that is so, and why where it can be said.

    ``by_hand`` is where the settings of a device on which it failed are to be read, for its user to type in.
    """

    device_id: str
    service: str
    step: Step
    at: datetime | None = None
    why: str = ""
    by_hand: str = ""


class Told(NamedTuple):
    """The newest word of the log on the device's activation: what came of it, when and why."""

    step: str
    at: datetime
    why: str = ""


class Known(NamedTuple):
    """What is known of one device.

    ``carried`` are the services of each protocol that it was met over, ``behind`` the protocols over which it lacks
    something, ``refused`` the code and node of a value that it refused, by service. ``reaching`` is the open order that
    it should call, ``told`` what the log has last.
    """

    device: Device
    services: Sequence[str]
    carried: Mapping[str, Collection[str]]
    behind: Collection[str]
    refused: Mapping[str, str]
    reaching: Reaching | None = None
    told: Told | None = None


def service_statuses(subscriber: Subscriber, devices: Sequence[Known]) -> Iterator[ServiceStatus]:
    """How far every service has come on every device, in the order of the devices.

    What the IMS core says of a service that no device is to hold comes last.
    """
    shown = set()
    for known in devices:
        for service in dict.fromkeys((*known.services, *_registered_on(subscriber, known.device))):
            shown.add(service)
            yield _status(subscriber, known, service)
    for service in dict.fromkeys(one.service for one in subscriber.registrations if one.service not in shown):
        if said := registration_of(subscriber, service, None):
            yield ServiceStatus("", service, *_by_core(said))


def _registered_on(subscriber: Subscriber, device: Device) -> Iterator[str]:
    for one in subscriber.registrations:
        if one.serial and device.imei.startswith(one.serial):
            yield one.service


def _status(subscriber: Subscriber, known: Known, service: str) -> ServiceStatus:
    device, reaching, told = known.device, known.reaching, known.told
    said = registration_of(subscriber, service, device)

    def stands(step: Step, at: datetime | None = None, why: str = "") -> ServiceStatus:
        by_hand = read_out_by(device.id) if step is Step.FAILED else ""
        return ServiceStatus(device.id, service, step, at, why, by_hand)

    if off := _off(subscriber, device, service):
        return stands(Step.OFF, None, off)
    if said is not None and said.state != "deregistered":
        step, at, why = _by_core(said)
        return stands(step, at, why)
    if service == RCS and said is None and _client_is_active(subscriber, device) and device.rcc14 is not None:
        return stands(Step.REGISTERED, device.rcc14.reported_at, "its client says that it is active")
    if refusal := known.refused.get(service):
        return stands(Step.FAILED, None, f"the device refused {refusal}")
    no_more = f"the IMS core says that it is registered no more{_because(said)}" if said else ""
    brought = [name for name, services in known.carried.items() if service in services]
    if any(name not in known.behind for name in brought):
        return stands(Step.CONFIGURED, _configured_at(device, brought), no_more)
    if reaching is not None:
        called = reaching.called_at is not None
        return stands(
            Step.REACHED if called else Step.REQUESTED,
            reaching.called_at or reaching.ordered_at,
            reaching.why or no_more,
        )
    if told is not None and told.step in _BY_LOG:
        return stands(_BY_LOG[told.step], told.at, told.why or no_more)
    why = f"it has not what it is to hold over {' and '.join(brought)}" if brought else "it was never met"
    return stands(Step.UNREQUESTED, None, no_more or why)


_BY_LOG = {"failed": Step.FAILED, "configured": Step.CONFIGURED}


def _off(subscriber: Subscriber, device: Device, service: str) -> str:
    """Who switched the service off; empty when it is on."""
    state = dict(applications_off(subscriber, device)).get(service)
    if state is not None:
        return f"the network wants it {state.name.lower().replace('_', ' ')}"
    if service == RCS:
        stands = activation(subscriber, device)
        if stands not in (Activation.ACTIVE, Activation.OFFERED, Activation.NOT_CONFIGURED):
            return f"it is {stands.value}"
    return ""


def _client_is_active(subscriber: Subscriber, device: Device) -> bool:
    """Only one that is active with a configuration says so by a number above 0.

    Spec: RCC.07 rcs_state
    """
    says = rcs_state(device.rcc14) if device.rcc14 is not None else None
    return (says or 0) > 0 and activation(subscriber, device) is Activation.ACTIVE


def _by_core(said: Registration) -> tuple[Step, datetime, str]:
    if said.state == "registered":
        return Step.REGISTERED, said.at, "the IMS core says so"
    if said.state == "failed":
        return Step.FAILED, said.at, f"the IMS core refused it{_because(said)}"
    return Step.UNREQUESTED, said.at, f"the IMS core says that it is registered no more{_because(said)}"


def _because(said: Registration | None) -> str:
    return f": {said.why}" if said is not None and said.why else ""


def _configured_at(device: Device, brought: Collection[str]) -> datetime | None:
    times = (
        device.rcc14.sent_at if device.rcc14 is not None and "rcc14" in brought else None,
        device.omadm.last_session_at if device.omadm is not None and "omadm" in brought else None,
    )
    return max((at for at in times if at is not None), default=None)
