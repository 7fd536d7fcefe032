"""What holds of every provisioning document in WBXML."""

import contextlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from adapters.provisioning.document import ROOT, Characteristic, Parm
from adapters.provisioning.tokens import STARTS, VALUES
from adapters.provisioning.wbxml import decode_document, encode_document
from gateway.errors import DecodeError

VECTORS = Path(__file__).parents[1] / "vectors" / "provisioning"
ACCOUNT = bytes.fromhex((VECTORS / "cp-account.hex").read_text().partition("\n")[2])

known = [text for page in STARTS for _, text in page.values()] + [text for page in VALUES for text in page.values()]
texts = st.one_of(
    st.sampled_from(sorted(set(known))),
    st.text(st.sampled_from("aZ9-. é€\U0001f4f1\t\n&<"), max_size=12),
)
parms = st.lists(st.tuples(texts, texts).map(lambda pair: Parm(*pair)), max_size=4).map(tuple)
characteristics = st.recursive(
    st.tuples(texts, parms).map(lambda parts: Characteristic(*parts)),
    lambda below: st.tuples(texts, parms, st.lists(below, max_size=3).map(tuple)).map(
        lambda parts: Characteristic(*parts)
    ),
    max_leaves=12,
)


@given(below=st.lists(characteristics, max_size=3).map(tuple))
def test_every_document_comes_back(below: tuple[Characteristic, ...]) -> None:
    """Whatever the code page is when a name or value comes, it is read as it was written."""
    root = Characteristic(ROOT, (), below)
    assert decode_document(encode_document(root)) == root


@given(octets=st.one_of(st.binary(max_size=80), st.binary(max_size=80).map(lambda tail: b"\x03\x0b\x6a\0\xc5" + tail)))
def test_any_octets_are_a_document_or_are_refused(octets: bytes) -> None:
    """Nothing but DecodeError leaves the decoder."""
    with contextlib.suppress(DecodeError):
        decode_document(octets)


@given(data=st.data())
def test_a_damaged_document_is_a_document_or_is_refused(data: st.DataObject) -> None:
    """The same with one octet of a good document changed, or its end cut off."""
    at = data.draw(st.integers(0, len(ACCOUNT) - 1))
    damaged = bytearray(ACCOUNT[: data.draw(st.integers(at + 1, len(ACCOUNT)))])
    damaged[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DecodeError):
        decode_document(bytes(damaged))
