"""Forms: what goes out again and again with other texts in it, written once and filled in: elements, whole messages.

Spec: WAP-192-WBXML 5; OMA-TS-SyncML_RepPro-V1_2 5
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


class Letter:
    """A whole message as octets, with texts of the names in ``slots`` where these stood for them."""

    def __init__(self, octets: bytes, slots: Mapping[bytes, str], in_wbxml: bool) -> None:
        self._in_wbxml = in_wbxml
        self._octets = octets.replace(b"%", b"%%")
        for name, slot in slots.items():
            self._octets = self._octets.replace(slot.encode(), b"%%(%b)b" % name)

    def fill(self, texts: Mapping[bytes, str]) -> bytes | None:
        """The message with these texts, by the names of their slots; None for texts that are written in another way.

        Raises: ValueError for characters that XML cannot carry, where it is to carry them.
        """
        joined = "".join(texts.values())
        if "\0" in joined or "" in texts.values():
            return None
        if not self._in_wbxml and (not joined.isprintable() or "&" in joined or "<" in joined or ">" in joined):
            texts = {name: xml.escape(text) for name, text in texts.items()}
        return self._octets % {name: text.encode() for name, text in texts.items()}
