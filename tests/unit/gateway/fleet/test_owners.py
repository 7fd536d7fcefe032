"""Which protocol writes an MO, and which ones a device speaks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.fleet.device import Credential, Device, OmaDmState, Rcc14State
from gateway.fleet.mirror import Mirror
from gateway.fleet.owners import Ownership, newly_disproved, speaking, spoken, unspoken
from gateway.fleet.profile import ProfileSet, parse_profile
from gateway.fleet.subscriber import Subscriber
from gateway.mo.catalogue import Catalogue
from gateway.service import Service, protocol_writes
from gateway.store.protocol import Append

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CATALOGUE = Catalogue.load(Path(__file__).parents[4] / "config" / "mo", identifiers={})
OPERATOR = """\
name = "all"
layer = "operator"
[mo.ims]
Timer_T1 = 2000
[mo.nas-config]
AttachWithIMSI = true
"""
MODEL = """\
name = "a1"
layer = "model"
[match]
model = "A1"
[owners]
"urn:oma:mo:ext-3gpp-ims:1.0" = "rcc14"
"""
ANN = Subscriber(id="ann", imsis=("001010000000001",))
ACCOUNT = OmaDmState(loc_uri="phone", client=Credential(name="ann", secret=b""))
MET = OmaDmState(loc_uri="phone", client=Credential(name="ann", secret=b""), last_session_at=NOW)
SENT = Rcc14State(sent_version=1, sent_at=NOW)
BOTH = Device(id="ann.1", model="A1", omadm=MET, rcc14=SENT)
CARRIED = {"omadm": frozenset({"ims", "nas-config"}), "rcc14": frozenset({"ims", "rcs"})}


def service(*profiles: str, ownership: Ownership = Ownership()) -> Service:  # noqa: B008 - a constant
    read = [parse_profile(text, f"{number}.toml", CATALOGUE) for number, text in enumerate(profiles)]
    roots = {"ims": "./3GPP_IMS", "nas-config": "./NAS"}
    return Service(CATALOGUE, ProfileSet(read, CATALOGUE), plmns=["00101"], roots=roots, ownership=ownership)


def written(gateway: Service, device: Device) -> set[str]:
    return set(gateway.desired_mos(ANN, device, Mirror(device_id=device.id)))


def test_without_a_rule_every_protocol_writes_every_mo() -> None:
    """One tree speaks in all protocols, so that nothing is left out unless somebody wants it so."""
    gateway = service(OPERATOR)
    assert written(gateway, BOTH) == {"ims", "nas-config"}
    assert not gateway.left_out(ANN, BOTH, "rcc14")
    assert not gateway.owners(ANN, BOTH)


def test_a_profile_says_who_writes_an_mo() -> None:
    """OMA DM leaves the IMS MO of this model to RCC.14; that of another model it writes. The reason names the line."""
    gateway = service(OPERATOR, MODEL)
    assert written(gateway, BOTH) == {"nas-config"}
    assert not gateway.left_out(ANN, BOTH, "rcc14")
    assert gateway.owners(ANN, BOTH)["ims"] == ("rcc14", "model a1 1.toml:6")
    assert written(gateway, Device(id="ann.2", model="B7", omadm=MET, rcc14=SENT)) == {"ims", "nas-config"}


@pytest.mark.parametrize("rcc14", [None, Rcc14State()])
def test_nobody_waits_for_a_protocol_that_a_device_does_not_speak(rcc14: Rcc14State | None) -> None:
    """A rule counts from the first document on; until then the other protocol brings the values."""
    gateway = service(OPERATOR, MODEL)
    assert written(gateway, Device(id="ann.1", model="A1", omadm=MET, rcc14=rcc14)) == {"ims", "nas-config"}


def test_an_account_that_is_not_used_owns_nothing() -> None:
    """A client with an OMA DM account in its document keeps its services until it was met over OMA DM."""
    gateway = service(OPERATOR, MODEL.replace('"rcc14"', '"omadm"'))
    assert not gateway.left_out(ANN, Device(id="ann.1", model="A1", omadm=ACCOUNT, rcc14=SENT), "rcc14")
    assert gateway.left_out(ANN, BOTH, "rcc14") == {"ims"}


def test_the_order_decides_between_those_that_bring_an_mo() -> None:
    """RCC.14 comes first and brings no NAS configuration, so that stays with OMA DM; ``all`` takes an MO out of it."""
    order = Ownership(("rcc14", "omadm"), CARRIED)
    assert written(service(OPERATOR, ownership=order), BOTH) == {"nas-config"}
    shared = MODEL.replace('"rcc14"', '"all"')
    assert written(service(OPERATOR, shared, ownership=order), BOTH) == {"ims", "nas-config"}
    assert written(service(OPERATOR, ownership=order), Device(id="ann.1", omadm=MET)) == {"ims", "nas-config"}


def test_documents_may_keep_what_others_write() -> None:
    """A setting for clients that take a missing application for a service that ended."""
    keep = Ownership(("omadm", "rcc14"), CARRIED, "keep")
    assert not service(OPERATOR, ownership=keep).left_out(ANN, BOTH, "rcc14")
    omit = keep._replace(documents="omit")
    assert service(OPERATOR, ownership=omit).left_out(ANN, BOTH, "rcc14") == {"ims", "nas-config"}


def test_the_key_changes_with_the_owner() -> None:
    """With the first document, and with another rule: what was left to others has to be looked at again."""
    gateway = service(OPERATOR, MODEL)
    alone = Device(id="ann.1", model="A1", omadm=MET)
    keys = {gateway.configuration_key(ANN, one) for one in (alone, BOTH)}
    keys.add(service(OPERATOR, MODEL.replace('"rcc14"', '"omadm"')).configuration_key(ANN, BOTH))
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("line", "told"),
    [('ims = "sms"', "must be one of omadm, rcc14, omacp, all"), ('imz = "omadm"', "there is no MO 'imz'")],
)
def test_a_rule_that_means_nothing_is_refused(line: str, told: str) -> None:
    """With file and line."""
    with pytest.raises(ConfigError, match=told) as caught:
        parse_profile(OPERATOR + f"[owners]\n{line}\n", "all.toml", CATALOGUE)
    assert caught.value.line == 8


def test_what_a_device_does_corrects_what_its_model_is_said_to_speak() -> None:
    """Met over RCC.14, never over OMA DM in spite of three pushes that it had."""
    phone = Device(id="ann.1", rcc14=SENT)
    assert spoken(phone) == ("rcc14",)
    told = {one.protocol: one for one in speaking(phone, ("omadm", "omacp"), {"omadm": 3})}
    assert (told["omadm"].speaks, told["omadm"].why) == (
        False, "its model is said to, but 3 pushes led to no contact",
    )  # fmt: skip
    assert (told["rcc14"].speaks, told["rcc14"].declared) == (True, False)
    assert told["rcc14"].why == "it did, last at 2026-01-02T00:00:00+00:00; its model is not said to"
    assert told["omacp"].speaks
    assert speaking(Device(id="ann.2"), ("omadm",), {"omadm": 3})[0].speaks


def test_pushes_that_lead_to_no_contact_disprove_a_protocol() -> None:
    """Two of them that it had, of a device that came over another protocol; one that never came may be off."""
    phone = Device(id="ann.1", rcc14=SENT)
    assert newly_disproved(phone, {"omadm": 1}) == ()
    assert newly_disproved(phone, {"omadm": 2, "rcc14": 5}) == ("omadm",)
    assert newly_disproved(Device(id="ann.2"), {"omadm": 9}) == ()
    known = Device(id="ann.1", rcc14=SENT, disproved=("omadm",))
    assert newly_disproved(known, {"omadm": 3}) == (), "it is told once"
    assert [(one.protocol, one.speaks) for one in speaking(known, ("omadm",), {})] == [
        ("omadm", False),
        ("rcc14", True),
    ]
    assert speaking(Device(id="ann.1", rcc14=SENT, omadm=MET, disproved=("omadm",)), (), {})[0].speaks


@pytest.mark.parametrize(
    ("device", "declared", "found"),
    [
        (Device(id="ann.1"), (), set()),
        (Device(id="ann.1"), ("omacp",), {"omadm", "rcc14"}),
        (Device(id="ann.1", rcc14=SENT), ("omadm", "omacp"), set()),
        (Device(id="ann.1", rcc14=SENT, disproved=("omadm",)), ("omadm", "omacp"), {"omadm"}),
        (Device(id="ann.1", rcc14=SENT, omadm=MET, disproved=("omadm",)), ("omacp",), set()),
    ],
)
def test_what_a_device_is_known_not_to_speak(device: Device, declared: tuple[str, ...], found: set[str]) -> None:
    """What its model is not said to, and what was disproved; but what it came over it speaks."""
    assert unspoken(device, declared) == found


def test_a_second_protocol_is_an_event() -> None:
    """A device that was met over one protocol and now over another; not one that is met at all."""
    writes = protocol_writes(Device(id="ann.1", omadm=MET), BOTH, NOW)
    assert [(one.event.kind, one.event.detail) for one in writes if isinstance(one, Append)] == [
        ("device.protocols", {"speaks": "omadm rcc14", "was": "omadm"})
    ]
    assert not protocol_writes(Device(id="ann.1"), Device(id="ann.1", omadm=MET), NOW)
    assert not protocol_writes(BOTH, BOTH, NOW)
