"""Shapes of headers: what is read by one is read as it would have been without."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.omadm.codec import Encoding, encode, encoding_of, open_message
from adapters.omadm.messages import Alert, Command, Cred, Item, Meta, SyncHdr, SyncML
from gateway.errors import DecodeError, LimitExceeded

XML = encoding_of("application/vnd.syncml.dm+xml")
WBXML = encoding_of("application/vnd.syncml.dm+wbxml")
BODY = (Alert("1", 1201), Command("Replace", "2", (Item(source="./DevInfo/Man", data="Acme & Söhne"),)))

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
TEXTS = WORDS | st.sampled_from(["ü", "a b", "1", "&lt;", "<1>", "]]>", "%s", "\\1", "syncml:auth-md5"])
DIGITS = st.integers(1, 2**31)


@st.composite
def headers(draw: st.DrawFn) -> SyncHdr:
    """Headers of a few shapes, with any texts in them."""
    return SyncHdr(
        session_id=draw(TEXTS),
        msg_id=draw(DIGITS),
        target=draw(st.sampled_from(["mogate", "https://dm.example.org/?a=1&b=2"])),
        source=draw(TEXTS),
        ver_dtd=draw(st.sampled_from(["1.1", "1.2"])),
        source_name=draw(TEXTS | st.just("")),
        cred=draw(
            st.none() | st.builds(Cred, type=st.just("syncml:auth-md5"), data=st.sampled_from(["Zm9v", "1", "+/=="]))
        ),
        meta=draw(st.none() | st.builds(Meta, max_msg_size=st.sampled_from([1, 16384]))),
    )


@given(st.lists(headers(), min_size=2, max_size=5), st.sampled_from([XML, WBXML]))
def test_every_header_is_read_as_it_was_written(said: list[SyncHdr], encoding: Encoding) -> None:
    """Whatever shapes were learnt before, also that of this very header, the message is the one that was sent."""
    unread = set()
    for header in (*said, *said):
        message = SyncML(header, BODY)
        opened = open_message(encode(message, encoding), encoding)
        assert opened.header == header
        unread.add((header.ver_dtd, header.cred is None, header.meta is None, opened.unread))
        assert opened.read() == message
        assert opened.encoding == encoding
        opened.learn()
    # What is behind the header is told by the same octets, however the header was read.
    assert len(unread) == len({one[:-1] for one in unread})


@given(headers(), st.sampled_from([XML, WBXML]))
def test_a_header_that_lacks_what_it_needs_is_refused_as_ever(header: SyncHdr, encoding: Encoding) -> None:
    """A number that is none, or a text that is too long, fits the shape and is refused all the same."""
    header = replace(header, session_id="7", msg_id=77777)
    octets = encode(SyncML(header, BODY), encoding)
    open_message(octets, encoding).learn()
    for wrong in (b"77x77", b"7" * 11, b"0"):
        with pytest.raises((DecodeError, LimitExceeded), match=r"not a number|digits|is not between"):
            open_message(octets.replace(b"77777", wrong, 1), encoding)
