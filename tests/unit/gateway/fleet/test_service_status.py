"""How far services have come, from what devices, orders, the log and the IMS core say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.fleet.device import Credential, Device, OmaDmState, Rcc14State
from gateway.fleet.reaching import Reaching
from gateway.fleet.service_status import Known, Step, Told, service_statuses
from gateway.fleet.subscriber import Registration, ServiceState, Subscriber

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANN = Subscriber(id="ann")
PHONE = Device(
    id="ann.1",
    imei="351234560000010",
    omadm=OmaDmState(loc_uri="IMEI:351234560000010", client=Credential(name="a", secret=b"s"), last_session_at=NOW),
)
ORDER = Reaching(device_id="ann.1", reason="test", ordered_at=NOW, deadline_at=NOW + HOUR)
LACKS: dict[str, Any] = {
    "services": ("ims",), "carried": {"omadm": ("ims",)}, "behind": ("omadm",), "refused": {},
}  # fmt: skip
HAS = LACKS | {"behind": ()}


def said(state: Any, **more: Any) -> Subscriber:
    return Subscriber(id="ann", registrations=(Registration(service="ims", state=state, at=NOW, **more),))


@pytest.mark.parametrize(
    ("subscriber", "known", "step", "why"),
    [
        (ANN, LACKS, Step.UNREQUESTED, "it has not what it is to hold over omadm"),
        (ANN, LACKS | {"reaching": ORDER}, Step.REQUESTED, ""),
        (ANN, LACKS | {"reaching": ORDER.pushed("dm_notify", "p", NOW, "no link")}, Step.REQUESTED, "no link"),
        (ANN, LACKS | {"told": Told("failed", NOW, "it did not call")}, Step.FAILED, "it did not call"),
        (ANN, LACKS | {"told": Told("failed", NOW), "reaching": ORDER}, Step.REQUESTED, ""),
        (ANN, LACKS | {"told": Told("cancelled", NOW)}, Step.UNREQUESTED, "it has not what it is to hold over omadm"),
        (ANN, HAS, Step.CONFIGURED, ""),
        (ANN, HAS | {"refused": {"ims": "ims/a: 404"}}, Step.FAILED, "the device refused ims/a: 404"),
        (said("registered"), HAS, Step.REGISTERED, "the IMS core says so"),
        (said("registered"), LACKS | {"reaching": ORDER}, Step.REGISTERED, "the IMS core says so"),
        (said("failed", why="403"), HAS, Step.FAILED, "the IMS core refused it: 403"),
        (said("deregistered"), HAS, Step.CONFIGURED, "the IMS core says that it is registered no more"),
        (said("registered", serial="99999999999999"), HAS, Step.CONFIGURED, ""),
    ],
)  # fmt: skip
def test_the_step_is_the_last_that_was_taken(
    subscriber: Subscriber, known: dict[str, Any], step: Step, why: str
) -> None:
    """What the core says counts for more than what was sent, what is on its way for more than what failed before.

    Where it failed it says where the settings for the user to type in are to be read.
    """
    status, *others = service_statuses(subscriber, [Known(PHONE, **known)])
    assert (status.device_id, status.service, status.step, status.why) == ("ann.1", "ims", step, why)
    assert status.by_hand == ("mogate render ann.1 --as manual" if step is Step.FAILED else "")
    assert all(one.device_id == "" for one in others)


def test_a_device_that_called_and_lacks_something_is_reached() -> None:
    """Since when it called."""
    called = Reaching(device_id="ann.1", reason="", ordered_at=NOW, deadline_at=NOW + HOUR, called_at=NOW + HOUR)
    (status,) = service_statuses(ANN, [Known(PHONE, **LACKS | {"reaching": called})])
    assert (status.step, status.at) == (Step.REACHED, NOW + HOUR)


@pytest.mark.parametrize(
    ("version", "says", "step"),
    [(3, "3", Step.REGISTERED), (3, "", Step.CONFIGURED), (0, "0", Step.CONFIGURED), (3, "-4", Step.OFF)],
)
def test_an_rcs_client_says_itself_whether_it_is_active(version: int, says: str, step: Step) -> None:
    """By a number above 0 that it is, by -4 that its user switched it off.

    Spec: RCC.07 rcs_state
    """
    parameters = {"rcs_state": says} if says else {}
    state = Rcc14State(
        version=3, sent_version=3, sent_at=NOW, reported_version=version, reported_at=NOW, parameters=parameters
    )
    known = Known(Device(id="ann.1", rcc14=state), ("rcs",), {"rcc14": ("rcs",)}, (), {})
    assert [one.step for one in service_statuses(ANN, [known])] == [step]


def test_what_the_network_switched_off_is_off() -> None:
    """Whatever was said of it before."""
    off = Subscriber(id="ann", application_states={"ims": ServiceState.DISABLED})
    (status,) = service_statuses(off, [Known(PHONE, **HAS)])
    assert (status.step, status.why) == (Step.OFF, "the network wants it disabled")


def test_a_service_on_no_known_device_is_shown_too() -> None:
    """The core may know of more than the gateway."""
    (status,) = service_statuses(said("registered", serial="99999999999999"), [])
    assert status.device_id == ""
    assert status.step is Step.REGISTERED
