import pytest

from gateway.tree.format import Format


@pytest.mark.parametrize(
    ("fmt", "one", "other", "same"),
    [
        ("int", "007", " 7", True),
        ("int", "+7", "7", True),
        ("int", "7", "8", False),
        ("int", "seven", "seven", True),
        ("int", "seven", "7", False),
        ("bool", "1", "true", True),
        ("bool", "False", "0", True),
        ("bool", "1", "0", False),
        ("float", "1.50", "1.5", True),
        ("bin", "aGVs\nbG8=", "aGVsbG8=", True),
        ("date", "2026-01-02", "20260102", True),
        ("chr", "1", "01", False),
        ("chr", "a ", "a", False),
        ("chr", None, "", False),
        ("null", None, None, True),
    ],
)
def test_values_are_compared_as_their_format_means_them(fmt: str, one: str | None, other: str, same: bool) -> None:
    """Two texts are the same value when their canonical texts are; unreadable text is only itself."""
    assert Format(fmt).same(one, other) is same
    assert Format(fmt).same(other, one) is same


@pytest.mark.parametrize(
    ("fmt", "text"),
    [("int", "1.0"), ("int", "9" * 21), ("int", "٣"), ("bool", "yes"), ("float", "nan"), ("bin", "%"), ("node", "x")],
)
def test_text_that_is_no_value_of_the_format_is_refused(fmt: str, text: str) -> None:
    """An int is at most twenty ASCII digits, a float finite, bin is base64, an interior node has no value."""
    with pytest.raises(ValueError, match=r"."):
        Format(fmt).canonical(text)


@pytest.mark.parametrize(("name", "fmt"), [("int", "int"), (" Bool\n", "bool"), ("", "chr"), ("x-vendor", "chr")])
def test_a_format_of_the_devices_own_invention_is_text(name: str, fmt: str) -> None:
    """Unknown but well-formed survives: the value of an unknown format is kept as text."""
    assert Format.parse(name) is Format(fmt)
