"""Taking over what another server handed out: a document becomes values, one subscriber's identities become variables.

Spec: RCC.14 (XML document), OMA-WAP-TS-ProvCont-V1_1
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Values
from typing import NamedTuple

from adapters.provisioning.document import Characteristic, parse_document
from adapters.provisioning.mapping import Mapping
from adapters.provisioning.wbxml import decode_document
from gateway.errors import ConfigError
from gateway.fleet.profile import check_override
from gateway.fleet.secret import is_secret
from gateway.fleet.variables import escape
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import Permitted
from gateway.tree.format import Format

IDENTITIES = ("impi", "impu", "tel", "msisdn", "imsi", "home_domain", "imei")
"""The variables that are one subscriber's own, and may stand in a document as text."""

_OF_THE_ANSWER = frozenset({"VERS", "TOKEN", "USER", "POLICY"})
_NOT_VALUES = {
    "MSG": "is a message to the user, not a value",
    "ACCESS-CONTROL": "names servers, which are settings",
}
_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_OWN = re.compile(rf"(?<![0-9])[0-9]{{14,15}}@ims\.mnc|(?:tel:|sip:)\+?[0-9]{{7,15}}(?![0-9])|{_UUID}")
_MARKUP = b"<\xef\xfe\xff"


class Left(NamedTuple):
    """A place of the document that was not taken over, and why."""

    place: str
    reason: str


class Taken(NamedTuple):
    """What a document gave: texts by MO key and path, which are templates or plain values as asked, and the rest."""

    texts: dict[str, dict[str, str]]
    left: tuple[Left, ...]


def read_document(octets: bytes) -> Characteristic:
    """The root of a document in XML or WBXML.

    Raises: DecodeError when it is neither; LimitExceeded.
    """
    start = octets.lstrip()[:1]
    return parse_document(octets) if start and start in _MARKUP else decode_document(octets)


def take_values(document: Characteristic, mapping: Mapping, catalogue: Catalogue) -> Taken:
    """The values of the document for one subscriber or device: every text as it stands."""
    values, left = _absorb(document, mapping, catalogue)
    return Taken(values, tuple(left))


def take_templates(
    document: Characteristic, mapping: Mapping, catalogue: Catalogue, variables: Values[str, str]
) -> Taken:
    """The values of the document for many: what is ``variables``' of one subscriber becomes a variable.

    A secret is left, and a text that still names somebody after that, or everybody would get it.
    """
    values, left = _absorb(document, mapping, catalogue)
    known = _Known(variables)
    templates: dict[str, dict[str, str]] = {}
    for mo, paths in values.items():
        for path, text in paths.items():
            _, _, definition = catalogue.find(f"{mo}/{path}")
            takes_variables = definition.format in (Format.CHR, Format.XML) and definition.permitted == Permitted()
            template = known.template(text) if takes_variables else escape(text)
            if is_secret(path):
                left.append(Left(f"{mo}/{path}", "is a secret, which is one subscriber's; set it for them alone"))
            elif takes_variables and _OWN.search(template):
                left.append(Left(f"{mo}/{path}", "names one subscriber; say whose document it is"))
            else:
                templates.setdefault(mo, {})[path] = template
    return Taken(templates, tuple(left))


class _Known:
    """The identities of one subscriber, and the variables that stand for them."""

    def __init__(self, variables: Values[str, str]) -> None:
        texts = {variables[name]: f"{{{name}}}" for name in reversed(IDENTITIES) if variables.get(name)}
        if "mnc" in variables:
            texts[f"mnc{variables['mnc']}.mcc{variables['mcc']}"] = "mnc{mnc}.mcc{mcc}"
        self._texts = texts
        longest = sorted(texts, key=len, reverse=True)
        self._found = re.compile("|".join(f"(?<![0-9]){re.escape(text)}(?![0-9])" for text in longest) or "(?!)")

    def template(self, text: str) -> str:
        pieces, end = [], 0
        for match in self._found.finditer(text):
            pieces += [escape(text[end : match.start()]), self._texts[match[0]]]
            end = match.end()
        return "".join([*pieces, escape(text[end:])])


def _absorb(
    document: Characteristic, mapping: Mapping, catalogue: Catalogue
) -> tuple[dict[str, dict[str, str]], list[Left]]:
    """The values of the document that their nodes can have, in the order of the document, and what is left of it."""
    read, unmapped = mapping.absorb(document)
    left = [Left(place, "has no place in the tree") for place in unmapped]
    left += [
        Left(one.type, _NOT_VALUES.get(one.type.upper(), "is no application; nothing of it is taken"))
        for one in document.characteristics
        if one.type.upper() not in _OF_THE_ANSWER | {"APPLICATION"}
    ]
    values: dict[str, dict[str, str]] = {}
    for mo, paths in read.items():
        for path, text in paths.items():
            try:
                canonical, _ = check_override(catalogue, f"{mo}/{path}", text)
            except ConfigError as fault:
                left.append(Left(f"{mo}/{path}", fault.reason))
            else:
                values.setdefault(mo, {})[path] = canonical
    return values, left
