"""What a device is told that asks for what it is to hold."""

import pytest

from gateway.fleet.desired import DesiredMo
from gateway.fleet.offer import MAX_CHARACTERS, offered
from gateway.mo.definition import Definition
from gateway.tree.format import Format
from gateway.tree.uri import Uri

VALUES = {"Name": "Example", "List/1/Port": "5060", "List/1/AAuthSecret": "hidden", "Vault/Password": "hidden"}
PORT = Definition("Port", (Format.INT,))
ENTRY = Definition("", (Format.NODE,), children=(PORT, Definition("AAuthSecret", (Format.CHR,))))
MO = Definition("", (Format.NODE,), children=(Definition("List", (Format.NODE,), children=(ENTRY,)),))
DESIRED = [DesiredMo("urn:x", Uri(("Vendor", "MO")), MO, VALUES)]


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("./Vendor/MO/Name", 200, [("./Vendor/MO/Name", "chr", "Example")]),
        ("Vendor/MO/List/1/Port", 200, [("./Vendor/MO/List/1/Port", "int", "5060")]),
        ("./Vendor/MO", 200, [("./Vendor/MO", "node", ("Name", "List"))]),
        ("./Vendor/MO/List/1", 200, [("./Vendor/MO/List/1", "node", ("Port",))]),
        (
            "./Vendor/MO/List?list=StructData",
            200,
            [("./Vendor/MO/List", "node", ()), ("./Vendor/MO/List/1/Port", "int", "5060")],
        ),
        ("./Vendor/MO/List/1/AAuthSecret", 405, []),
        ("./Vendor/MO/Vault", 404, []),
        ("./Vendor/MO/Vault?list=StructData", 404, []),
        ("./Vendor/MO/Other", 404, []),
        ("./Vendor", 404, []),
        (".", 404, []),
        ("./Vendor/MO?prop=ACL", 406, []),
        ("./Vendor/MO?list=TNDS", 406, []),
        ("./Vendor/../MO", 404, []),
    ],
)
def test_a_device_may_see_what_it_is_to_hold(address: str, status: int, told: list[tuple[object, ...]]) -> None:
    """Values, names of children and subtrees of its own objects; of a secret not even that there is one.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.7
    """
    offer = offered(DESIRED, address)
    shown = [(read.uri, read.format, read.children if read.format == "node" else read.value) for read in offer.reads]
    assert (offer.status, shown) == (status, told)


def test_what_is_too_large_is_refused() -> None:
    """An answer goes out beside everything else in the message."""
    large = [DESIRED[0]._replace(values={"Name": "x" * MAX_CHARACTERS})]
    assert offered(large, "./Vendor/MO/Name") == (413, ())
