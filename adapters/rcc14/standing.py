"""Questions that stand answered: how a client that asks the same again is known, without its question being read.

An up-to-date client asks word for word what it asked the last time, and nothing that its answer follows from has
changed. Its device's record then has a digest of the two, keyed like the tokens; a question that gives this digest
again proves as much as the token in it did, and gets the same answer. Any other goes the long way.

Spec: RCC.14 2.2.2 (a client asks again when its validity ends), TOKEN
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from adapters.rcc14.identity import token as tokens
from adapters.rcc14.messages import STEADY, Request
from adapters.rcc14.session import Delivery, Kind, Terms, renew, validity_for
from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.owners import spoken
from gateway.fleet.subscriber import Subscriber

DIGEST_BYTES = 12
"""Enough to guess in vain at, for it is keyed, and little beside the rest of a record."""

_PURPOSE = b"rcc14-settled"
_encode = msgspec.msgpack.Encoder().encode
_MAX_VERS_DIGITS = 10


class Question(NamedTuple):
    """A request as it was written: its query, and the token and the version that the query names.

    ``host`` is the server's name that it was meant for. ``device_id`` is whose the token claims to be.
    """

    query: str
    host: str
    token: str
    vers: int
    device_id: str

    @property
    def names_applications(self) -> bool:
        """Whether the client asks for applications of its choice."""
        return "&app=" in f"&{self.query}".lower()

    def is_read_as(self, asked: Request) -> bool:
        """Whether reading the query as a whole gives the same token and version, and nothing that differs each time."""
        names = {field.partition("=")[0].lower() for field in self.query.split("&")}
        return asked.token == self.token and asked.vers == self.vers and names <= STEADY


def question_of(query: str, host: str) -> Question | None:
    """The question in a query; None when it could not stand answered, for it shows no token or names no version."""
    fields = f"&{query}"
    token, vers = _first(fields, "&token="), _first(fields, "&vers=")
    if not (token and fields.isascii() and vers.isdigit() and len(vers) <= _MAX_VERS_DIGITS):
        return None
    return Question(query, host, token, int(vers), tokens.device_of(token))


def _first(fields: str, name: str) -> str:
    """The value of the first field of that name, as it was written; empty when there is none."""
    return fields.partition(name)[2].partition("&")[0]


def common(follows_from: str, key: bytes) -> hashlib.blake2b:
    """What the digests of all questions have in common: what every answer follows from."""
    return hashlib.blake2b(follows_from.encode(), key=key, person=_PURPOSE, digest_size=DIGEST_BYTES)


def digest(question: Question, subscriber: Subscriber, device: Device, common: hashlib.blake2b) -> bytes:
    """What identifies a question and all that its answer follows from."""
    words = f"{question.query}\n{question.host}\n{subscriber.revision}".encode("utf-8", "surrogatepass")
    whole = common.copy()
    whole.update(_said_of(device) + words)
    return whole.digest()


def _said_of(device: Device) -> bytes:
    """What an answer to the device follows from in its record: all but what its OMA DM sessions change.

    Of these it only matters whether there was one: it could own some of the values.
    """
    state = device.rcc14 and replace(device.rcc14, settled=b"")
    return _encode((replace(device, omadm=None, rcc14=state, revision=0), spoken(device)))


def is_settled(state: Rcc14State, found: bytes) -> bool:
    """Whether this is the question that the device has an answer to."""
    return len(state.settled) == DIGEST_BYTES and hmac.compare_digest(state.settled, found)


def may_settle(delivery: Delivery, wish: str) -> bool:
    """Whether this answer is one that can be given again: content or none of the newest wish, and no word to a user."""
    state = delivery.state
    return (
        delivery.kind in (Kind.UNCHANGED, Kind.FULL)
        and not delivery.message
        and not state.told_to_wait
        and next(reversed(state.contents), None) == wish
    )


def again(question: Question, state: Rcc14State, terms: Terms, now: datetime) -> Delivery | None:
    """The answer to a settled question; None when a new token is due, which is a change."""
    device_id = question.device_id
    version = next(reversed(state.contents.values())).version
    kind = Kind.UNCHANGED if question.vers == version else Kind.FULL
    renewed, token_seconds = renew(device_id, state, question.token, kind, terms, now)
    if renewed is not state:
        return None
    return Delivery(kind, version, validity_for(device_id, terms), token_seconds, state)
