"""What holds of everything that is pushed to a phone: it comes back as it was, and no octets break a reader."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from adapters.omadm.notification import Initiator, Notification, UiMode, decode_notification, encode_notification
from adapters.sms.pdu import Ports, decode_part, decode_parts, encode_parts
from adapters.sms.wsp import APPLICATION_IDS, CONTENT_TYPES, Push, decode_push, encode_push
from gateway.errors import DecodeError

ports = st.builds(Ports, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
parameters = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["charset", "SEC"]), st.integers(0, 127)),
        st.tuples(st.just("MAC"), st.text("0123456789ABCDEF", max_size=60)),
    ),
    max_size=3,
).map(tuple)
applications = st.sampled_from(["", *APPLICATION_IDS.values()])
pushes = st.builds(Push, st.sampled_from([*CONTENT_TYPES.values()]), st.binary(max_size=60), parameters, applications)


@given(payload=st.binary(max_size=1200), to=ports, reference=st.integers(0, 0xFFFF), wide=st.booleans(), data=st.data())
def test_parts_come_back(payload: bytes, to: Ports, reference: int, wide: bool, data: st.DataObject) -> None:
    """Whatever the order, every payload is whole again, and no part is longer than a short message."""
    parts = encode_parts(payload, reference=reference, ports=to, wide=wide)
    assert max(map(len, parts)) <= 140
    whole = decode_parts(data.draw(st.permutations(parts)))
    assert (whole.payload, whole.ports) == (payload, to)


@given(push=pushes, transaction_id=st.integers(0, 255))
def test_pushes_come_back(push: Push, transaction_id: int) -> None:
    """Short and long headers alike."""
    assert decode_push(encode_push(push, transaction_id)) == push


@given(
    given_notification=st.builds(
        Notification,
        st.integers(1, 0xFFFF),
        st.text(min_size=1, max_size=60),
        st.sampled_from(UiMode),
        st.sampled_from(Initiator),
        st.integers(0, 1023),
        st.integers(0, (1 << 27) - 1),
        st.binary(max_size=20),
    ),
    nonce=st.binary(max_size=20),
)
def test_notifications_come_back(given_notification: Notification, nonce: bytes) -> None:
    """Every field in its bits."""
    assert decode_notification(encode_notification(given_notification, "digest", nonce)) == given_notification


@given(octets=st.binary(max_size=160))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    """Nothing but DecodeError leaves a decoder."""
    for decode in (decode_part, decode_push, decode_notification, lambda one: decode_parts([one])):
        with contextlib.suppress(DecodeError):
            decode(octets)


@given(octets=st.binary(max_size=80), flags=st.sampled_from([b"\x01\x06", b"\x01\x06\x20", b"\x01\x06\x08\x1f"]))
def test_any_headers_are_read_or_refused(octets: bytes, flags: bytes) -> None:
    """The same for what looks like a push at first."""
    with contextlib.suppress(DecodeError):
        decode_push(flags + octets)
