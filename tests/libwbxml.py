"""libwbxml2 through ctypes: the independent codec our WBXML is compared with."""

from __future__ import annotations

import ctypes
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

try:
    _LIB = ctypes.CDLL("libwbxml2.so.1")
except OSError as error:
    raise ImportError("the WBXML tests compare with libwbxml: apt-get install libwbxml2-1") from error
_LIBC = ctypes.CDLL(None)

_LIB.wbxml_errors_string.restype = ctypes.c_char_p
_LIBC.free.argtypes = [ctypes.c_void_p]

_COMPACT = 0
_WBXML_1_2 = 2


class LibwbxmlError(Exception):
    """libwbxml refused the document; the text is its own reason."""


def to_xml(wbxml: bytes) -> bytes:
    """The document as libwbxml reads it: XML without indentation."""
    converter = _converter("wbxml2xml")
    _LIB.wbxml_conv_wbxml2xml_set_gen_type(converter, _COMPACT)
    _LIB.wbxml_conv_wbxml2xml_enable_preserve_whitespaces(converter)
    return _run("wbxml2xml", converter, wbxml)


def to_wbxml(xml: bytes, *, string_table: bool = False) -> bytes:
    """The document as libwbxml writes it: WBXML 1.2, with repeated text in a string table on demand."""
    converter = _converter("xml2wbxml")
    _LIB.wbxml_conv_xml2wbxml_set_version(converter, _WBXML_1_2)
    _LIB.wbxml_conv_xml2wbxml_enable_preserve_whitespaces(converter)
    if not string_table:
        _LIB.wbxml_conv_xml2wbxml_disable_string_table(converter)
    return _run("xml2wbxml", converter, xml)


def element_of(xml: bytes | str) -> tuple[str, object]:
    """The root of an XML document as (local name, text or children)."""

    def convert(node: ET.Element) -> tuple[str, object]:
        return node.tag.rpartition("}")[2], [convert(child) for child in node] or node.text or ""

    return convert(ET.fromstring(xml))


def xml_of(element: tuple[str, object], namespace: str = "SYNCML:SYNCML1.2") -> str:
    """An element as XML in ``namespace``, with the children of Meta in MetInf's."""
    tag, content = element
    inner = "syncml:metinf" if tag == "Meta" else namespace
    text = "".join(xml_of(child, inner) for child in content) if isinstance(content, list) else escape(str(content))
    return f'<{tag} xmlns="{namespace}">{text}</{tag}>'


def _converter(direction: str) -> ctypes.c_void_p:
    converter = ctypes.c_void_p()
    _check(_LIB[f"wbxml_conv_{direction}_create"](ctypes.byref(converter)))
    return converter


def _run(direction: str, converter: ctypes.c_void_p, document: bytes) -> bytes:
    output, length = ctypes.c_void_p(), ctypes.c_uint32()
    run = _LIB[f"wbxml_conv_{direction}_run"]
    try:
        _check(run(converter, document, ctypes.c_uint32(len(document)), ctypes.byref(output), ctypes.byref(length)))
        return ctypes.string_at(output, length.value)
    finally:
        _LIBC.free(output)
        _LIB[f"wbxml_conv_{direction}_destroy"](converter)


def _check(code: int) -> None:
    if code:
        raise LibwbxmlError(_LIB.wbxml_errors_string(code).decode())
