import pytest

from gateway.errors import TreeError
from gateway.tree.uri import Address, Uri, UriLimits


@pytest.mark.parametrize(
    ("text", "segments", "shown"),
    [
        (".", (), "."),
        ("./", (), "."),
        ("", (), "."),
        ("./DevInfo/DevId", ("DevInfo", "DevId"), "./DevInfo/DevId"),
        ("DevInfo/DevId", ("DevInfo", "DevId"), "./DevInfo/DevId"),
        ("/DevInfo", ("DevInfo",), "./DevInfo"),
        ("./A/b c/ß", ("A", "b c", "ß"), "./A/b c/ß"),
    ],
)
def test_spellings_of_one_address_are_one_uri(text: str, segments: tuple[str, ...], shown: str) -> None:
    """``./A/B``, ``A/B`` and ``/A/B`` name the same node (TND 4.2)."""
    assert Uri.parse(text) == segments
    assert str(Uri.parse(text)) == shown


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("./A//B", 404),
        ("./A/", 404),
        ("./A/../B", 404),
        ("./A/./B", 404),
        ("./" + "/".join("a" * 129), 414),
        ("./" + "ß" * 1024, 414),
    ],
)
def test_what_cannot_be_a_node_is_refused(text: str, status: int) -> None:
    """Empty and dotted segments name nothing; more than 128 segments or 2048 octets are too long."""
    with pytest.raises(TreeError) as refused:
        Uri.parse(text)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("A/B", Address(Uri(("A", "B")))),
        ("./A?prop=ACL", Address(Uri(("A",)), prop="ACL")),
        ("./A?list=TNDS+ACL", Address(Uri(("A",)), list="TNDS+ACL")),
        (".?list=Struct", Address(Uri(), list="Struct")),
    ],
)
def test_an_address_names_a_node_a_property_or_a_subtree(text: str, address: Address) -> None:
    """The query part is ``prop`` or ``list`` (TND 7.1), and an address reads back from its own text."""
    assert Address.parse(text) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize("text", ["./A?", "./A?prop=", "./A?list", "./A?sort=Name"])
def test_any_other_query_is_not_supported(text: str) -> None:
    """An unknown query is answered 406."""
    with pytest.raises(TreeError) as refused:
        Address.parse(text)
    assert refused.value.status == 406


@pytest.mark.parametrize(
    ("limits", "address", "why"),
    [
        (UriLimits(), "./A/B/C/D", ""),
        (UriLimits(depth=3), "./A/B/C", ""),
        (UriLimits(depth=3), "./A/B/C/D", "4 segments, and the device takes 3"),
        (UriLimits(total=7), "./A/B/C", ""),
        (UriLimits(total=7), "./A?prop=Name", "13 characters, and the device takes 7"),
        (UriLimits(segment=4), "./ABCD/E?list=StructData", ""),
        (UriLimits(segment=4), "./A/ABCDE", "5 characters in a segment, and the device takes 4"),
    ],
)
def test_a_device_bounds_its_uris(limits: UriLimits, address: str, why: str) -> None:
    """Segments, characters of the whole address and of its longest segment count; 0 bounds nothing (StdObj 5.2)."""
    assert limits.breach(address) == why
