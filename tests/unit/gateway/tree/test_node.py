import pytest

from gateway.tree.format import Format
from gateway.tree.node import Acl, Node


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("", ""),
        ("Get=*", "Get=*"),
        ("Replace=b.example+a.example&Get=*", "Get=*&Replace=a.example+b.example"),
        ("Add=a+*", "Add=*"),
    ],
)
def test_an_acl_reads_back_from_its_text(text: str, formatted: str) -> None:
    """Commands and identifiers have no order, and ``*`` overrides the other identifiers (TND 7.7.1)."""
    assert str(Acl.parse(text)) == formatted
    assert Acl.parse(formatted) == Acl.parse(text)


@pytest.mark.parametrize(
    "text",
    ["Get", "Get=", "Get=a+", "Copy=a", "get=a", "Get=a&", "Get=a&Get=b", "Get=a b", "Get=a=b", "Get=a*", "&"],
)
def test_an_impossible_acl_is_refused(text: str) -> None:
    """An entry has a command of its own and identifiers without ``= & * +`` or white space (TND 7.7.1)."""
    with pytest.raises(ValueError, match=r"."):
        Acl.parse(text)


def test_an_acl_allows_the_named_and_everyone() -> None:
    """A right is given by name or by ``*``, and what is not given is not allowed."""
    acl = Acl.parse("Get=*&Replace=a+b")
    assert acl.allows("Get", "anyone")
    assert acl.allows("Replace", "b")
    assert not acl.allows("Replace", "c")
    assert not acl.allows("Delete", "a")


@pytest.mark.parametrize(
    ("fmt", "value", "size"),
    [("chr", "ß1", 3), ("bin", "aGVsbG8=", 5), ("bin", "not base64", 10), ("null", None, 0), ("int", "42", 2)],
)
def test_size_counts_octets_as_stored(fmt: str, value: str | None, size: int) -> None:
    """Size is that of the raw value, not of its transport text (TND 7.7.6)."""
    assert Node("x", Format(fmt), value=value).size == size
