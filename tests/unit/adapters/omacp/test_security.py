"""SEC and MAC against values that OpenSSL computed, and against tshark's reading of the push."""

import tomllib
from pathlib import Path

import pytest
from tshark import dissect, wbxml_rendering

from adapters.omacp.push import push
from adapters.omacp.security import Method, Proof, prove
from adapters.provisioning.document import parse_document
from adapters.provisioning.wbxml import decode_document
from adapters.sms.pdu import encode_parts, semi_octets
from adapters.sms.wsp import encode_push
from gateway.errors import ConfigError

VECTORS = tomllib.loads((Path(__file__).parents[3] / "vectors" / "push" / "security.toml").read_text())
NAMES = ("cp-minimal", "cp-account")


@pytest.mark.parametrize(("imsi", "key"), VECTORS["imsi_keys"].items())
def test_the_imsi_as_a_key(imsi: str, key: str) -> None:
    """Semi-octets behind a parity digit, for an odd and an even number of digits. Spec: 3GPP TS 51.011 10.3.2"""
    assert semi_octets(imsi).hex().upper() == key


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("name", NAMES)
def test_vectors(documents: dict[str, bytes], name: str, method: Method) -> None:
    """Each method has its key; USERPINMAC has no MAC but an entry for the user. Spec: OMA-WAP-TS-ProvBoot-V1_1"""
    by_entry = method is Method.USERPINMAC
    pin = VECTORS["long_pin" if by_entry else "pin"]
    expected = VECTORS[name][method.name]
    proof = prove(method, documents[name], imsi=VECTORS["imsi"], pin=pin)
    typed = "" if method is Method.NETWPIN else pin
    assert proof == (Proof(method, "", expected) if by_entry else Proof(method, expected, typed))


@pytest.mark.parametrize("method", Method)
def test_tshark_reads_the_push(documents: dict[str, bytes], method: Method) -> None:
    """An independent dissector finds SEC, MAC and the document in the short messages."""
    document = documents["cp-account"]
    proof = prove(method, document, imsi=VECTORS["imsi"], pin=VECTORS["pin"])
    found = dissect(encode_parts(encode_push(push(document, proof)), reference=9))
    mac = f"; MAC={proof.mac}" if proof.mac else ""
    assert f"Content-Type: application/vnd.wap.connectivity-wbxml; SEC={method.name}{mac}\n" in found
    assert parse_document(wbxml_rendering(found)) == decode_document(document)


def test_the_size_of_an_account(documents: dict[str, bytes]) -> None:
    """A whole account with an access point takes 500 octets and four short messages."""
    octets = encode_push(push(documents["cp-account"], prove(Method.USERPIN, documents["cp-account"], pin="1234")))
    assert (len(octets), len(encode_parts(octets, reference=1))) == (500, 4)
    assert octets.endswith(documents["cp-account"])


def test_the_digits_of_the_imsi_as_a_key() -> None:
    """Some phones want the IMSI as it is written; that gives another MAC."""
    given = prove(Method.NETWPIN, b"x", imsi="00101123456789", imsi_form="digits")
    assert given.mac == prove(Method.USERPIN, b"x", pin="00101123456789").mac
    assert given.mac != prove(Method.NETWPIN, b"x", imsi="00101123456789").mac


@pytest.mark.parametrize(
    ("method", "imsi", "pin", "says"),
    [
        (Method.NETWPIN, "", "", "NETWPIN needs the subscriber's IMSI"),
        (Method.USERNETWPIN, "", "1234", "USERNETWPIN needs the subscriber's IMSI"),
        (Method.USERNETWPIN, "001011234567895", "", "USERNETWPIN needs a PIN"),
        (Method.USERPIN, "", "12a4", "USERPIN needs a PIN of digits"),
        (Method.USERPINMAC, "", "", "USERPINMAC needs a PIN"),
    ],
)
def test_what_a_method_needs(method: Method, imsi: str, pin: str, says: str) -> None:
    """Without its key nothing is signed."""
    with pytest.raises(ConfigError, match=says):
        prove(method, b"x", imsi=imsi, pin=pin)
