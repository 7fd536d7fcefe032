import pytest

from gateway.mo.definition import UNNAMED, Definition, Permitted
from gateway.tree.format import Format

ENTRY = Definition(name="", formats=(Format.NODE,), children=(Definition(name="Address", formats=(Format.CHR,)),))
ROOT = Definition(name="", formats=(Format.NODE,), children=(ENTRY, Definition(name="Name", formats=(Format.CHR,))))


@pytest.mark.parametrize(
    ("permitted", "fmt", "text", "allowed"),
    [
        (Permitted(), Format.CHR, "anything", True),
        (Permitted((("1", "on"),)), Format.INT, "01", True),
        (Permitted((("1", "on"),)), Format.BOOL, "true", True),
        (Permitted((("0", "off"),)), Format.BOOL, "true", False),
        (Permitted((("IPv4", ""),)), Format.CHR, "ipv4", False),
        (Permitted(low=5, high=15), Format.INT, "5", True),
        (Permitted(low=5, high=15), Format.INT, "15", True),
        (Permitted(low=5, high=15), Format.INT, "16", False),
        (Permitted(low=0), Format.INT, "-1", False),
        (Permitted(high=0), Format.INT, "-1", True),
        (Permitted((("0", "off"),), 5, 15), Format.INT, "0", True),
        (Permitted(low=0, high=65535), Format.CHR, "443", True),
        (Permitted(low=0, high=65535), Format.CHR, "https", False),
    ],
)
def test_permitted_values(permitted: Permitted, fmt: Format, text: str, allowed: bool) -> None:
    """An enumeration or a range permits; values compare by format, and a range takes numbers in text leaves too."""
    assert permitted.allows(fmt, text) is allowed


@pytest.mark.parametrize("permitted", [Permitted(), Permitted((("1", ""),)), Permitted(low=1)])
def test_text_that_is_no_value_is_not_permitted(permitted: Permitted) -> None:
    """A text that is not of the format raises, whatever is permitted."""
    with pytest.raises(ValueError, match="not a whole number"):
        permitted.allows(Format.INT, "loud")


@pytest.mark.parametrize(
    ("permitted", "text"),
    [
        (Permitted(), ""),
        (Permitted((("0", "never"), ("1", "")), 5, 15), "0 = never; 1; 5..15"),
        (Permitted(low=5), "5.."),
        (Permitted(high=-5), "..-5"),
    ],
)
def test_permitted_as_text(permitted: Permitted, text: str) -> None:
    """What is permitted reads as one line."""
    assert str(permitted) == text


def test_a_name_of_its_own_governs_before_the_unnamed_node() -> None:
    """An instance is governed by the node of its name, else by the unnamed one (TND 8)."""
    assert ROOT.find(("Name",)) == Definition(name="Name", formats=(Format.CHR,))
    assert ROOT.find(("1", "Address")) == ENTRY.children[0]
    assert ROOT.find(("1", "Port")) is None
    assert ROOT.find(("Name", "x", "y")) is None
    assert [path for path, _ in ROOT.walk()] == [(), (UNNAMED,), (UNNAMED, "Address"), ("Name",)]
