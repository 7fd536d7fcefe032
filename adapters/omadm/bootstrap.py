"""Bootstrap by the DM profile: a message that needs no session, with the account and its connectivity as TNDS.

Spec: OMA-TS-DM_Bootstrap-V1_2; OMA-TS-DM_Security-V1_2 5.7; OMA-TS-DM_StdObj-V1_2 5.3 (DMAcc)
"""

from __future__ import annotations

import base64
import enum
import hmac
from collections.abc import Sequence
from typing import NamedTuple

from adapters.omadm.codec import encode, encoding_of
from adapters.omadm.messages import Command, Item, SyncHdr, SyncML
from adapters.omadm.tnds import Leaf, Subtree, carried, render_subtrees
from adapters.sms.pdu import ImsiForm, imsi_octets
from adapters.sms.wsp import Push
from gateway.errors import ConfigError
from gateway.fleet.account import Account, values_of
from gateway.fleet.operation import TndsForm
from gateway.tree.format import Format
from gateway.tree.node import Acl

CONTENT_TYPE = "application/vnd.syncml.dm+wbxml"
DMACC = "urn:oma:mo:oma-dm-dmacc:1.0"
INBOX = "./Inbox"


class Method(enum.IntEnum):
    """What the device must know to believe a message; the numbers are the values of SEC in the push."""

    NETWORKID = 0
    USERPIN = 1
    USERPIN_NETWORKID = 2


class Proof(NamedTuple):
    """What goes with a message."""

    method: Method
    mac: str


def account_subtree(account: Account, *, connection: str = "") -> Subtree:
    """The account as DMAcc, which the server may read, change and remove; ``connection`` is the URI of its NAP.

    Spec: OMA-TS-DM_StdObj-V1_2 5.3
    """
    values = values_of(account)
    leaves = [_leaf(path, text) for path, text in values.items()]
    if connection:
        leaves.insert([*values].index("Name") + 1, _leaf("PrefConRef", connection))
    return Subtree("MOGate", DMACC, leaves, acl=server_rights(account.server_id))


def server_rights(server_id: str) -> str:
    """The ACL of what a bootstrap creates. Spec: OMA-TS-DM_Bootstrap-V1_2 (ACL of provisioned nodes)"""
    return str(Acl.granting(server_id, "Get", "Replace", "Delete"))


def bootstrap_message(account: Account, loc_uri: str, subtrees: Sequence[Subtree], form: TndsForm) -> bytes:
    """The message, in WBXML as it must be; ``form`` is how the objects stand in it.

    Spec: OMA-TS-DM_Bootstrap-V1_2 (DM profile)
    """
    meta, data = carried(render_subtrees(subtrees, octets=form != "xml"), form)
    add = Command(verb="Add", cmd_id="1", items=(Item(target=INBOX, meta=meta, data=data),))
    header = SyncHdr(session_id="0", msg_id=1, target=loc_uri, source=account.server_id)
    return encode(SyncML(header, (add,)), encoding_of(CONTENT_TYPE))


def prove(
    method: Method, message: bytes, *, imsi: str = "", pin: str = "", imsi_form: ImsiForm = "semi-octets"
) -> Proof:
    """The proof of the message's octets, for a SIM with this IMSI or a user who knows this PIN.

    Raises: ConfigError when the method needs an IMSI or a PIN that is not there.
    Spec: OMA-TS-DM_Security-V1_2 5.7.2
    """
    if method is not Method.USERPIN and not imsi:
        raise ConfigError(f"{method.name} needs the subscriber's IMSI, and none is known", key="security")
    if method is not Method.NETWORKID and not (pin.isascii() and pin.isdecimal()):
        raise ConfigError(f"{method.name} needs a PIN of digits", key="pin")
    parts = [] if method is Method.NETWORKID else [pin.encode("ascii")]
    if method is not Method.USERPIN:
        parts.append(imsi_octets(imsi, imsi_form))
    return Proof(method, hmac.digest(b":".join(parts), message, "sha1").hex().upper())


def push(message: bytes, proof: Proof) -> Push:
    """The push that carries a bootstrap message to a phone."""
    parameters = (("SEC", int(proof.method)), ("MAC", proof.mac))
    return Push(CONTENT_TYPE, message, parameters, application_id="x-wap-application:syncml.dm")


def _leaf(path: str, text: str) -> Leaf:
    if path.endswith("/AAuthData"):
        return Leaf(tuple(path.split("/")), Format.BIN, base64.b64decode(text))
    return Leaf(tuple(path.split("/")), Format.CHR, text)
