"""What of MAP and TCAP says which SIM is in which phone, as ASN.1 types. Fields that say nothing of it are not named.

Spec: 3GPP TS 29.002 17.7.1 (mobile service data types), 17.7.8 (common data types), 17.5 (operation codes);
ITU-T Q.773 3 (transaction and component portion)
"""

from __future__ import annotations

from pyasn1.type import base, tag, univ
from pyasn1.type.namedtype import NamedType, NamedTypes, OptionalNamedType

_APPLICATION = tag.tagClassApplication
_CONTEXT = tag.tagClassContext


def _tagged(
    schema: base.SimpleAsn1Type | base.ConstructedAsn1Type, number: int, tag_class: int = _CONTEXT
) -> base.Asn1Type:
    """The type under an implicit tag."""
    constructed = isinstance(schema, univ.SequenceOf | univ.Sequence)
    form = tag.tagFormatConstructed if constructed else tag.tagFormatSimple
    tagged: base.Asn1Type = schema.subtype(implicitTag=tag.Tag(tag_class, form, number))  # type: ignore[no-untyped-call]
    return tagged


class AddInfo(univ.Sequence):
    """Automatic Device Detection: the phone's IMEISV."""

    componentType = NamedTypes(NamedType("imeisv", _tagged(univ.OctetString(), 0)))


class UpdateLocationArg(univ.Sequence):
    """A phone attached at an MSC."""

    componentType = NamedTypes(
        NamedType("imsi", univ.OctetString()),
        NamedType("msc-Number", _tagged(univ.OctetString(), 1)),
        NamedType("vlr-Number", univ.OctetString()),
        OptionalNamedType("add-info", _tagged(AddInfo(), 13)),
    )


class UpdateGprsLocationArg(univ.Sequence):
    """A phone attached at an SGSN."""

    componentType = NamedTypes(
        NamedType("imsi", univ.OctetString()),
        NamedType("sgsn-Number", univ.OctetString()),
        NamedType("sgsn-Address", univ.OctetString()),
        OptionalNamedType("add-info", _tagged(AddInfo(), 4)),
    )


class PdpContext(univ.Sequence):
    """One APN that a subscriber may use."""

    componentType = NamedTypes(
        NamedType("pdp-ContextId", univ.Integer()),
        NamedType("apn", _tagged(univ.OctetString(), 20)),
    )


class GprsDataList(univ.SequenceOf):
    """The APNs of a subscriber."""

    componentType = PdpContext()


class GprsSubscriptionData(univ.Sequence):
    """What a subscriber may use over packets; ``completeDataListIncluded`` says that there is no more."""

    componentType = NamedTypes(
        OptionalNamedType("completeDataListIncluded", univ.Null()),
        NamedType("gprsDataList", _tagged(GprsDataList(), 1)),
    )


class InsertSubscriberDataArg(univ.Sequence):
    """What a home register tells a visited one about a subscriber."""

    componentType = NamedTypes(
        OptionalNamedType("imsi", _tagged(univ.OctetString(), 0)),
        OptionalNamedType("msisdn", _tagged(univ.OctetString(), 1)),
        OptionalNamedType("gprsSubscriptionData", _tagged(GprsSubscriptionData(), 16)),
    )


class Identity(univ.Choice):
    """Whose location is cancelled, with the visited register's own name of the subscriber or without."""

    componentType = NamedTypes(
        NamedType("imsi", univ.OctetString()),
        NamedType("imsi-WithLMSI", univ.Sequence(componentType=NamedTypes(NamedType("imsi", univ.OctetString())))),
    )


class CancelLocationArg(univ.Sequence):
    """What a home register tells the visited one that a subscriber left, or that has to forget the subscriber."""

    componentType = NamedTypes(
        NamedType("identity", Identity()),
        OptionalNamedType("cancellationType", univ.Enumerated()),
    )


class Invoke(univ.Sequence):
    """The component that asks for an operation."""

    componentType = NamedTypes(
        NamedType("invokeID", univ.Integer()),
        NamedType("opCode", univ.Integer()),
        OptionalNamedType("parameter", univ.Any()),
    )


class Transaction(univ.Sequence):
    """A message of a transaction: what either side calls it, and its components."""

    componentType = NamedTypes(
        OptionalNamedType("otid", _tagged(univ.OctetString(), 8, _APPLICATION)),
        OptionalNamedType("dtid", _tagged(univ.OctetString(), 9, _APPLICATION)),
        OptionalNamedType("components", _tagged(univ.SequenceOf(componentType=univ.Any()), 12, _APPLICATION)),
    )


INVOKE = _tagged(Invoke(), 1)
TRANSACTIONS = {
    first: _tagged(Transaction(), number, _APPLICATION) for first, number in ((0x62, 2), (0x64, 4), (0x65, 5))
}
"""By first octet: Begin, End and Continue."""

OPERATIONS: dict[int, base.Asn1Type] = {
    2: UpdateLocationArg(),
    3: _tagged(CancelLocationArg(), 3),
    7: InsertSubscriberDataArg(),
    23: UpdateGprsLocationArg(),
}
"""The arguments by operation code."""
