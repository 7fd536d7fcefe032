"""Objects of which a device has several: which of them is meant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.fleet.desired import DesiredMo, among_others
from gateway.fleet.mirror import Mirror, Read
from gateway.mo.definition import Definition, Occurrence
from gateway.tree.format import Format
from gateway.tree.uri import Uri

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAP = Definition(
    "",
    (Format.NODE,),
    children=(Definition("NAPID", (Format.CHR,), occurrence=Occurrence.ONE), Definition("Name", (Format.CHR,))),
)


def place(wanted: str, **held: str | None) -> str:
    """Where an access point with that identifier is on a device with these: their identifiers by their names."""
    reads = [Read(f"./NAP/{name}", "node") for name in held]
    reads += [Read(f"./NAP/{name}/NAPID", value=text) for name, text in held.items() if text is not None]
    mirror = Mirror(device_id="a.1").read(reads, NOW)
    among = Uri.parse("./NAP")
    return str(among_others(DesiredMo("urn:nap", among, NAP, {"NAPID": wanted}, among), mirror).root)


@pytest.mark.parametrize(
    ("held", "found"),
    [
        ({}, "./NAP/internet"),
        ({"a7": "internet", "b": "other"}, "./NAP/a7"),
        ({"internet": "other"}, "./NAP/internet-2"),
        ({"internet": "other", "internet-2": "another"}, "./NAP/internet-3"),
        ({"internet": None}, "./NAP/internet"),
    ],
)
def test_an_instance_is_found_by_its_key_and_else_gets_a_free_name(held: dict[str, str | None], found: str) -> None:
    """One of that name whose key nobody knows is that which was begun, so no attempt leaves another behind."""
    assert place("internet", **held) == found


def test_a_key_that_is_no_name_of_a_node_makes_one() -> None:
    """A slash would lead elsewhere; and an object without a key has a name all the same."""
    assert place("a/b") == "./NAP/a-b"
    assert place("") == "./NAP/1"
