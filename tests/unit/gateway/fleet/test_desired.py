"""A device names its instances as it likes."""

from datetime import UTC, datetime

import pytest

from gateway.fleet.desired import DesiredMo, aligned
from gateway.fleet.mirror import Mirror, Read
from gateway.mo.definition import Definition, Occurrence
from gateway.tree.format import Format
from gateway.tree.uri import Uri

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESS = Definition("Address", (Format.CHR,), Occurrence.ONE)
PORT = Definition("Port", (Format.INT,), Occurrence.ONE)
LABEL = Definition("Label", (Format.CHR,), Occurrence.ZERO_OR_ONE)
PORTS = Definition("Ports", (Format.NODE,), children=(Definition("", (Format.NODE,), children=(PORT,)),))
SERVER = Definition("", (Format.NODE,), Occurrence.ONE_OR_MORE, children=(LABEL, ADDRESS, PORTS))
MO = Definition("", (Format.NODE,), children=(LABEL, Definition("Servers", (Format.NODE,), children=(SERVER,))))
A, B, C = "a.example.net", "b.example.net", "c.example.net"


def align(wanted: dict[str, str], held: dict[str, str]) -> dict[str, str]:
    """What is wanted of a device that holds this."""
    reads = [Read("./MO", "node"), *(Read(f"./MO/{path}", value=text) for path, text in held.items())]
    mirror = Mirror(device_id="s.1").read(reads, NOW, complete_root=Uri(("MO",)))
    return dict(aligned(DesiredMo("urn:x", Uri(("MO",)), MO, wanted), mirror).values)


@pytest.mark.parametrize(
    ("wanted", "held", "renamed"),
    [
        # The key leaf is the first that each instance must have: the address, not the label.
        ({"1/Address": A, "1/Label": "l"}, {"x7/Address": A, "x7/Label": "old"}, {"x7/Address": A, "x7/Label": "l"}),
        ({"1/Address": A, "2/Address": B}, {"p/Address": B, "q/Address": A}, {"q/Address": A, "p/Address": B}),
        # Names that are swapped: what an instance holds counts, not what it is called.
        ({"1/Address": A, "2/Address": B}, {"1/Address": B, "2/Address": A}, {"2/Address": A, "1/Address": B}),
        # The name counts where no key is equal; then the instance's address is replaced.
        ({"1/Address": A}, {"1/Address": C}, {"1/Address": A}),
        ({"1/Address": A}, {"7/Address": C}, {"1/Address": A}),
        # A new one finds its name in use for another.
        ({"1/Address": A, "2/Address": B}, {"1/Address": B}, {"1-2/Address": A, "1/Address": B}),
        # Two alike are two.
        ({"1/Address": A, "2/Address": A}, {"x/Address": A}, {"x/Address": A, "2/Address": A}),
        # Instances inside instances.
        (
            {"1/Address": A, "1/Ports/1/Port": "5060"},
            {"x/Address": A, "x/Ports/p9/Port": "05060"},
            {"x/Address": A, "x/Ports/p9/Port": "5060"},
        ),
        # Another value than the key beside an instance that is where it is wanted.
        (
            {"1/Address": A, "1/Label": "l", "2/Address": B},
            {"1/Address": A, "1/Label": "old", "x/Address": B},
            {"1/Address": A, "1/Label": "l", "x/Address": B},
        ),
        ({"1/Address": A, "1/Label": "l"}, {"1/Address": A, "1/Label": "old"}, {"1/Address": A, "1/Label": "l"}),
        ({"1/Address": A}, {}, {"1/Address": A}),
    ],
)
def test_instances_are_matched_by_what_names_them(
    wanted: dict[str, str], held: dict[str, str], renamed: dict[str, str]
) -> None:
    """An instance that the device has under another name is its own, and no second one.

    Spec: OMA-TS-DM_TND-V1_2 4
    """

    def servers(values: dict[str, str]) -> dict[str, str]:
        return {f"Servers/{path}": text for path, text in values.items()}

    assert align(servers(wanted) | {"Label": "x"}, servers(held)) == servers(renamed) | {"Label": "x"}


def test_what_fits_is_left_alone() -> None:
    """The same object comes back where nothing is named otherwise, and where no node has run-time names."""
    mo = DesiredMo("urn:x", Uri(("MO",)), MO, {"Servers/1/Address": A})
    empty = Mirror(device_id="s.1")
    assert aligned(mo, empty) is mo
    assert aligned(mo, empty.read([Read("./MO/Servers/1/Address", value=A)], NOW)) is mo
    plain = mo._replace(definition=Definition("", (Format.NODE,), children=(LABEL,)), values={"Label": "x"})
    assert aligned(plain, empty) is plain
