"""The token tables of SyncML 1.2, MetInf 1.2 and DM DDF/TNDS 1.2, and the look-ups derived from them.

Spec: OMA-TS-SyncML_RepPro-V1_2 (WBXML definitions); OMA-TS-SyncML_MetaInfo-V1_2; OMA-TS-DM_TND-V1_2
"""

from __future__ import annotations

from typing import TypeAlias

SYNCML, METINF, DDF = range(3)
"""The tag code pages."""

END = 0x01
ENTITY = 0x02
STR_I = 0x03
LITERAL = 0x04
STR_T = 0x83
OPAQUE = 0xC3
SWITCH_PAGE = 0x00
WITH_CONTENT = 0x40
"""The bit of a tag token that says content follows. Bit 0x80 would say attributes, which no SyncML document has."""

PUBLIC_IDS = {
    "-//SYNCML//DTD SyncML 1.0//EN": 0x0FD1,
    "-//SYNCML//DTD DevInf 1.0//EN": 0x0FD2,
    "-//SYNCML//DTD SyncML 1.1//EN": 0x0FD3,
    "-//SYNCML//DTD DevInf 1.1//EN": 0x0FD4,
    "-//SYNCML//DTD SyncML 1.2//EN": 0x1201,
    "-//SYNCML//DTD MetInf 1.2//EN": 0x1202,
    "-//SYNCML//DTD DevInf 1.2//EN": 0x1203,
}
"""The registered public identifiers of the SyncML document types. DM DDF has none."""

ENCODINGS = {0: "utf-8", 3: "utf-8", 4: "latin-1", 106: "utf-8", 1000: "utf-16-be", 1015: "utf-16-be"}
"""Python's codec by IANA MIBenum. Unknown (0) and US-ASCII (3) read as UTF-8, which contains them."""

_NAMES = (
    """Add Alert Archive Atomic Chal Cmd CmdID CmdRef Copy Cred Data Delete Exec Final Get Item Lang LocName LocURI Map
    MapItem Meta MsgID MsgRef NoResp NoResults Put Replace RespURI Results Search Sequence SessionID SftDel Source
    SourceRef Status Sync SyncBody SyncHdr SyncML Target TargetRef - VerDTD VerProto NumberOfChanges MoreData Field
    Filter Record FilterType SourceParent TargetParent Move Correlator""",
    """Anchor EMI Format FreeID FreeMem Last Mark MaxMsgSize Mem MetInf Next NextNonce SharedMem Size Type Version
    MaxObjSize FieldLevel""",
    """AccessType ACL Add b64 bin bool chr CaseSense CIS Copy CS date DDFName DefaultValue Delete Description DFFormat
    DFProperties DFTitle DFType Dynamic Exec float Format Get int Man MgmtTree MIME Mod Name Node node NodeName null
    Occurrence One OneOrMore OneOrN Path Permanent Replace RTProperties Scope Size time Title TStamp Type Value VerDTD
    VerNo xml ZeroOrMore ZeroOrN ZeroOrOne""",
)
"""The tags of each page in token order, from 05 on; "-" is a reserved token."""

_INSIDE = {"Meta": METINF, "MgmtTree": DDF}
"""The page whose names come first in everything below a tag. Below any other tag it is the page of the tag's place."""


Tag: TypeAlias = "tuple[int, str, str, str, dict[str, Tag]]"
"""How a tag is written: its page, and what stands for it when empty, before children and before inline text.

Those octets are below 0x80, and given as the characters that they are in UTF-8. Last comes the vocabulary for the names
of its children. A plain tuple, which is taken apart at a third of what a named one costs.
"""


def _tags_by_token(page: int) -> tuple[str | None, ...]:
    tags: list[str | None] = [None] * 5 + [f"p{page}-{token:02x}" for token in range(5, WITH_CONTENT)]
    for token, name in enumerate(_NAMES[page].split(), 5):
        if name != "-":
            tags[token] = name
    return (*tags, *tags, *[None] * 2 * len(tags))


TAGS = tuple(_tags_by_token(page) for page in (SYNCML, METINF, DDF))
"""By page and whole token octet, the tag; None where the octet is not a tag, or has the attribute bit.

A token without a name stands for itself as ``p<page>-<token hex>``.
"""


def _vocabularies() -> tuple[dict[str, Tag], ...]:
    """For each page, every tag there is; a name on several pages means the one on this page, or on the lowest."""
    vocabularies: tuple[dict[str, Tag], ...] = ({}, {}, {})
    for place, vocabulary in enumerate(vocabularies):
        for page in (place, SYNCML, METINF, DDF):
            for token, name in enumerate(TAGS[page][:WITH_CONTENT]):
                if name is not None and name not in vocabulary:
                    start = chr(token | WITH_CONTENT)
                    inside = vocabularies[_INSIDE.get(name, place)]
                    vocabulary[name] = (page, chr(token), start, start + chr(STR_I), inside)
    return vocabularies


VOCABULARY = _vocabularies()[SYNCML]
"""How a document's root tag is written, and through it every tag below."""
