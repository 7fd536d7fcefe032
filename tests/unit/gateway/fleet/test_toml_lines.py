"""Where keys of a TOML document stand."""

import pytest

from gateway.fleet.toml_lines import key_lines, line_of

SOURCE = '''\
# comment = 1
name = "x"

unset = [
  "ims/Timer_T1",   # a = 1
  "ims/Timer_T2",
]
[mo.ims]
Timer_T1 = 2000

"ConRefs/1/ConRef" = """
Timer_T2 = 5
[mo.nas]
"""
Timer_T2 = 5
[match]
attributes = { region = "north" }
both = { a = 1, b = 2 }
  [mo."urn:x.y"]
'deep.key'.below = 1
[[list]]
'''


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (("name",), 2),
        (("unset",), 4),
        (("mo",), 8),
        (("mo", "ims"), 8),
        (("mo", "ims", "Timer_T1"), 9),
        (("mo", "ims", "ConRefs/1/ConRef"), 11),
        (("mo", "ims", "Timer_T2"), 15),
        (("match",), 16),
        (("match", "attributes", "region"), 17),
        (("match", "both", "b"), 18),
        (("mo", "urn:x.y"), 19),
        (("mo", "urn:x.y", "deep.key", "below"), 20),
        (("list",), 21),
        (("mo", "ims", "absent"), 8),
        (("absent",), None),
        (("comment",), None),
    ],
)
def test_line_of_key(names: tuple[str, ...], line: int | None) -> None:
    """A key is found where its statement begins, whatever text that looks like a key stands in values and comments;
    a key that is not there is given the line of the table around it."""
    assert line_of(key_lines(SOURCE), *names) == line


def test_windows_line_ends() -> None:
    """Lines are counted the same with carriage returns."""
    assert key_lines(SOURCE.replace("\n", "\r\n")) == key_lines(SOURCE)
