"""A provisioning document as the push that carries it.

Spec: OMA-WAP-TS-ProvBoot-V1_1 (content type and its parameters)
"""

from __future__ import annotations

from adapters.omacp.security import Proof
from adapters.sms.wsp import Push

CONTENT_TYPE = "application/vnd.wap.connectivity-wbxml"


def push(document: bytes, proof: Proof) -> Push:
    """The push of a document in WBXML: SEC first, then MAC, as phones expect them."""
    parameters: tuple[tuple[str, int | str], ...] = (("SEC", int(proof.method)),)
    if proof.mac:
        parameters = (*parameters, ("MAC", proof.mac))
    return Push(CONTENT_TYPE, document, parameters)
