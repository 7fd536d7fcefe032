"""What is said of one leaf, by the three facts that are never merged: sent, acknowledged, read back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.fleet.desired import DesiredMo
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.standing import Standing, leaf_standings, other_leaves
from gateway.mo.definition import Definition
from gateway.tree.format import Format
from gateway.tree.uri import Uri

T0 = datetime(2026, 1, 1, tzinfo=UTC)
T1 = T0 + timedelta(minutes=1)
ENTRY = Definition("", (Format.NODE,), children=(Definition("Address", (Format.CHR,)),))
IMS = Definition("", (Format.NODE,), children=(
    Definition("T1", (Format.INT,)),
    Definition("PCSCF", (Format.NODE,), children=(ENTRY,)),
))  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "standing"),
    [
        (None, Standing.PENDING),
        (Fact(), Standing.PENDING),
        (Fact(sent="1000", sent_at=T0), Standing.PENDING),
        (Fact(sent="2000", sent_at=T0), Standing.SENT),
        (Fact(read="1000", read_at=T0, sent="2000", sent_at=T1), Standing.SENT),
        (Fact(sent="2000", sent_at=T0, status=200, acknowledged="2000", acknowledged_at=T0), Standing.ACKNOWLEDGED),
        # Accepted after the device had last spoken of it: the old word, though the same, confirms nothing.
        (Fact(read="2000", read_at=T0, acknowledged="2000", acknowledged_at=T1), Standing.ACKNOWLEDGED),
        (Fact(acknowledged="2000", acknowledged_at=T0, read=None, read_at=T1), Standing.ACKNOWLEDGED),
        (Fact(verb="Replace", sent="2000", sent_at=T0, status=405, status_at=T0), Standing.REFUSED),
        (Fact(verb="Replace", sent="2000", status=405, read="1000", read_at=T0), Standing.REFUSED),
        # The refused value is not the one that is wanted now.
        (Fact(verb="Replace", sent="3000", status=405), Standing.PENDING),
        # Refused, and yet the device says later that it holds it.
        (Fact(verb="Replace", sent="2000", status=500, status_at=T0, read="2000", read_at=T1), Standing.READ_BACK),
        (Fact(acknowledged="2000", acknowledged_at=T0, read="2000", read_at=T1), Standing.READ_BACK),
        (Fact(read="2000", read_at=T0), Standing.READ_BACK),
        (Fact(read="02000", read_at=T0), Standing.READ_BACK),
        (Fact(acknowledged="2000", acknowledged_at=T0, read="1000", read_at=T1), Standing.DIFFERS),
        (Fact(read="1000", read_at=T0), Standing.DIFFERS),
        # What is wanted changed after the device accepted something else than it had said.
        (Fact(read="1000", read_at=T0, acknowledged="3000", acknowledged_at=T1), Standing.PENDING),
        (Fact(removed=True), Standing.PENDING),
    ],
)
def test_a_leaf_stands_as_its_facts_say(fact: Fact | None, standing: Standing) -> None:
    """Wanted is 2000, as an int: texts that mean the same number are the same."""
    mirror = Mirror(device_id="s.1", facts={} if fact is None else {"./IMS/T1": fact})
    (leaf,) = leaf_standings({"ims": DesiredMo("urn:x", Uri.parse("./IMS"), IMS, {"T1": "2000"})}, mirror)
    assert (leaf.node, leaf.uri, leaf.wanted, leaf.fact) == ("ims/T1", "./IMS/T1", "2000", fact)
    assert leaf.standing is standing


def test_every_wanted_leaf_is_listed_where_its_mo_is_mounted() -> None:
    """The order is that of the desired tree, several MOs one after the other; what is not wanted is left out."""
    desired = {
        "ims": DesiredMo("urn:x", Uri.parse("./A/IMS"), IMS, {"PCSCF/1/Address": "p", "T1": "1"}),
        "other": DesiredMo("urn:y", Uri.parse("./B"), IMS, {"Unheard": "text"}),
    }
    mirror = Mirror(device_id="s.1", facts={"./A/IMS/Extra": Fact(read="x", read_at=T0)})
    assert [(leaf.node, leaf.uri) for leaf in leaf_standings(desired, mirror)] == [
        ("ims/PCSCF/1/Address", "./A/IMS/PCSCF/1/Address"),
        ("ims/T1", "./A/IMS/T1"),
        ("other/Unheard", "./B/Unheard"),
    ]


def test_what_nobody_asked_for_is_told_too() -> None:
    """A leaf the device holds besides; but no interior node, none that is gone or was never there, and no secret."""
    facts = {
        "./IMS/T1": Fact(read="2000", read_at=T0),
        "./Vendor": Fact(format="node", read_at=T0),
        "./Vendor/Colour": Fact(read="red", read_at=T0),
        "./Vendor/Gone": Fact(read="red", read_at=T0, removed=True),
        "./Vendor/Sent": Fact(sent="red", sent_at=T0),
        "./Vendor/AAuthSecret": Fact(read="hush", read_at=T0),
    }
    mirror = Mirror(device_id="s.1", facts=facts)
    asked = leaf_standings({"ims": DesiredMo("urn:x", Uri.parse("./IMS"), IMS, {"T1": "2000"})}, mirror)
    (other,) = other_leaves(asked, mirror)
    assert (other.uri, other.wanted, other.standing) == ("./Vendor/Colour", None, Standing.UNASKED)
