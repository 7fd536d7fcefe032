"""The token tables against those of libwbxml, which were written by other people from the same specifications."""

from __future__ import annotations

import libwbxml
import pytest

from adapters.wbxml.codec import DEFAULT_HEADER, Header, encode
from adapters.wbxml.tables import DDF, METINF, PUBLIC_IDS, SYNCML, TAGS

DDF_HEADER = Header(2, 0, "-//OMA//DTD-DM-DDF 1.2//EN")


@pytest.mark.parametrize(
    ("page", "count", "root", "header"),
    [
        (SYNCML, 55, "SyncML", DEFAULT_HEADER),
        (METINF, 18, "Meta", DEFAULT_HEADER),
        (DDF, 56, "MgmtTree", DDF_HEADER),
    ],
)
def test_every_tag_is_read_as_the_same_name(page: int, count: int, root: str, header: Header) -> None:
    """Each named token of a page means the same tag to libwbxml."""
    names = [name for name in TAGS[page] if name and not name.startswith(f"p{page}-")]
    names = names[: len(names) // 2]
    assert len(names) == count
    element = (root, [(name, "x") for name in names])
    document = element if root != "Meta" else ("SyncML", [element])
    assert libwbxml.element_of(libwbxml.to_xml(encode(document, header))) == document


@pytest.mark.parametrize(("name", "number"), PUBLIC_IDS.items())
def test_public_identifiers_are_the_registered_ones(name: str, number: int) -> None:
    """libwbxml recognises the document type by our number as it does by the written-out identifier."""
    root = "DevInf" if "DevInf" in name else "MetInf" if "MetInf" in name else "SyncML"
    by_number = libwbxml.to_xml(encode((root, ""), Header(2, number)))
    assert name.encode() in by_number
