"""Forms: elements that go out again and again with other texts in them, written once and filled in.

Spec: WAP-192-WBXML 5; OMA-TS-SyncML_RepPro-V1_2 5
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.omadm import xml
from adapters.wbxml import codec as wbxml
from adapters.wbxml.element import WRITTEN, AnyElement

SLOT = "\u2423"
"""Stands for a text that is to be filled in."""

_TAGS = {page: tag for tag, page in WRITTEN.items()}


class Form:
    """An element of SyncML, its texts but for the slots as they are."""

    def __init__(self, element: AnyElement) -> None:
        text, page = wbxml.encode_part(element)
        self._tag = _TAGS[page]
        self._wbxml = _with_slots(text)
        self._xml = _with_slots(xml.encode_part(element))

    def fill(self, texts: Sequence[str], in_wbxml: bool) -> AnyElement | None:
        """The element with these texts in its slots, in their order; None for texts that are written in another way.

        Raises: ValueError for characters that XML cannot carry, where it is to carry them.
        """
        joined = "".join(texts)
        if "" in texts or "\0" in joined:
            return None
        if in_wbxml:
            return self._tag, self._wbxml % tuple(texts)
        if not joined.isprintable() or "&" in joined or "<" in joined or ">" in joined:
            texts = [*map(xml.escape, texts)]
        return self._tag, self._xml % tuple(texts)


def _with_slots(text: str) -> str:
    return text.replace("%", "%%").replace(SLOT, "%s")
