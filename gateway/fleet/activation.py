"""How far a device has come with its RCC.14 service: what the network wants, and what the client says of it.

Pure.

Spec: RCC.14 VERS (states), RCC.07 rcs_state
"""

from __future__ import annotations

import enum
import re

from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.subscriber import ServiceState, Subscriber

_STATE = re.compile("-?[0-9]{1,10}", re.ASCII)
# Asked for at every request: to find a member by the name of its class costs ten times as much.
_ACTIVE, _WAITS = ServiceState.ACTIVE, ServiceState.DISABLED_UNTIL_USER

USER_DISABLED = -4
USER_ENABLED = -5
"""What clients of one operator say whose user has switched the service on again."""


class Activation(enum.StrEnum):
    """Where one device stands."""

    NOT_CONFIGURED = "not configured"
    OFFERED = "offered"
    ACTIVE = "active"
    DORMANT = "dormant"
    DISABLED_BY_USER = "disabled by user"
    WAITING_FOR_USER = "waiting for user"
    DISABLED = "disabled"
    DISABLED_PERMANENTLY = "disabled permanently"


_BY_NETWORK = {
    ServiceState.DISABLED: Activation.DISABLED,
    ServiceState.DISABLED_PERMANENTLY: Activation.DISABLED_PERMANENTLY,
    ServiceState.DISABLED_UNTIL_USER: Activation.WAITING_FOR_USER,
    ServiceState.DORMANT: Activation.DORMANT,
}
_BY_CLIENT = {
    # A client that switches itself off says -4; one whose user rejected the terms, -2.
    USER_DISABLED: Activation.DISABLED_BY_USER,
    -2: Activation.DISABLED_BY_USER,
    -3: Activation.DORMANT,
    -1: Activation.DISABLED,
}


def service_state(subscriber: Subscriber, device: Device) -> ServiceState:
    """What the network wants for this device: the subscriber's state where that is off, else the device's own.

    A device whose user asked for a service that waited for it has it.
    """
    state = subscriber.state
    if state is _ACTIVE and device.state is not None:
        state = device.state
    return _ACTIVE if state is _WAITS and _is_woken(device) else state


def applications_off(subscriber: Subscriber, device: Device) -> tuple[tuple[str, ServiceState], ...]:
    """The applications, by key of their MO, that are off on this device while the service is on, and how.

    One that waited for its user is on where that has asked.
    """
    states = subscriber.application_states
    if not states:
        return ()
    on = (_ACTIVE, _WAITS) if _is_woken(device) else (_ACTIVE,)
    return tuple([(mo, state) for mo, state in states.items() if state not in on])


def _is_woken(device: Device) -> bool:
    return device.rcc14 is not None and device.rcc14.woken


def activation(subscriber: Subscriber, device: Device) -> Activation:
    """Where the device stands. Until it has shown that it took its configuration, that is only offered."""
    state = device.rcc14
    network = _BY_NETWORK.get(service_state(subscriber, device))
    if network is not None:
        return network
    if state is None or state.sent_version == 0:
        return Activation.NOT_CONFIGURED
    said = rcs_state(state)
    if state.reported_version == USER_DISABLED:
        return Activation.DISABLED_BY_USER
    if said is not None and said in _BY_CLIENT:
        return _BY_CLIENT[said]
    holds = (state.reported_version or 0) > 0
    return Activation.ACTIVE if holds and said != 0 else Activation.OFFERED


def rcs_state(state: Rcc14State) -> int | None:
    """The state that the client last reported; None when it reported none."""
    return parse_rcs_state(state.parameters.get("rcs_state", ""))


def parse_rcs_state(text: str) -> int | None:
    """The state that a parameter says; None for what is no number."""
    return int(text) if _STATE.fullmatch(text) else None
