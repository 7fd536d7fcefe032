"""How a provisioning document proves where it comes from: SEC and MAC.

Spec: OMA-WAP-TS-ProvBoot-V1_1 (bootstrap security); OMA-WAP-TS-ProvCont-V1_1 4.3
"""

from __future__ import annotations

import enum
import hmac
from typing import NamedTuple

from adapters.sms.pdu import ImsiForm, imsi_octets
from gateway.errors import ConfigError


class Method(enum.IntEnum):
    """What the receiver must know to believe a document; the numbers are the values of SEC."""

    NETWPIN = 0
    USERPIN = 1
    USERNETWPIN = 2
    USERPINMAC = 3


class Proof(NamedTuple):
    """What goes with a document. ``mac`` is empty where nothing but the user's entry proves it.

    ``entry`` is what the user is told to type, empty when nothing.
    """

    method: Method
    mac: str
    entry: str = ""


def prove(
    method: Method, document: bytes, *, imsi: str = "", pin: str = "", imsi_form: ImsiForm = "semi-octets"
) -> Proof:
    """The proof of the document's octets, for a SIM with this IMSI or a user who knows this PIN.

    ``imsi_form`` is how the IMSI stands in the key; a few old phones want its digits.

    Raises: ConfigError when the method needs an IMSI or a PIN that is not there.
    """
    if method in (Method.NETWPIN, Method.USERNETWPIN) and not imsi:
        raise ConfigError(f"{method.name} needs the subscriber's IMSI, and none is known", key="security")
    if method is not Method.NETWPIN and not (pin.isascii() and pin.isdecimal()):
        raise ConfigError(f"{method.name} needs a PIN of digits", key="pin")
    network = b"" if method not in (Method.NETWPIN, Method.USERNETWPIN) else imsi_octets(imsi, imsi_form)
    user = b"" if method is Method.NETWPIN else pin.encode("ascii")
    mac = hmac.digest(network + user, document, "sha1")
    if method is Method.USERPINMAC:
        return Proof(method, "", pin + "".join(str(octet % 10) for octet in mac[: len(pin)]))
    return Proof(method, mac.hex().upper(), "" if method is Method.NETWPIN else pin)
