"""Where a device stands: the network's wish, and what the client says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.fleet.activation import Activation, activation, applications_off, rcs_state, service_state
from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.subscriber import ServiceState, Subscriber

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ANN = Subscriber(id="ann")


def phone(sent: int = 5, reported: int | None = 5, said: str = "", **fields: object) -> Device:
    parameters = {"rcs_state": said} if said else {}
    state = Rcc14State(sent_version=sent, reported_version=reported, reported_at=NOW, parameters=parameters)
    return Device(id="ann.1", rcc14=state, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("device", "stands"),
    [
        (Device(id="ann.1"), Activation.NOT_CONFIGURED),
        (phone(0, 0), Activation.NOT_CONFIGURED),
        (phone(1, 0, "0"), Activation.OFFERED),
        (phone(1, 1, "0"), Activation.OFFERED),
        (phone(1, 1, "1"), Activation.ACTIVE),
        (phone(1, 1), Activation.ACTIVE),
        (phone(2, 1, "1"), Activation.ACTIVE),
        (phone(1, 1, "soon"), Activation.ACTIVE),
        (phone(1, 1, "-4"), Activation.DISABLED_BY_USER),
        (phone(1, -4), Activation.DISABLED_BY_USER),
        (phone(1, 1, "-2"), Activation.DISABLED_BY_USER),
        (phone(1, 1, "-3"), Activation.DORMANT),
        (phone(1, 1, "-1"), Activation.DISABLED),
    ],
)
def test_what_the_client_says_while_the_network_wants_it(device: Device, stands: Activation) -> None:
    """A configuration is offered until the client shows that it goes on with it (RCC.07 rcs_state)."""
    assert activation(ANN, device) is stands


@pytest.mark.parametrize(
    ("subscriber", "device", "wanted", "stands"),
    [
        (ServiceState.DISABLED, None, ServiceState.DISABLED, Activation.DISABLED),
        (ServiceState.DISABLED_PERMANENTLY, None, ServiceState.DISABLED_PERMANENTLY, Activation.DISABLED_PERMANENTLY),
        (ServiceState.DISABLED_UNTIL_USER, None, ServiceState.DISABLED_UNTIL_USER, Activation.WAITING_FOR_USER),
        (ServiceState.DORMANT, None, ServiceState.DORMANT, Activation.DORMANT),
        (ServiceState.ACTIVE, ServiceState.DORMANT, ServiceState.DORMANT, Activation.DORMANT),
        (ServiceState.ACTIVE, ServiceState.ACTIVE, ServiceState.ACTIVE, Activation.ACTIVE),
        (ServiceState.DISABLED, ServiceState.ACTIVE, ServiceState.DISABLED, Activation.DISABLED),
    ],
)
def test_what_the_network_wants_comes_first(
    subscriber: ServiceState, device: ServiceState | None, wanted: ServiceState, stands: Activation
) -> None:
    """What is off for the subscriber is off on every device; while it is on, a device may have a state of its own."""
    who, what = Subscriber(id="ann", state=subscriber), phone(said="5", state=device)
    assert (service_state(who, what), activation(who, what)) == (wanted, stands)


def test_a_user_who_asked_has_the_service() -> None:
    """On that device alone, and only a service that waited for it."""
    asked = Device(id="ann.1", rcc14=Rcc14State(woken=True))
    for state, wanted in (
        (ServiceState.DISABLED_UNTIL_USER, ServiceState.ACTIVE),
        (ServiceState.DISABLED, ServiceState.DISABLED),
    ):
        assert service_state(Subscriber(id="ann", state=state), asked) is wanted
    assert (
        service_state(Subscriber(id="ann", state=ServiceState.DISABLED_UNTIL_USER), phone()) is not ServiceState.ACTIVE
    )


def test_an_application_that_waited_is_on_where_its_user_asked() -> None:
    """On that device alone, and only what waited for it (RCC.07 rcsDisabledState)."""
    states = {"rcs": ServiceState.DISABLED_UNTIL_USER, "ims": ServiceState.DORMANT, "nas": ServiceState.ACTIVE}
    who = Subscriber(id="ann", application_states=states)
    off = (("rcs", ServiceState.DISABLED_UNTIL_USER), ("ims", ServiceState.DORMANT))
    assert applications_off(who, phone()) == off
    assert applications_off(who, Device(id="ann.1", rcc14=Rcc14State(woken=True))) == off[1:]
    assert applications_off(Subscriber(id="ann"), phone()) == ()


@pytest.mark.parametrize(("text", "state"), [("-4", -4), ("0", 0), ("17", 17), ("", None), ("+1", None), ("1.0", None)])
def test_rcs_state_is_a_whole_number(text: str, state: int | None) -> None:
    """Anything else says nothing."""
    assert rcs_state(Rcc14State(parameters={"rcs_state": text} if text else {})) == state
