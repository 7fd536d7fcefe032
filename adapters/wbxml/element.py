"""The neutral form of markup between bytes and messages: a tag with text, octets or children."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

AnyElement: TypeAlias = "tuple[str, str | bytes | list[AnyElement]]"
"""An element as the codecs give and take it: an ``Element`` or a plain tuple of the same shape.

Unpack it (``tag, content = element``): codecs make plain tuples, which cost a fifth of a named one.
"""


class Element(NamedTuple):
    """One element. ``content`` is the concatenated text, raw octets, or the children in order; "" when empty.

    Tags are local names without namespace; a token no table knows reads ``p<page>-<token hex>``. A plain tuple of the
    same shape is an Element for every function that takes one.
    """

    tag: str
    content: str | bytes | list[AnyElement] = ""


WRITTEN = {f"\0{page}": page for page in range(3)}
"""Tags of what is written already, for a place on the first code page: by the code page that it ends on.

Such an element's content goes out as it is. No document has them: a name has no NUL.
"""


class Stage(NamedTuple):
    """A document as far as it is read: its root, and where the octets begin that are still to be read, 0 when none are.

    ``context`` is octets too, for all before them that they depend on: where both are the same, they mean the same.
    """

    root: AnyElement
    end: int = 0
    context: bytes = b""
